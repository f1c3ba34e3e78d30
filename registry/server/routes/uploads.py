"""Uploads: how blobs arrive (distribution-spec 1.1, end-4 to end-6, end-11, end-13, end-14)."""

import asyncio

from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from registry.digest import Digest
from registry.server.bodies import batches, declared_length
from registry.server.metadata.blobs import link_blob, mount_blob
from registry.server.metadata.uploads import add_upload, remove_uploads, upload_algorithm
from registry.server.parameters import algorithm_of, parse_digest, repository_of, upload_of
from registry.server.ranges import Span, parse_content_range
from registry.server.refusal import Refusal, upload_unknown
from registry.server.services import Services
from registry.server.spool import Spool, SpoolBusy

__all__ = ["Uploads"]


class Uploads:
    """Uploads to a repository."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def begin(self, request: Request) -> Response:
        """Mount, push in one request, or begin an upload: whatever the query asks for."""
        repository, query = repository_of(request), request.query_params
        if "mount" in query:
            digest = parse_digest(query["mount"])
            if await self._mount(repository, digest, query.get("from")):
                return _created(repository, digest)
        if "digest" in query:
            return await self._push_at_once(request, repository, parse_digest(query["digest"]))
        algorithm = algorithm_of(request)
        upload, spool = self._services.spools.create(algorithm)
        spool.close()
        try:
            await self._services.write(lambda connection: add_upload(connection, upload, repository, algorithm))
        except BaseException:
            self._services.spools.discard(upload)
            raise
        return _progress(202, repository, upload, 0)

    async def status(self, request: Request) -> Response:
        """How far the upload is."""
        repository, upload = repository_of(request), upload_of(request)
        self._algorithm(repository, upload)
        try:
            return _progress(204, repository, upload, self._services.spools.size(upload))
        except FileNotFoundError as error:
            raise upload_unknown() from error

    async def append(self, request: Request) -> Response:
        """One chunk, or a stream of unknown length."""
        repository, upload = repository_of(request), upload_of(request)
        spool = self._open(repository, upload)
        try:
            await self._take(request, repository, upload, spool)
        finally:
            self._services.spools.suspend(upload, spool)
        return _progress(202, repository, upload, spool.size)

    async def finish(self, request: Request) -> Response:
        """The end of an upload, perhaps with its last or only chunk."""
        repository, upload = repository_of(request), upload_of(request)
        if "digest" not in request.query_params:
            raise Refusal(400, "DIGEST_INVALID", "the query has no digest")
        digest = parse_digest(request.query_params["digest"])
        spool = self._open(repository, upload)
        try:
            await self._take(request, repository, upload, spool)
        except BaseException:
            self._services.spools.suspend(upload, spool)
            raise
        return await self._commit(repository, upload, spool, digest)

    async def cancel(self, request: Request) -> Response:
        """Give the upload up."""
        repository, upload = repository_of(request), upload_of(request)
        spool = self._open(repository, upload)
        self._services.spools.discard(upload)
        spool.close()
        await self._services.write(lambda connection: remove_uploads(connection, [upload]))
        return Response(status_code=204)

    async def _mount(self, repository: str, digest: Digest, source: str | None) -> bool:
        if not self._services.blobs.exists(digest):
            return False
        return await self._services.write(lambda connection: mount_blob(connection, repository, digest, source))

    async def _push_at_once(self, request: Request, repository: str, digest: Digest) -> Response:
        upload, spool = self._services.spools.create(digest.algorithm)
        try:
            await self._receive(request, spool)
        except BaseException:
            self._services.spools.discard(upload)
            spool.close()
            raise
        return await self._commit(repository, upload, spool, digest)

    async def _take(self, request: Request, repository: str, upload: str, spool: Spool) -> None:
        """Append the body, which must be the chunk that its Content-Range says it is."""
        start = spool.size
        chunk = _chunk(request)
        if chunk is not None and chunk.start != start:
            headers = _place(repository, upload, start)
            raise Refusal(416, "BLOB_UPLOAD_INVALID", "the chunk does not begin where the last ended", headers=headers)
        try:
            await self._receive(request, spool)
        except ClientDisconnect:
            raise  # what has arrived stays: the client asks how much that is, and goes on
        except BaseException:
            await asyncio.to_thread(spool.truncate, start)
            raise
        if chunk is not None and spool.size != chunk.stop:
            await asyncio.to_thread(spool.truncate, start)
            raise Refusal(400, "SIZE_INVALID", "the chunk has another length than its Content-Range")

    async def _receive(self, request: Request, spool: Spool) -> None:
        config = self._services.config
        async for batch in batches(request, config.max_blob - spool.size, config.patience):
            await asyncio.to_thread(spool.append, batch)

    async def _commit(self, repository: str, upload: str, spool: Spool, digest: Digest) -> Response:
        def link(connection: Connection) -> None:
            link_blob(connection, repository, digest, spool.size)
            remove_uploads(connection, [upload])

        try:
            await asyncio.to_thread(self._seal, spool, digest)
            await self._services.write(link)
        except Refusal:
            await self._services.write(lambda connection: remove_uploads(connection, [upload]))
            raise
        finally:
            # Gone when it became a blob; if not, it is of no use to anybody.
            self._services.spools.discard(upload)
            spool.close()
        return _created(repository, digest)

    def _seal(self, spool: Spool, digest: Digest) -> None:
        found = spool.digest(digest.algorithm)
        if found != digest:
            raise Refusal(400, "DIGEST_INVALID", "the bytes have another digest", details=(str(found),))
        spool.sync()
        self._services.blobs.adopt(spool.path, digest)

    def _open(self, repository: str, upload: str) -> Spool:
        algorithm = self._algorithm(repository, upload)
        try:
            return self._services.spools.open(upload, algorithm)
        except FileNotFoundError as error:
            raise upload_unknown() from error
        except SpoolBusy as error:
            raise Refusal(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload") from error

    def _algorithm(self, repository: str, upload: str) -> str:
        algorithm = self._services.read(lambda connection: upload_algorithm(connection, upload, repository))
        if algorithm is None:
            raise upload_unknown()
        return algorithm


def _chunk(request: Request) -> Span | None:
    text = request.headers.get("content-range")
    if text is None:
        return None
    try:
        chunk = parse_content_range(text)
    except ValueError as error:
        raise Refusal(400, "BLOB_UPLOAD_INVALID", str(error), details=(text[:100],)) from error
    if declared_length(request) not in (None, chunk.size):
        raise Refusal(400, "SIZE_INVALID", "Content-Length and Content-Range do not agree")
    return chunk


def _progress(status: int, repository: str, upload: str, size: int) -> Response:
    return Response(status_code=status, headers=_place(repository, upload, size))


def _place(repository: str, upload: str, size: int) -> dict[str, str]:
    return {
        "location": f"/v2/{repository}/blobs/uploads/{upload}",
        "range": f"0-{max(0, size - 1)}",
        "docker-upload-uuid": upload,
    }


def _created(repository: str, digest: Digest) -> Response:
    headers = {"location": f"/v2/{repository}/blobs/{digest}", "docker-content-digest": str(digest)}
    return Response(status_code=201, headers=headers)
