"""Reading ahead: what is sent next is read, and hashed, while the last piece is on its way."""

from contextvars import copy_context
from queue import Queue
from threading import Event, Thread

from registry.content import CHUNK, Readable

__all__ = ["ReadAhead"]

_DEPTH = 2
"""Pieces of ``CHUNK`` bytes that may wait."""


class ReadAhead(Readable):
    """A source that another thread reads; what that fails with is raised where the bytes would have been."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._pieces: Queue[bytes | Exception] = Queue(_DEPTH)
        self._rest = b""
        self._ended: Exception | bool = False
        self._closing = Event()
        self._thread = Thread(target=copy_context().run, args=(self._fill,), name="read-ahead", daemon=True)
        self._thread.start()

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end. Raises what reading the source raises."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        if not self._rest and not self._ended:
            piece = self._pieces.get()
            if isinstance(piece, Exception):
                self._ended = piece
            else:
                self._rest, self._ended = piece, not piece
        if isinstance(self._ended, Exception):
            raise self._ended
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Stop reading, and close the source."""
        self._closing.set()
        while self._thread.is_alive():
            while not self._pieces.empty():  # whoever waits for room is let go
                self._pieces.get()
            self._thread.join(0.01)
        self._source.close()

    def _fill(self) -> None:
        try:
            while not self._closing.is_set():
                piece = self._source.read(CHUNK)
                self._pieces.put(piece)
                if not piece:
                    return
        except Exception as error:  # noqa: BLE001 - it is raised where the bytes are read
            self._pieces.put(error)
