"""What the routes of one server share: settings, bytes, rows, and who may do what."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import IO, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from registry.server.access.gate import Gate, OpenGate, Permit
from registry.server.access.principals import ANYONE_HERE, Principal
from registry.server.bodies import HELD
from registry.server.config import ServerConfig
from registry.server.database import Database, open_database
from registry.server.downloads import FileResponse
from registry.server.metadata.uploads import KnownUpload, idle_uploads, remove_uploads
from registry.server.ranges import Span
from registry.server.storage.folder import open_folder
from registry.server.storage.protocol import BlobStorage

__all__ = ["PRINCIPAL", "Services", "open_services"]

PRINCIPAL = "registry.principal"
"""Where in an ASGI scope the one who asks is."""

_DOCUMENTS_AT_ONCE = 2
_IDLE_AT_ONCE = 100

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Services:
    """One open registry."""

    config: ServerConfig
    storage: BlobStorage
    database: Database
    gate: Gate
    documents: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DOCUMENTS_AT_ONCE))
    """Held by whoever has a whole manifest, and what it says, in memory; nobody waits for a client with it."""

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Look something up."""
        return await self.database.read(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Change something, durably."""
        return await self.database.write(work)

    def permit(self, request: Request) -> Permit:
        """What whoever sent a request may do."""
        principal: Principal = request.scope.get(PRINCIPAL, ANYONE_HERE)
        return Permit(self.gate, principal)

    def due(self) -> float:
        """Until when, from now on, whatever nobody needs is kept."""
        return time.time() + self.config.collection.grace

    def scratch(self) -> IO[bytes]:
        """A nameless file for a body; what is over ``HELD`` bytes is on the disk and not in memory."""
        return tempfile.SpooledTemporaryFile(HELD, dir=str(self.config.data / "uploads"))

    def answer(self, content: bytes, headers: Mapping[str, str]) -> Response:
        """An answer of bytes; many wait on the disk, and not for ever, for a client that stands still."""
        if len(content) <= HELD:
            return Response(content, headers=headers)
        file = self.scratch()
        try:
            file.write(content)  # a change of threads would let others' contents pile up in memory
        except OSError:
            file.close()
            file = BytesIO(content)  # a full disk is no reason to withhold what there is
        return FileResponse(file, Span(0, len(content)), 200, headers, self.config.patience)

    async def expire_uploads(self) -> int:
        """Delete uploads that nobody has added to for a lifetime; how many those were."""
        before, count = time.time() - self.config.upload_lifetime, 0
        async for idle in self._idle(before):
            gone = [upload.id for upload in idle if await self.storage.abandon(upload, before)]
            if gone:
                await self.write(partial(remove_uploads, ids=gone))
            count += len(gone)
        return count

    async def _idle(self, before: float) -> AsyncIterator[list[KnownUpload]]:
        yield [KnownUpload(upload, "", "sha256", "", 0, "") for upload in await self.storage.idle(before)]
        after = ""
        while rows := await self.read(partial(idle_uploads, before=before, after=after, limit=_IDLE_AT_ONCE)):
            yield rows
            after = rows[-1].id

    async def close(self) -> None:
        """Finish what has begun, and let go of everything."""
        await self.storage.close()
        self.database.close()


def open_services(config: ServerConfig) -> Services:
    """Open, or create, what the settings name.

    Raises StorageFailed when it cannot be written to, or its database cannot be used.
    """
    storage = open_folder(config.data, config.patience)
    return Services(
        config,
        storage,
        open_database(config.database or config.data / "registry.db", durable=config.durable),
        OpenGate(),
    )
