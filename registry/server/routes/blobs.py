"""Blobs: look, get, delete (distribution-spec 1.1, end-2 and end-10)."""

import os
from io import FileIO

from starlette.requests import Request
from starlette.responses import Response

from registry.digest import Digest
from registry.server.downloads import FileResponse
from registry.server.metadata.blobs import blob_size, unlink_blob
from registry.server.parameters import digest_of, repository_of
from registry.server.ranges import Span, parse_range
from registry.server.refusal import Refusal, blob_unknown
from registry.server.services import Services

__all__ = ["Blobs"]


class Blobs:
    """Blobs of a repository, by digest."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """The bytes, or with HEAD only what they are; or a range of them."""
        repository, digest = repository_of(request), digest_of(request)
        if self._services.read(lambda connection: blob_size(connection, repository, digest)) is None:
            raise blob_unknown(digest)
        file = self._open(digest)
        try:
            # What is sent is what is on the disk: a client checks the digest, and so finds damage.
            size = os.fstat(file.fileno()).st_size
            span = _span(request, digest, size)
        except BaseException:
            file.close()
            raise
        headers = _headers(digest)
        if span is None:
            return FileResponse(file, Span(0, size), 200, headers, self._services.config.patience)
        headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return FileResponse(file, span, 206, headers, self._services.config.patience)

    async def delete(self, request: Request) -> Response:
        """Take the blob from this repository."""
        repository, digest = repository_of(request), digest_of(request)
        if not await self._services.write(lambda connection: unlink_blob(connection, repository, digest)):
            raise blob_unknown(digest)
        return Response(status_code=202, headers={"docker-content-digest": str(digest)})

    def _open(self, digest: Digest) -> FileIO:
        try:
            return self._services.blobs.open(digest)
        except FileNotFoundError as error:
            # Its row has outlived its bytes: said to be missing, it is mended by the next push.
            raise blob_unknown(digest) from error


def _span(request: Request, digest: Digest, size: int) -> Span | None:
    condition = request.headers.get("if-range")
    text = request.headers.get("range")
    if text is None or (condition is not None and condition != f'"{digest}"'):
        return None
    try:
        return parse_range(text, size)
    except ValueError as error:
        headers = {"content-range": f"bytes */{size}"}
        raise Refusal(416, "SIZE_INVALID", str(error), headers=headers) from error


def _headers(digest: Digest) -> dict[str, str]:
    return {
        "docker-content-digest": str(digest),
        "etag": f'"{digest}"',
        "accept-ranges": "bytes",
        # A blob is anybody's bytes: a browser must not take it for a page of this server.
        "content-disposition": "attachment",
    }
