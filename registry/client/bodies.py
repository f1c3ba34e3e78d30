"""Bodies of answers: read off the wire, or whole when they are small, or let go; never for ever."""

import time
from contextlib import suppress

import requests
import urllib3

from registry.client.answers import number_in, unreachable
from registry.content import Readable
from registry.errors import ContentTooLarge, Unreachable
from registry.model import MAX_MANIFEST

__all__ = ["Incoming", "bounded", "is_empty", "let_go"]

_PATIENCE = 60.0
"""Seconds that may pass before a body has to have come at the least speed."""
_LEAST_SPEED = 1024
"""Bytes a second, on the average, below which a body is given up."""
_SMALL = 64 * 1024
"""Bytes that are read rather than a connection being made anew."""


class Incoming(Readable):
    """The body of an answer, as it comes off the wire; a broken connection is our kind of failure."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._began = time.monotonic()
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes as they were sent, without undoing a content encoding."""
        if size < 0:
            return b"".join(iter(lambda: self.read(MAX_MANIFEST), b""))
        try:
            # As much as one packet brings: a sender that drips is noticed between two of them.
            data: bytes = self._response.raw.read1(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(error, self._response.url) from None
        self._seen += len(data)
        waited = time.monotonic() - self._began
        if waited > _PATIENCE and self._seen < waited * _LEAST_SPEED:
            failure = Unreachable(f"the registry is too slow: {self._seen} bytes in {waited:.0f} seconds")
            failure.may_pass = False  # more of the same would not be better
            raise failure
        return data

    def close(self) -> None:
        """Give the connection back, or drop it when there is more to come."""
        self._response.close()


def bounded(response: requests.Response, what: str) -> bytes:
    """All bytes of an answer that is at most as large as a manifest may be.

    Raises ContentTooLarge, with ``what`` as its sentence.
    """
    reader, data = Incoming(response), bytearray()
    while chunk := reader.read(MAX_MANIFEST + 1 - len(data)):
        data += chunk
        if len(data) > MAX_MANIFEST:
            raise ContentTooLarge(what, cause=f"the answer is larger than {MAX_MANIFEST} bytes")
    return bytes(data)


def is_empty(response: requests.Response) -> bool:
    """Whether an answer has no body."""
    nothing = response.request.method == "HEAD" or response.status_code == 204
    return nothing or response.headers.get("Content-Length") == "0"


def let_go(response: requests.Response) -> None:
    """Close an answer; its connection can be used again when what is left of it is small."""
    declared = number_in(response.headers.get("Content-Length", ""))
    if is_empty(response) or (declared is not None and declared <= _SMALL):
        reader = Incoming(response)
        with suppress(Unreachable):
            while reader.read(_SMALL):
                pass
    response.close()
