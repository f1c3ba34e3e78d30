"""Bytes in a bucket of S3, each blob under a key of its own, chosen when its upload began.

Nothing is copied when an upload ends, and no two uploads ever write to the same key: what is deleted
was nobody else's. Which key a digest has, and how far an upload is, the rows say.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from registry.digest import Digest
from registry.server.config.storage import StorageConfig
from registry.server.database.protocol import Database
from registry.server.metadata.uploads import KnownUpload, claim_idle_upload
from registry.server.ranges import Span
from registry.server.storage.bucket import Bucket, ObjectReader
from registry.server.storage.buffer import Budget
from registry.server.storage.hashers import Hashers
from registry.server.storage.lease import LEASE_SECONDS, Lease
from registry.server.storage.parts import PartedUpload, UploadState, Workshop
from registry.server.storage.protocol import Incoming, Known

__all__ = ["S3Storage", "part_size"]

_LEAST_PART = 5 * 1024 * 1024
_PART = 8 * 1024 * 1024
_MOST_PARTS = 10_000
_MEMORY = 32 * 1024 * 1024
_LINK_SECONDS = 1200
_BODY_HEADERS = {"content-range", "etag", "accept-ranges", "content-disposition"}


def part_size(max_blob: int) -> int:
    """Bytes of a part, so that the largest blob has no more parts than S3 takes."""
    return max(_PART, -(-max_blob // (_MOST_PARTS - 1)))


class S3Storage:
    """Blobs in a bucket. ``folder`` takes parts that memory has no room for; ``patience`` as everywhere."""

    min_chunk = _LEAST_PART

    def __init__(
        self, config: StorageConfig, database: Database, folder: Path, *, max_blob: int, patience: float
    ) -> None:
        self._bucket = Bucket(config)
        self._database = database
        self._prefix = config.prefix
        self._redirect = config.redirect
        self._part = part_size(max_blob)
        self._patience = patience
        tails = f"{config.prefix}uploads/"
        self._workshop = Workshop(self._bucket, tails, Budget(_MEMORY), folder, Hashers())

    async def check(self) -> None:
        """Write to the bucket, and delete that. Raises StorageFailed."""
        # Of our own: replicas that start together would find that another has deleted theirs.
        await self._bucket.check(f"{self._prefix}probe-{uuid.uuid4()}")

    # -- arriving -------------------------------------------------------------------------------------

    async def begin(self, upload: str, algorithm: str) -> tuple[Incoming, str]:
        """A key; nothing is asked of the bucket yet."""
        state = UploadState(f"{self._prefix}blobs/{upload[:2]}/{upload}", self._part)
        known = KnownUpload(upload, "", algorithm, "", 0, state.encode())
        return PartedUpload(self._workshop, known, Lease(self._database, upload, 0.0), new=True), known.state

    async def resume(self, upload: KnownUpload) -> Incoming:
        """Claim its row. Raises FileNotFoundError, UploadBusy."""
        lease, known = await Lease.take(self._database, upload)
        return PartedUpload(self._workshop, known, lease)

    async def size(self, upload: KnownUpload) -> int:
        """What its row says."""
        return upload.size

    async def idle(self, before: float) -> list[str]:  # noqa: ARG002
        """None that the rows do not know."""
        return []

    async def abandon(self, upload: KnownUpload, before: float) -> bool:
        """Delete its parts, unless somebody has its lease; nobody gets it any more."""
        until = time.time() + LEASE_SECONDS
        work = partial(claim_idle_upload, upload=upload.id, before=before, until=until)
        if not await self._database.write(work):
            return False
        await self._workshop.erase(upload.id, UploadState.decode(upload.state))
        return True

    # -- being there ----------------------------------------------------------------------------------

    async def response(
        self,
        digest: Digest,  # noqa: ARG002
        key: str,
        size: int,
        span: Span | None,
        headers: Mapping[str, str],
        method: str,
    ) -> Response:
        """The bytes, or where the bucket has them. Raises FileNotFoundError, StorageDown."""
        part, status = span or Span(0, size), 200 if span is None else 206
        if method == "HEAD" or self._redirect:
            if await self._bucket.size(key) != size:
                raise FileNotFoundError(key)
            if method == "HEAD":
                return ObjectResponse(None, part.size, status, headers, self._patience)
            return await self._elsewhere(key, headers)
        reader = await self._bucket.open(key, size, part.start, part.stop)
        return ObjectResponse(reader, part.size, status, headers, self._patience)

    async def _elsewhere(self, key: str, headers: Mapping[str, str]) -> Response:
        kept = {name: value for name, value in headers.items() if name not in _BODY_HEADERS}
        location = await self._bucket.link(key, _LINK_SECONDS)
        return Response(status_code=307, headers={**kept, "location": location, "cache-control": "no-store"})

    async def exists(self, digest: Digest, key: str) -> bool:  # noqa: ARG002
        """Whether there is an object."""
        try:
            await self._bucket.size(key)
        except FileNotFoundError:
            return False
        return True

    async def chunks(self, digest: Digest, key: str) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Read the object."""
        reader = await self._bucket.open(key, await self._bucket.size(key))
        async for data in reader.chunks():
            yield data

    # -- going ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def removing(self, digest: Digest, key: str) -> AsyncIterator[None]:  # noqa: ARG002
        """Whoever seals the same digest has another key."""
        yield

    async def remove(self, digest: Digest, key: str) -> None:  # noqa: ARG002
        """Delete the object."""
        await self._bucket.delete(key)

    async def quarantine(self, digest: Digest, key: str) -> None:
        """Move the object below ``quarantine``, under the digest that it no longer has."""
        name = key.rpartition("/")[2]
        await self._bucket.move(key, f"{self._prefix}quarantine/{digest.algorithm}-{digest.encoded}/{name}")

    async def orphans(self, known: Known) -> AsyncIterator[tuple[Digest, str]]:  # noqa: ARG002
        """None: whatever a crash leaves, the row of an upload knows."""
        for unknown in list[tuple[Digest, str]]():
            yield unknown

    async def close(self) -> None:
        """Close the connections to the bucket."""
        await self._bucket.close()


class ObjectResponse(Response):
    """``size`` bytes that a reader gives, or none without one. Each chunk has ``patience`` seconds to leave."""

    def __init__(
        self, reader: ObjectReader | None, size: int, status: int, headers: Mapping[str, str], patience: float
    ) -> None:
        super().__init__(None, status, {**headers, "content-length": str(size)}, "application/octet-stream")
        self._reader = reader
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it. Raises TimeoutError or StorageDown, which break the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._reader is not None:
            try:
                while data := await self._reader.read():
                    async with asyncio.timeout(self._patience):
                        await send({"type": "http.response.body", "body": data, "more_body": True})
            finally:
                self._reader.close()
        await send({"type": "http.response.body", "body": b""})
