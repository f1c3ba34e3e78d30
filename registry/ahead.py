"""Reading ahead: the next piece is read, and hashed, while the last one is being sent or written."""

from contextlib import suppress
from contextvars import copy_context
from queue import Empty, Queue
from threading import Event, Thread
from time import monotonic

from registry.content import CHUNK, Readable

__all__ = ["ReadAhead"]

_DEPTH = 2
"""Pieces of ``CHUNK`` bytes that may wait."""
_FAREWELL = 2.0
"""Seconds that the thread gets to end."""


class ReadAhead(Readable):
    """A source that another thread reads; what that fails with is raised where the bytes would have been."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._pieces: Queue[bytes | BaseException] = Queue(_DEPTH)
        self._rest = b""
        self._ended: BaseException | bool = False
        self._closing = Event()
        self._thread = Thread(target=copy_context().run, args=(self._fill,), name="read-ahead", daemon=True)
        self._thread.start()

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end. Raises what reading the source raises."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        if not self._rest and not self._ended:
            piece = self._pieces.get()
            if isinstance(piece, BaseException):
                self._ended = piece
            else:
                self._rest, self._ended = piece, not piece
        if isinstance(self._ended, BaseException):
            raise self._ended
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def stop(self) -> None:
        """Stop reading; the source stays open. A read that nothing wakes is left to itself."""
        self._closing.set()
        deadline = monotonic() + _FAREWELL
        while self._thread.is_alive() and monotonic() < deadline:
            with suppress(Empty):
                self._pieces.get_nowait()  # whoever waits for room is let go
            self._thread.join(0.01)

    def close(self) -> None:
        """Stop reading, and close the source."""
        self.stop()
        self._source.close()

    def _fill(self) -> None:
        try:
            while not self._closing.is_set():
                piece = self._source.read(CHUNK)
                self._pieces.put(piece)
                if not piece:
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the bytes are read
            self._pieces.put(error)
