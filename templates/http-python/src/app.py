"""An HTTP handler that greets whom the path names: GET /Ada."""

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Get,
    Method_Head,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

MOST = 4096  # bytes that a stream takes at once


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        status, text = answer(request)
        response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain; charset=utf-8")]))
        response.set_status_code(status)
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))

        data = text.encode()
        with body.write() as stream:  # a body may be finished only when its stream is gone
            for start in range(0, len(data), MOST):
                stream.blocking_write_and_flush(data[start : start + MOST])
        OutgoingBody.finish(body, None)


def answer(request: IncomingRequest) -> tuple[int, str]:
    """The status and the text for a request."""
    if not isinstance(request.method(), Method_Get | Method_Head):
        return 405, "only GET and HEAD\n"
    path = request.path_with_query() or "/"
    name = path.partition("?")[0].lstrip("/") or "world"
    return 200, f"Hello, {name}, from WebAssembly!\n"
