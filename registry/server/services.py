"""What the routes of one server share: settings, bytes and rows."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TypeVar

from sqlalchemy import Connection
from starlette.responses import Response

from registry.server.bodies import HELD
from registry.server.config import ServerConfig
from registry.server.database import Database, open_database
from registry.server.downloads import FileResponse
from registry.server.metadata.uploads import expired_uploads, remove_uploads
from registry.server.ranges import Span
from registry.server.spool import SpoolBusy, SpoolFolder
from registry.server.storage import BlobFolder, prepare_folders

__all__ = ["Services", "open_services"]

_DOCUMENTS_AT_ONCE = 2

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Services:
    """One open data folder."""

    config: ServerConfig
    blobs: BlobFolder
    spools: SpoolFolder
    database: Database
    documents: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DOCUMENTS_AT_ONCE))
    """Held by whoever has a whole manifest, and what it says, in memory; nobody waits for a client with it."""

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Look something up."""
        return self.database.read(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Change something, durably."""
        return await self.database.write(work)

    def answer(self, content: bytes, headers: Mapping[str, str]) -> Response:
        """An answer of bytes; many wait on the disk, and not for ever, for a client that stands still."""
        if len(content) <= HELD:
            return Response(content, headers=headers)
        file: IO[bytes] = self.spools.scratch(HELD)
        try:
            file.write(content)  # a change of threads would let others' contents pile up in memory
        except OSError:
            file.close()
            file = BytesIO(content)  # a full disk is no reason to withhold what there is
        return FileResponse(file, Span(0, len(content)), 200, headers, self.config.patience)

    async def expire_uploads(self) -> int:
        """Delete uploads that nobody has added to for a lifetime; how many those were."""
        before = time.time() - self.config.upload_lifetime
        idle = [upload for upload in self.spools.idle_since(before) if self._discard_idle(upload)]
        known = self.read(lambda connection: expired_uploads(connection, before))
        ended = {*idle, *(upload for upload in known if not self.spools.holds(upload))}
        if ended:
            await self.write(lambda connection: remove_uploads(connection, ended))
        return len(idle)

    def _discard_idle(self, upload: str) -> bool:
        try:
            spool = self.spools.open(upload, "sha256")
        except SpoolBusy:
            return False
        except FileNotFoundError:
            return True
        self.spools.discard(upload)
        spool.close()
        return True

    def close(self) -> None:
        """Finish what has begun, and let go of the folder."""
        self.database.close()


def open_services(config: ServerConfig) -> Services:
    """Open, or create, the data folder.

    Raises StorageFailed when it cannot be written to, or its database cannot be used.
    """
    folders = prepare_folders(config.data)
    return Services(config, folders.blobs, SpoolFolder(folders.uploads), open_database(folders.database))
