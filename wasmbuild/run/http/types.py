"""``wasi:http/types`` as one interface, put together from its parts (WIT of wasi:http 0.2.12)."""

from typing import TYPE_CHECKING

from wasmbuild.run.http.bodies import BODIES, FutureTrailers, IncomingBody, OutgoingBody
from wasmbuild.run.http.codes import ERROR_CODE
from wasmbuild.run.http.compounds import OptionOf
from wasmbuild.run.http.fields import FIELDS, Fields
from wasmbuild.run.http.incoming import INCOMING, IncomingRequest, OutgoingResponse, ResponseOutparam
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.outgoing import (
    OUTGOING,
    FutureIncomingResponse,
    IncomingResponse,
    OutgoingRequest,
    RequestOptions,
)
from wasmbuild.run.http.resources import Borrow
from wasmbuild.run.http.streams import IoError
from wasmbuild.run.http.values import Case

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["TYPES"]


def _error_code(_host: "Host", error: IoError) -> Case | None:
    return error.code


TYPES = Interface(
    "wasi:http/types",
    (
        Function("http-error-code", (Borrow(IoError),), OptionOf(ERROR_CODE), _error_code),
        *FIELDS,
        *INCOMING,
        *OUTGOING,
        *BODIES,
    ),
    (
        ("fields", Fields),
        ("incoming-request", IncomingRequest),
        ("outgoing-request", OutgoingRequest),
        ("request-options", RequestOptions),
        ("response-outparam", ResponseOutparam),
        ("incoming-response", IncomingResponse),
        ("incoming-body", IncomingBody),
        ("future-trailers", FutureTrailers),
        ("outgoing-response", OutgoingResponse),
        ("outgoing-body", OutgoingBody),
        ("future-incoming-response", FutureIncomingResponse),
    ),
)
