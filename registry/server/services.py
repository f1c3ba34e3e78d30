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
from starlette.types import Scope

from registry.server.access.control import AccessControl
from registry.server.access.door import CALLER
from registry.server.access.gate import Caller, Gate, Permit
from registry.server.access.principals import ANYONE_HERE, Principal
from registry.server.admission.asking import Asking, open_admission
from registry.server.bodies import HELD
from registry.server.collection.report import CollectionCounters
from registry.server.config import ServerConfig
from registry.server.database import Database, open_database
from registry.server.downloads import FileResponse
from registry.server.metadata.uploads import KnownUpload, idle_uploads, remove_uploads
from registry.server.observing.observing import Observing, open_observing
from registry.server.observing.requests import PRINCIPAL
from registry.server.ranges import Span
from registry.server.storage import open_storage
from registry.server.storage.folder import make_uploads
from registry.server.storage.protocol import BlobStorage

__all__ = ["KEPT_UNTIL", "PRINCIPAL", "Services", "open_services"]

_NOBODY = Caller()
KEPT_UNTIL = "registry.kept_until"
"""Where in an ASGI scope is until when (seconds since the epoch) the answer may be given again without
asking anew; nothing there: for as long as nothing changes."""

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
    access: AccessControl
    observing: Observing = field(default_factory=Observing)
    admission: Asking | None = None
    collection: CollectionCounters = field(default_factory=CollectionCounters)
    documents: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DOCUMENTS_AT_ONCE))
    """Held by whoever has a whole manifest, and what it says, in memory; nobody waits for a client with it."""

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Look something up."""
        return await self.database.read(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Change something, durably, and tell of it whom it concerns."""
        return await self.observing.write(self.database, work)

    async def note(self, work: Callable[[Connection], Result]) -> Result:
        """Change something that nobody was promised: a power cut may undo it."""
        return await self.database.write(work, durable=False)

    def permit(self, request: Request) -> Permit:
        """What whoever sent a request may do."""
        return self.permit_of(request.scope)

    def permit_of(self, scope: Scope) -> Permit:
        """As ``permit``, for a request that nobody has unpacked."""
        principal: Principal = scope.get(PRINCIPAL, ANYONE_HERE)
        return Permit(self.gate, principal, scope.get(CALLER, _NOBODY))

    def due(self) -> float:
        """Until when, from now on, whatever nobody needs is kept."""
        return time.time() + self.config.collection.grace

    def again(self, due: float) -> float:
        """When somebody who is told of what is kept until ``due`` prolongs that: with half a grace left."""
        return due - self.config.collection.grace / 2

    async def prolong(self, prolonged: Callable[[Connection, float], bool]) -> bool:
        """Keep what somebody is told of for a grace from now on; False: it has just gone.

        ``prolonged`` gets the new time, and says whether it is still there.
        """
        due = self.due()
        try:
            return await self.write(lambda connection: prolonged(connection, due))
        except OSError:  # what cannot write cannot delete either, and reading goes on
            return True

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
        ids = await self.storage.idle(before)
        for start in range(0, len(ids), _IDLE_AT_ONCE):
            yield [KnownUpload(upload, "", "sha256", "", 0, "") for upload in ids[start : start + _IDLE_AT_ONCE]]
        after = ""
        while rows := await self.read(partial(idle_uploads, before=before, after=after, limit=_IDLE_AT_ONCE)):
            yield rows
            after = rows[-1].id

    async def close(self) -> None:
        """Finish what has begun, and let go of everything."""
        await self.storage.close()
        self.access.close()
        self.database.close()
        self.observing.close()


def open_services(config: ServerConfig) -> Services:
    """Open, or create, what the settings name.

    Raises StorageFailed when it cannot be written to, or its database cannot be used, and
    InvalidConfiguration when a setting is malformed.
    """
    admission = open_admission(config.admission)
    make_uploads(config.data)
    database = open_database(config.database or config.data / "registry.db", durable=config.durable)
    try:
        storage, access = open_storage(config, database), AccessControl(config, database)
        observing = open_observing(config)
    except BaseException:
        database.close()
        raise
    asking = None if admission is None else Asking(admission, config.admission, database, storage)
    return Services(config, storage, database, access.gate, access, observing, asking)
