"""The request and its answer: ``incoming-request``, ``outgoing-response`` and ``response-outparam``.

Of ``wasi:http/types`` (WIT of wasi:http 0.2.12). Their bodies are in ``bodies``; requests that a guest makes are in
``outgoing``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmbuild.run.http.bodies import IncomingBody, OutgoingBody
from wasmbuild.run.http.codes import ERROR_CODE, METHOD, SCHEME, method_case, scheme_case
from wasmbuild.run.http.compounds import OptionOf, Result
from wasmbuild.run.http.exchange import Exchange, Head, Request
from wasmbuild.run.http.fields import Fields, visible
from wasmbuild.run.http.linking import Function
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.values import STRING, U16, Case, Err, Misuse, Ok

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["INCOMING", "IncomingRequest", "OutgoingResponse", "ResponseOutparam"]

_NOT_MODIFIED = 304


class IncomingRequest:
    """``incoming-request``: what the client asks."""

    def __init__(self, exchange: Exchange) -> None:
        self.head: Request = exchange.request
        self.headers = Fields(visible(exchange.request.headers), frozen=True)
        self._exchange = exchange
        self._consumed = False

    def consume(self) -> Ok | Err:
        """The body, the first time."""
        if self._consumed:
            return Err()
        self._consumed = True
        return Ok(IncomingBody(self._exchange))


class OutgoingResponse:
    """``outgoing-response``: what the guest answers."""

    def __init__(self, headers: Fields, exchange: Exchange) -> None:
        headers.frozen = True
        self.headers = headers
        self.status = 200
        self._exchange = exchange
        self._body: OutgoingBody | None = None

    def body(self, charge: Callable[[int], None]) -> Ok | Err:
        """The body, the first time."""
        if self._body is not None:
            return Err()
        self._body = OutgoingBody(self._exchange, charge, self._length())
        return Ok(self._body)

    def send(self) -> None:
        """Make this the answer; it has no body when nobody asked for one."""
        self._exchange.answer(Head(self.status, self.headers.entries))
        if self._body is not None:
            self._body.send()
        elif self._length():
            self._exchange.fail()
        else:
            self._exchange.finish()

    def _length(self) -> int | None:
        """What ``content-length`` promises: nothing where there is no body whatever it says (RFC 9110 §8.6)."""
        values = self.headers.get("content-length")
        if not values or self._exchange.request.method == "HEAD" or self.status == _NOT_MODIFIED:
            return None
        return int(values[0])


class ResponseOutparam:
    """``response-outparam``: where the answer goes, once. Let go of, there is no answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def set(self, answer: Ok | Err) -> None:
        """Take an answer, or an error code in its place."""
        if isinstance(answer, Ok) and isinstance(answer.value, OutgoingResponse):
            answer.value.send()
        else:
            self._exchange.refuse(answer.value.name)

    def dropped(self) -> None:
        """There will be no answer."""
        self._exchange.fail()


def _method(_host: "Host", request: IncomingRequest) -> Case:
    return method_case(request.head.method)


def _path(_host: "Host", request: IncomingRequest) -> str | None:
    return request.head.target or None


def _scheme(_host: "Host", request: IncomingRequest) -> Case:
    return scheme_case(request.head.scheme)


def _authority(_host: "Host", request: IncomingRequest) -> str | None:
    return request.head.authority


def _headers(_host: "Host", request: IncomingRequest) -> Fields:
    return request.headers


def _consume(_host: "Host", request: IncomingRequest) -> Ok | Err:
    return request.consume()


def _response(host: "Host", headers: Fields) -> OutgoingResponse:
    if len(headers.get("content-length")) > 1:
        raise Misuse("an answer has more than one content-length")
    return OutgoingResponse(headers, host.exchange)


def _status(_host: "Host", response: OutgoingResponse) -> int:
    return response.status


def _set_status(_host: "Host", response: OutgoingResponse, status: int) -> Ok | Err:
    # Those below 200 are not answers, and only a connection's owner sends them (RFC 9110 §15.2).
    if not 200 <= status <= 599:
        return Err()
    response.status = status
    return Ok()


def _response_headers(_host: "Host", response: OutgoingResponse) -> Fields:
    return response.headers


def _body(host: "Host", response: OutgoingResponse) -> Ok | Err:
    return response.body(host.charge)


def _set(_host: "Host", param: ResponseOutparam, answer: Ok | Err) -> None:
    param.set(answer)


_REQUEST, _RESPONSE = Borrow(IncomingRequest), Borrow(OutgoingResponse)

INCOMING = (
    Function("[method]incoming-request.method", (_REQUEST,), METHOD, _method),
    Function("[method]incoming-request.path-with-query", (_REQUEST,), OptionOf(STRING), _path),
    Function("[method]incoming-request.scheme", (_REQUEST,), OptionOf(SCHEME), _scheme),
    Function("[method]incoming-request.authority", (_REQUEST,), OptionOf(STRING), _authority),
    Function("[method]incoming-request.headers", (_REQUEST,), Own(Fields), _headers),
    Function("[method]incoming-request.consume", (_REQUEST,), Result(Own(IncomingBody)), _consume),
    Function("[constructor]outgoing-response", (Own(Fields),), Own(OutgoingResponse), _response),
    Function("[method]outgoing-response.status-code", (_RESPONSE,), U16, _status),
    Function("[method]outgoing-response.set-status-code", (_RESPONSE, U16), Result(), _set_status),
    Function("[method]outgoing-response.headers", (_RESPONSE,), Own(Fields), _response_headers),
    Function("[method]outgoing-response.body", (_RESPONSE,), Result(Own(OutgoingBody)), _body),
    Function(
        "[static]response-outparam.set",
        (Own(ResponseOutparam), Result(Own(OutgoingResponse), ERROR_CODE)),
        None,
        _set,
    ),
)
