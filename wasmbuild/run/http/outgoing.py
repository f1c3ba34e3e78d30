"""Requests that a guest makes: it may describe them, and each is denied when it shall be sent.

``outgoing-request``, ``request-options`` and ``wasi:http/outgoing-handler`` (WIT of wasi:http 0.2.12). There
are no ``incoming-response`` and no ``future-incoming-response`` that anybody could hold.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmbuild.run.http.bodies import OutgoingBody
from wasmbuild.run.http.codes import ERROR_CODE, METHOD, SCHEME
from wasmbuild.run.http.compounds import OptionOf, Result
from wasmbuild.run.http.fields import Fields
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.values import STRING, U64, Case, Err, Ok, Type

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = [
    "OUTGOING",
    "OUTGOING_HANDLER",
    "FutureIncomingResponse",
    "IncomingResponse",
    "OutgoingRequest",
    "RequestOptions",
]

_MOST_TEXT = 64 * 1024


class OutgoingRequest:
    """``outgoing-request``: what a guest would like to ask somebody."""

    def __init__(self, headers: Fields) -> None:
        headers.frozen = True
        self.headers = headers
        self.method = Case("get")
        self.path_with_query: str | None = None
        self.scheme: Case | None = None
        self.authority: str | None = None
        self.body: OutgoingBody | None = None


class RequestOptions:
    """``request-options``: how long a guest would wait, in nanoseconds."""

    def __init__(self) -> None:
        self.connect_timeout: int | None = None
        self.first_byte_timeout: int | None = None
        self.between_bytes_timeout: int | None = None


class IncomingResponse:
    """``incoming-response``: nobody ever has one."""


class FutureIncomingResponse:
    """``future-incoming-response``: nobody ever has one."""


def _new(_host: "Host", headers: Fields) -> OutgoingRequest:
    return OutgoingRequest(headers)


def _body(host: "Host", request: OutgoingRequest) -> Ok | Err:
    if request.body is not None:
        return Err()
    request.body = OutgoingBody(None, host.charge)
    return Ok(request.body)


def _options(_host: "Host") -> RequestOptions:
    return RequestOptions()


def _deny(_host: "Host", _request: OutgoingRequest, _options: RequestOptions | None) -> Err:
    return Err(Case("HTTP-request-denied"))


def _reader(attribute: str) -> Callable[["Host", object], Any]:
    def read(_host: "Host", holder: object) -> Any:  # noqa: ANN401 - what the attribute holds
        return getattr(holder, attribute)

    return read


def _writer(attribute: str) -> Callable[["Host", object, Any], Ok | Err]:
    def write(host: "Host", holder: object, value: Any) -> Ok | Err:  # noqa: ANN401 - as above
        text = value.value if isinstance(value, Case) else value
        if isinstance(text, str) and len(text) > _MOST_TEXT:
            return Err()
        host.charge(len(text.encode()) if isinstance(text, str) else 0)
        setattr(holder, attribute, value)
        return Ok()

    return write


def _pair(resource: str, holder: type, name: str, kind: Type) -> tuple[Function, Function]:
    """A function that reads an attribute, and one that sets it."""
    attribute = name.replace("-", "_")
    return (
        Function(f"[method]{resource}.{name}", (Borrow(holder),), kind, _reader(attribute)),
        Function(f"[method]{resource}.set-{name}", (Borrow(holder), kind), Result(), _writer(attribute)),
    )


OUTGOING = (
    Function("[constructor]outgoing-request", (Own(Fields),), Own(OutgoingRequest), _new),
    Function("[method]outgoing-request.body", (Borrow(OutgoingRequest),), Result(Own(OutgoingBody)), _body),
    Function("[method]outgoing-request.headers", (Borrow(OutgoingRequest),), Own(Fields), _reader("headers")),
    *_pair("outgoing-request", OutgoingRequest, "method", METHOD),
    *_pair("outgoing-request", OutgoingRequest, "path-with-query", OptionOf(STRING)),
    *_pair("outgoing-request", OutgoingRequest, "scheme", OptionOf(SCHEME)),
    *_pair("outgoing-request", OutgoingRequest, "authority", OptionOf(STRING)),
    Function("[constructor]request-options", (), Own(RequestOptions), _options),
    *_pair("request-options", RequestOptions, "connect-timeout", OptionOf(U64)),
    *_pair("request-options", RequestOptions, "first-byte-timeout", OptionOf(U64)),
    *_pair("request-options", RequestOptions, "between-bytes-timeout", OptionOf(U64)),
)

OUTGOING_HANDLER = Interface(
    "wasi:http/outgoing-handler",
    (
        Function(
            "handle",
            (Own(OutgoingRequest), OptionOf(Own(RequestOptions))),
            Result(Own(FutureIncomingResponse), ERROR_CODE),
            _deny,
        ),
    ),
)
