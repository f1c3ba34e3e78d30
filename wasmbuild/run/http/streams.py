"""``wasi:io/error`` and ``wasi:io/streams`` (WIT of wasi:io 0.2.12).

What a stream reads from or writes to is in ``bodies`` and ``console``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmbuild.run.http.compounds import Result, Variant
from wasmbuild.run.http.exchange import BUFFER
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.poll import Pollable
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.values import BYTES, STRING, U64, Case, Err, Misuse, Ok

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["ERROR", "STREAMS", "InputStream", "IoError", "OutputStream", "StreamClosed", "StreamFailed"]

_AT_ONCE = 4096
"""Bytes that ``blocking-write-and-flush`` and ``blocking-write-zeroes-and-flush`` take, by their WIT."""


class IoError:
    """``error``: why a stream failed; ``code`` is the ``wasi:http`` error code, if it is one."""

    def __init__(self, words: str, code: Case | None = None) -> None:
        self.words = words
        self.code = code


class StreamClosed(Exception):
    """There is no more to read, or nobody to read what is written."""


class StreamFailed(Exception):
    """The stream cannot go on."""

    def __init__(self, error: IoError) -> None:
        super().__init__(error.words)
        self.error = error


class InputStream:
    """``input-stream``; this one is at its end."""

    def read(self, most: int) -> bytes:
        """Up to ``most`` bytes, or nothing when none are there yet. Raises StreamClosed, StreamFailed."""
        del most
        raise StreamClosed

    def ready(self) -> bool:
        """Whether a read would tell more than that nothing is there."""
        return True


class OutputStream:
    """``output-stream``; this one has no reader."""

    def room(self) -> int:
        """How many bytes may be written. Raises StreamClosed, StreamFailed."""
        raise StreamClosed

    def write(self, data: bytes) -> None:
        """Write what there is room for. Raises StreamClosed, StreamFailed."""
        del data
        raise StreamClosed

    def ready(self) -> bool:
        """Whether there is room."""
        return True


def _told(act: Callable[[], object]) -> Ok | Err:
    """What an operation gives, as ``result<…, stream-error>``."""
    try:
        return Ok(act())
    except StreamClosed:
        return Err(Case("closed"))
    except StreamFailed as failed:
        return Err(Case("last-operation-failed", failed.error))


def _read(_host: "Host", stream: InputStream, most: int) -> Ok | Err:
    return _told(lambda: stream.read(min(most, BUFFER)))


def _blocking_read(host: "Host", stream: InputStream, most: int) -> Ok | Err:
    host.wait([Pollable(stream.ready)])
    return _read(host, stream, most)


def _skip(_host: "Host", stream: InputStream, most: int) -> Ok | Err:
    return _told(lambda: len(stream.read(min(most, BUFFER))))


def _blocking_skip(host: "Host", stream: InputStream, most: int) -> Ok | Err:
    host.wait([Pollable(stream.ready)])
    return _skip(host, stream, most)


def _subscribe(_host: "Host", stream: InputStream | OutputStream) -> Pollable:
    return Pollable(stream.ready)


def _check_write(_host: "Host", stream: OutputStream) -> Ok | Err:
    return _told(stream.room)


def _put(stream: OutputStream, data: bytes) -> None:
    if len(data) > stream.room():
        raise Misuse("more was written than check-write allowed")
    stream.write(data)


def _write(_host: "Host", stream: OutputStream, data: bytes) -> Ok | Err:
    return _told(lambda: _put(stream, data))


def _write_zeroes(_host: "Host", stream: OutputStream, size: int) -> Ok | Err:
    if size > BUFFER:
        raise Misuse("more was written than check-write allowed")
    return _told(lambda: _put(stream, bytes(size)))


def _flush(_host: "Host", stream: OutputStream) -> Ok | Err:
    # What was written has been taken over, and leaves without being asked.
    return _told(lambda: stream.room() and None)


def _blocking_write(host: "Host", stream: OutputStream, data: bytes) -> Ok | Err:
    if len(data) > _AT_ONCE:
        raise Misuse(f"more than {_AT_ONCE} bytes were written at once")

    def act() -> None:
        left = data
        while left:
            host.wait([Pollable(stream.ready)])
            room = stream.room()
            stream.write(left[:room])
            left = left[room:]

    return _told(act)


def _blocking_write_zeroes(host: "Host", stream: OutputStream, size: int) -> Ok | Err:
    return _blocking_write(host, stream, bytes(min(size, _AT_ONCE + 1)))


def _splice(_host: "Host", stream: OutputStream, source: InputStream, most: int) -> Ok | Err:
    def act() -> int:
        data = source.read(min(most, stream.room(), BUFFER))
        stream.write(data)
        return len(data)

    return _told(act)


def _blocking_splice(host: "Host", stream: OutputStream, source: InputStream, most: int) -> Ok | Err:
    host.wait([Pollable(stream.ready)])
    host.wait([Pollable(source.ready)])
    return _splice(host, stream, source, most)


def _error_words(_host: "Host", error: IoError) -> str:
    return error.words


ERROR = Interface(
    "wasi:io/error",
    (Function("[method]error.to-debug-string", (Borrow(IoError),), STRING, _error_words),),
    (("error", IoError),),
)

_IN, _OUT = Borrow(InputStream), Borrow(OutputStream)
_FAILS = Variant({"last-operation-failed": Own(IoError), "closed": None})
_DONE = Result(None, _FAILS)
_COUNTED = Result(U64, _FAILS)
_DATA = Result(BYTES, _FAILS)

STREAMS = Interface(
    "wasi:io/streams",
    (
        Function("[method]input-stream.read", (_IN, U64), _DATA, _read),
        Function("[method]input-stream.blocking-read", (_IN, U64), _DATA, _blocking_read),
        Function("[method]input-stream.skip", (_IN, U64), _COUNTED, _skip),
        Function("[method]input-stream.blocking-skip", (_IN, U64), _COUNTED, _blocking_skip),
        Function("[method]input-stream.subscribe", (_IN,), Own(Pollable), _subscribe),
        Function("[method]output-stream.check-write", (_OUT,), _COUNTED, _check_write),
        Function("[method]output-stream.write", (_OUT, BYTES), _DONE, _write),
        Function("[method]output-stream.blocking-write-and-flush", (_OUT, BYTES), _DONE, _blocking_write),
        Function("[method]output-stream.flush", (_OUT,), _DONE, _flush),
        Function("[method]output-stream.blocking-flush", (_OUT,), _DONE, _flush),
        Function("[method]output-stream.subscribe", (_OUT,), Own(Pollable), _subscribe),
        Function("[method]output-stream.write-zeroes", (_OUT, U64), _DONE, _write_zeroes),
        Function("[method]output-stream.blocking-write-zeroes-and-flush", (_OUT, U64), _DONE, _blocking_write_zeroes),
        Function("[method]output-stream.splice", (_OUT, _IN, U64), _COUNTED, _splice),
        Function("[method]output-stream.blocking-splice", (_OUT, _IN, U64), _COUNTED, _blocking_splice),
    ),
    (("input-stream", InputStream), ("output-stream", OutputStream)),
)
