"""Bodies of ``wasi:http/types``: ``incoming-body``, ``future-trailers``, ``outgoing-body`` (WIT of wasi:http 0.2.12).

Trailers go neither way: those of a request are left out, those of an answer are taken and dropped, as
HTTP allows (RFC 9110 §6.5.1).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmbuild.run.http.codes import ERROR_CODE
from wasmbuild.run.http.compounds import OptionOf, Result
from wasmbuild.run.http.exchange import BUFFER, Exchange
from wasmbuild.run.http.fields import Fields
from wasmbuild.run.http.linking import Function
from wasmbuild.run.http.poll import Pollable
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.streams import InputStream, IoError, OutputStream, StreamClosed, StreamFailed
from wasmbuild.run.http.values import Case, Err, Misuse, Ok

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["BODIES", "FutureTrailers", "IncomingBody", "OutgoingBody"]


class _FromClient(InputStream):
    """The body of the request."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def read(self, most: int) -> bytes:
        """What has come. Raises StreamClosed at the end, StreamFailed when the body is too large."""
        data = self._exchange.read(most)
        if data or most == 0:
            return data
        if self._exchange.too_large:
            raise StreamFailed(IoError("the body of the request is too large", _too_large(self._exchange)))
        if self._exchange.received_all or self._exchange.discarding:
            raise StreamClosed
        return b""

    def ready(self) -> bool:
        """Whether something has come, or nothing more will."""
        exchange = self._exchange
        return bool(exchange.incoming or exchange.received_all or exchange.too_large or exchange.discarding)


class IncomingBody:
    """``incoming-body``: hands out its stream once."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._taken = False

    def stream(self) -> Ok | Err:
        """The stream, the first time."""
        if self._taken:
            return Err()
        self._taken = True
        return Ok(_FromClient(self._exchange))

    def finish(self) -> "FutureTrailers":
        """What comes after the body, which nobody reads on."""
        self._exchange.discard()
        return FutureTrailers(self._exchange)


class FutureTrailers:
    """``future-trailers``: whether the request came to its end; there never are any."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._given = False

    def ready(self) -> bool:
        """Whether the request came to its end."""
        return self._exchange.received_all or self._exchange.too_large

    def get(self) -> Ok | Err | None:
        """None before the end; then Ok, or Err with an error code, inside Ok; after that Err."""
        if not self.ready():
            return None
        if self._given:
            return Err()
        self._given = True
        return Ok(Err(_too_large(self._exchange)) if self._exchange.too_large else Ok())


class _ToClient(OutputStream):
    """What a guest writes to a body."""

    def __init__(self, body: "OutgoingBody") -> None:
        self._body = body

    def room(self) -> int:
        """What the buffer has left. Raises StreamClosed when the body is finished."""
        if self._body.ended:
            raise StreamClosed
        return max(0, BUFFER - self._body.waiting)

    def write(self, data: bytes) -> None:
        """Hand bytes to the body. Raises StreamFailed for more than was promised."""
        self._body.write(data)

    def ready(self) -> bool:
        """Whether the buffer has room."""
        return self._body.ended or self._body.waiting < BUFFER


class OutgoingBody:
    """``outgoing-body``: of the answer, or of a request that will not be sent (then without an exchange).

    Until its response is the answer, what is written waits here: a guest may make others, and let go of
    them. ``length`` is what its header promises; ``charge`` is the host's, for what waits.
    """

    def __init__(self, exchange: Exchange | None, charge: Callable[[int], None], length: int | None = None) -> None:
        self._exchange = exchange
        self._charge = charge
        self._length = length
        self._written = 0
        self._early = bytearray()
        self._sent_by: Exchange | None = None
        self._taken = False
        self._whole = False
        self.ended = False

    @property
    def waiting(self) -> int:
        """Bytes that nobody has taken."""
        return len(self._early if self._sent_by is None else self._sent_by.outgoing)

    def stream(self) -> Ok | Err:
        """The stream, the first time."""
        if self._taken:
            return Err()
        self._taken = True
        return Ok(OutputStream() if self._exchange is None else _ToClient(self))

    def write(self, data: bytes) -> None:
        """Hand bytes to the server, or keep them. Raises StreamFailed for more than the header promised."""
        self._written += len(data)
        if self._length is not None and self._written > self._length:
            code = Case("HTTP-response-body-size", self._written)
            raise StreamFailed(IoError("the body is longer than its content-length", code))
        if self._sent_by is not None:
            self._sent_by.write(data)
        else:
            self._charge(len(data))
            self._early += data

    def send(self) -> None:
        """Its response is the answer: what has waited leaves, and what comes follows."""
        if self._exchange is None:
            return
        self._sent_by = self._exchange
        self._exchange.write(bytes(self._early))
        self._early.clear()
        if self.ended:
            self._tell_end()

    def finish(self) -> Ok | Err:
        """Complete the body; Err when it is shorter than its header promised."""
        self.ended = True
        self._whole = self._length in {None, self._written}
        self._tell_end()
        return Ok() if self._whole else Err(Case("HTTP-response-body-size", self._written))

    def dropped(self) -> None:
        """It was let go of unfinished: the answer is not complete."""
        self.ended = True
        self._tell_end()

    def _tell_end(self) -> None:
        if self._sent_by is None:
            return
        if self._whole:
            self._sent_by.finish()
        else:
            self._sent_by.fail()


def _too_large(exchange: Exchange) -> Case:
    return Case("HTTP-request-body-size", exchange.received)


def _in_stream(_host: "Host", body: IncomingBody) -> Ok | Err:
    return body.stream()


def _in_finish(_host: "Host", body: IncomingBody) -> FutureTrailers:
    return body.finish()


def _trailers_subscribe(_host: "Host", trailers: FutureTrailers) -> Pollable:
    return Pollable(trailers.ready)


def _trailers_get(_host: "Host", trailers: FutureTrailers) -> Ok | Err | None:
    return trailers.get()


def _out_stream(_host: "Host", body: OutgoingBody) -> Ok | Err:
    return body.stream()


def _out_finish(_host: "Host", body: OutgoingBody, _trailers: Fields | None) -> Ok | Err:
    if body.ended:
        raise Misuse("a body was finished twice")
    return body.finish()


_TRAILERS = OptionOf(Result(Result(OptionOf(Own(Fields)), ERROR_CODE)))

BODIES = (
    Function("[method]incoming-body.stream", (Borrow(IncomingBody),), Result(Own(InputStream)), _in_stream),
    Function("[static]incoming-body.finish", (Own(IncomingBody),), Own(FutureTrailers), _in_finish),
    Function("[method]future-trailers.subscribe", (Borrow(FutureTrailers),), Own(Pollable), _trailers_subscribe),
    Function("[method]future-trailers.get", (Borrow(FutureTrailers),), _TRAILERS, _trailers_get),
    Function("[method]outgoing-body.write", (Borrow(OutgoingBody),), Result(Own(OutputStream)), _out_stream),
    Function(
        "[static]outgoing-body.finish",
        (Own(OutgoingBody), OptionOf(Own(Fields))),
        Result(None, ERROR_CODE),
        _out_finish,
    ),
)
