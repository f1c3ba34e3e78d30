"""Bodies of answers: read off the wire, or whole when they are small."""

from collections.abc import Iterator

import requests
import urllib3

from registry.client.answers import unreachable
from registry.content import Readable
from registry.errors import ContentTooLarge
from registry.model import MAX_MANIFEST

__all__ = ["Incoming", "bounded"]


class Incoming(Readable):
    """The body of an answer, as it comes off the wire; a broken connection is our kind of failure."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes as they were sent, without undoing a content encoding."""
        try:
            data: bytes = self._response.raw.read(None if size < 0 else size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(error, self._response.url) from error
        return data

    def close(self) -> None:
        """Give the connection back, or drop it when there is more to come."""
        self._response.close()


def bounded(response: requests.Response, what: str) -> bytes:
    """All bytes of an answer that is at most as large as a manifest may be.

    Raises ContentTooLarge, with ``what`` as its sentence.
    """
    data = b"".join(_chunks(Incoming(response), MAX_MANIFEST + 1))
    if len(data) > MAX_MANIFEST:
        raise ContentTooLarge(what, cause=f"the answer is larger than {MAX_MANIFEST} bytes")
    return data


def _chunks(reader: Readable, limit: int) -> Iterator[bytes]:
    while limit > 0 and (chunk := reader.read(limit)):
        limit -= len(chunk)
        yield chunk
