"""How a blob gets to a registry (distribution-spec 1.1, "Pushing blobs")."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from registry.client.transport import Body, Request, Transport
from registry.content import Opener
from registry.digest import Digest
from registry.errors import UnexpectedAnswer
from registry.model import Descriptor

__all__ = ["begin_upload", "upload"]


def begin_upload(transport: Transport, url: str, scope: str, what: str) -> str:
    """Open an upload session; its location. ``what`` is the sentence of a failure."""
    request = Request("POST", f"{url}/blobs/uploads/", what, scope, {"Content-Length": "0"})
    with transport.send(request, 202) as response:
        return transport.location(response, what)


def upload(transport: Transport, url: str, scope: str, descriptor: Descriptor, body: Opener) -> None:
    """Push one blob: an upload session, then all of its bytes in one request.

    ``url`` is that of the repository. Raises UnexpectedAnswer when the registry stored something
    else than it was sent, by its own account.
    """
    what = f"{transport.host} did not take the blob {descriptor.digest}"
    location = begin_upload(transport, url, scope, what)
    headers = {"Content-Type": "application/octet-stream"}
    content = Body(body, descriptor.size)
    finish = Request("PUT", _with_digest(location, descriptor.digest), what, scope, headers, content)
    with transport.send(finish, 201, 204) as response:
        stored = response.headers.get("Docker-Content-Digest", str(descriptor.digest))
    if stored != str(descriptor.digest):
        raise UnexpectedAnswer(what, cause=f"it says that it stored {stored[:100]}")


def _with_digest(location: str, digest: Digest) -> str:
    """The upload's own URL, whose query is the registry's and stays, and the digest."""
    parts = urlsplit(location)
    query = "&".join(part for part in (parts.query, urlencode({"digest": str(digest)})) if part)
    return urlunsplit(parts._replace(query=query))
