"""Blobs: look, get, delete (distribution-spec 1.1, end-2 and end-10)."""

import time

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from registry.digest import Digest
from registry.server.access.principals import Action
from registry.server.metadata.blobs import StoredBlob, find_blob, postpone_blobs, unlink_blob
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
        permit = self._services.permit(request)

        def find(connection: Connection) -> StoredBlob | None:
            permit.require(connection, repository, Action.PULL)
            return find_blob(connection, repository, digest)

        found = await self._services.read(find)
        if found is None or not await self._postpone(repository, digest, found):
            raise blob_unknown(digest)
        headers = _headers(digest)
        span = _span(request, digest, found.size)
        if span is not None:
            headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{found.size}"
        try:
            return await self._services.storage.response(digest, found.key, found.size, span, headers, request.method)
        except FileNotFoundError as error:
            # Its row has outlived its bytes: said to be missing, it is mended by the next push.
            raise blob_unknown(digest) from error

    async def _postpone(self, repository: str, digest: Digest, found: StoredBlob) -> bool:
        """Whoever is told of a blob that nobody needs yet may be about to need it. False: it has just gone."""
        if found.due is None or self._services.again(found.due) >= time.time():
            return True

        def postpone(connection: Connection, due: float) -> bool:
            postpone_blobs(connection, repository, [digest], due)
            return find_blob(connection, repository, digest) is not None

        return await self._services.prolong(postpone)

    async def delete(self, request: Request) -> Response:
        """Take the blob from this repository."""
        repository, digest = repository_of(request), digest_of(request)
        permit = self._services.permit(request)

        def unlink(connection: Connection) -> bool:
            permit.require(connection, repository, Action.DELETE)
            return unlink_blob(connection, repository, digest)

        if not await self._services.write(unlink):
            raise blob_unknown(digest)
        return Response(status_code=202, headers={"docker-content-digest": str(digest)})


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
