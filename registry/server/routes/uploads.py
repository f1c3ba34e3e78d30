"""Uploads: how blobs arrive (distribution-spec 1.1, end-4 to end-6, end-11, end-13, end-14)."""

import uuid

from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from registry.digest import Digest
from registry.server import crashes
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.bodies import batches, declared_length
from registry.server.metadata.blobs import blob_key, find_readable, link_blob, mount_blob
from registry.server.metadata.quotas import quota_refusal, room
from registry.server.metadata.uploads import KnownUpload, add_upload, find_upload, remove_uploads, store_upload
from registry.server.parameters import algorithm_of, parse_digest, repository_of, upload_of
from registry.server.ranges import Span, parse_content_range
from registry.server.refusal import Refusal, upload_unknown
from registry.server.services import Services
from registry.server.storage.protocol import Incoming, StorageDown, UploadBusy, WrongDigest

__all__ = ["Uploads"]

_SKIPPED = 8 * 1024 * 1024
"""Bytes of a chunk in the wrong place that are read all the same; one of the least length is shorter."""


class Uploads:
    """Uploads to a repository."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def begin(self, request: Request) -> Response:
        """Mount, push in one request, or begin an upload: whatever the query asks for."""
        repository, query = repository_of(request), request.query_params
        permit = await self._permit(request, repository)
        if "mount" in query:
            digest = parse_digest(query["mount"])
            if await self._mount(permit, repository, digest, query.get("from")):
                return _created(repository, digest)
        if "digest" in query:
            return await self._push_at_once(request, permit, repository, parse_digest(query["digest"]))
        algorithm = algorithm_of(request)
        incoming, state = await self._services.storage.begin(str(uuid.uuid4()), algorithm)
        await self._remember(permit, repository, incoming, algorithm, state)
        await incoming.suspend()
        return self._progress(202, repository, incoming.id, 0)

    async def status(self, request: Request) -> Response:
        """How far the upload is."""
        repository = repository_of(request)
        upload = await self._known(await self._permit(request, repository), repository, upload_of(request))
        try:
            return self._progress(204, repository, upload.id, await self._services.storage.size(upload))
        except FileNotFoundError as error:
            raise upload_unknown() from error

    async def append(self, request: Request) -> Response:
        """One chunk, or a stream of unknown length."""
        repository = repository_of(request)
        incoming = await self._open(await self._permit(request, repository), repository, upload_of(request))
        try:
            await self._take(request, repository, incoming)
        finally:
            await self._suspend(incoming)
        return self._progress(202, repository, incoming.id, incoming.size)

    async def finish(self, request: Request) -> Response:
        """The end of an upload, perhaps with its last or only chunk."""
        repository = repository_of(request)
        permit = await self._permit(request, repository)
        if "digest" not in request.query_params:
            raise Refusal(400, "DIGEST_INVALID", "the query has no digest")
        digest = parse_digest(request.query_params["digest"])
        incoming = await self._open(permit, repository, upload_of(request))
        try:
            await self._take(request, repository, incoming)
        except BaseException:
            await self._suspend(incoming)
            raise
        return await self._commit(permit, repository, incoming, digest)

    async def cancel(self, request: Request) -> Response:
        """Give the upload up."""
        repository = repository_of(request)
        incoming = await self._open(await self._permit(request, repository), repository, upload_of(request))
        await incoming.discard()
        await self._services.note(lambda connection: remove_uploads(connection, [incoming.id]))
        return Response(status_code=204)

    async def _permit(self, request: Request, repository: str) -> Permit:
        permit = self._services.permit(request)
        await self._services.read(lambda connection: permit.require(connection, repository, Action.PUSH))
        return permit

    async def _remember(self, permit: Permit, repository: str, incoming: Incoming, algorithm: str, state: str) -> None:
        def add(connection: Connection) -> None:
            permit.require(connection, repository, Action.PUSH)
            add_upload(connection, incoming.id, repository, algorithm, permit.principal.name, state)

        try:
            # A storage that keeps something in the row would leave bytes behind that nobody knows of.
            await (self._services.write(add) if state else self._services.note(add))
        except BaseException:
            await incoming.discard()
            raise

    async def _mount(self, permit: Permit, repository: str, digest: Digest, source: str | None) -> bool:
        # Whoever may not pull it learns nothing, not even by how long this takes.
        found = await self._services.read(lambda connection: find_readable(connection, permit, digest, source))
        if found is None or not await self._services.storage.exists(digest, found.key):
            return False
        due = self._services.due()

        def mount(connection: Connection) -> bool:
            permit.require(connection, repository, Action.PUSH)
            return mount_blob(connection, permit, repository, digest, source, due=due)

        return await self._services.write(mount)

    async def _push_at_once(self, request: Request, permit: Permit, repository: str, digest: Digest) -> Response:
        incoming, state = await self._services.storage.begin(str(uuid.uuid4()), digest.algorithm)
        if state:
            await self._remember(permit, repository, incoming, digest.algorithm, state)
        try:
            await self._receive(request, repository, incoming)
        except BaseException:
            await self._give_up(incoming)
            raise
        try:
            return await self._commit(permit, repository, incoming, digest)
        except StorageDown:
            await self._give_up(incoming)  # nothing was committed, and nobody else knows of it
            raise

    async def _take(self, request: Request, repository: str, incoming: Incoming) -> None:
        """Append the body, which must be the chunk that its Content-Range says it is."""
        start = incoming.size
        chunk = _chunk(request)
        if chunk is not None and chunk.start != start:
            headers = _place(repository, incoming.id, start)
            await self._skip(request)
            raise Refusal(416, "BLOB_UPLOAD_INVALID", "the chunk does not begin where the last ended", headers=headers)
        try:
            await self._receive(request, repository, incoming)
        except ClientDisconnect:
            raise  # what has arrived stays: the client asks how much that is, and goes on
        except BaseException:
            await incoming.rewind(start)
            raise
        if chunk is not None and incoming.size != chunk.stop:
            await incoming.rewind(start)
            raise Refusal(400, "SIZE_INVALID", "the chunk has another length than its Content-Range")

    async def _receive(self, request: Request, repository: str, incoming: Incoming) -> None:
        config, before = self._services.config, incoming.size
        quota = await self._services.read(lambda connection: room(connection, repository))
        most = config.max_blob if quota is None else min(quota.room, config.max_blob)
        try:
            async for batch in batches(request, most - before, config.patience):
                await incoming.append(batch)
        except Refusal as error:
            if quota is None or most == config.max_blob or error.status_code != 413:
                raise
            raise quota_refusal(quota, before + (declared_length(request) or 0)) from error
        except FileNotFoundError as error:
            raise upload_unknown() from error

    async def _skip(self, request: Request) -> None:
        """Read a chunk that is not wanted: a client that is still sending would not see the answer."""
        if (declared_length(request) or _SKIPPED) < _SKIPPED:
            async for _ in batches(request, _SKIPPED, self._services.config.patience):
                pass

    async def _suspend(self, incoming: Incoming) -> None:
        state = await incoming.suspend()
        if state is not None:
            size = incoming.size

            def store(connection: Connection) -> None:
                _require_hold(connection, incoming)
                store_upload(connection, incoming.id, size, state)

            await self._services.write(store)

    async def _commit(self, permit: Permit, repository: str, incoming: Incoming, digest: Digest) -> Response:
        try:
            async with incoming.seal(digest) as key:
                used = await self._link(permit, repository, incoming, digest, key)
        except FileNotFoundError as error:
            raise upload_unknown() from error
        except WrongDigest as error:
            await self._services.note(lambda connection: remove_uploads(connection, [incoming.id]))
            details = (str(error.found),)
            raise Refusal(400, "DIGEST_INVALID", "the bytes have another digest", details=details) from error
        if not used:
            await self._give_up(incoming)
        return _created(repository, digest)

    async def _link(self, permit: Permit, repository: str, incoming: Incoming, digest: Digest, key: str) -> bool:
        """False: the same bytes were there already, and those that came now are of no use."""
        due, lost = self._services.due(), await self._lost(digest) if key else None

        def link(connection: Connection) -> bool:
            permit.require(connection, repository, Action.PUSH)
            _require_hold(connection, incoming)
            used = link_blob(connection, repository, digest, incoming.size, key, due=due, lost=lost)
            if used:
                remove_uploads(connection, [incoming.id])
            crashes.passing(crashes.Point.BLOB_LINKED)
            return used

        used = await self._services.write(link)
        crashes.passing(crashes.Point.BLOB_COMMITTED)
        return used

    async def _lost(self, digest: Digest) -> str | None:
        """The key that the rows have for these bytes, when nothing is there any more."""
        key = await self._services.read(lambda connection: blob_key(connection, digest))
        return None if key is None or await self._services.storage.exists(digest, key) else key

    async def _give_up(self, incoming: Incoming) -> None:
        """Delete an upload now; what cannot be deleted now goes when its row expires."""
        try:
            await incoming.discard()
        except StorageDown:
            return
        await self._services.note(lambda connection: remove_uploads(connection, [incoming.id]))

    async def _open(self, permit: Permit, repository: str, upload: str) -> Incoming:
        known = await self._known(permit, repository, upload)
        try:
            return await self._services.storage.resume(known)
        except FileNotFoundError as error:
            raise upload_unknown() from error
        except UploadBusy as error:
            raise Refusal(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload") from error

    async def _known(self, permit: Permit, repository: str, upload: str) -> KnownUpload:
        known = await self._services.read(lambda connection: find_upload(connection, upload, repository))
        if known is None or known.principal not in ("", permit.principal.name):
            raise upload_unknown()
        return known

    def _progress(self, status: int, repository: str, upload: str, size: int) -> Response:
        headers = _place(repository, upload, size)
        if self._services.storage.min_chunk:
            headers["oci-chunk-min-length"] = str(self._services.storage.min_chunk)
        return Response(status_code=status, headers=headers)


def _require_hold(connection: Connection, incoming: Incoming) -> None:
    if not incoming.holds(connection):
        raise Refusal(409, "BLOB_UPLOAD_INVALID", "another request has taken this upload over")


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


def _place(repository: str, upload: str, size: int) -> dict[str, str]:
    return {
        "location": f"/v2/{repository}/blobs/uploads/{upload}",
        "range": f"0-{max(0, size - 1)}",
        "docker-upload-uuid": upload,
    }


def _created(repository: str, digest: Digest) -> Response:
    headers = {"location": f"/v2/{repository}/blobs/{digest}", "docker-content-digest": str(digest)}
    return Response(status_code=201, headers=headers)
