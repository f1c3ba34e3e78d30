"""The right to write to an upload, where any replica may ask for it: held by one request, in the upload's row.

It lapses when it is not renewed, so that a replica that died keeps nobody waiting for long. One that only
slept finds out when it commits: ``holds`` is asked inside the transaction.
"""

import asyncio
import contextlib
import time
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from registry.server.database.protocol import Database
from registry.server.metadata.uploads import KnownUpload, claim_upload, find_upload, holds_upload, renew_upload
from registry.server.storage.protocol import UploadBusy

__all__ = ["LEASE_SECONDS", "Lease"]

LEASE_SECONDS = 60.0
"""How long a lease lasts when nobody renews it."""


class Lease:
    """``held`` is the end of the lease as the row says it (seconds since the epoch); 0: nobody asked for one yet."""

    def __init__(self, database: Database, upload: str, held: float) -> None:
        self._database = database
        self._upload = upload
        self._held = held
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @classmethod
    async def take(cls, database: Database, upload: KnownUpload) -> tuple["Lease", KnownUpload]:
        """Claim an upload: the lease, and what its row says now.

        Raises FileNotFoundError when there is no such upload any more, UploadBusy.
        """
        until = time.time() + LEASE_SECONDS

        def claim(connection: Connection) -> tuple[KnownUpload | None, bool]:
            claimed = claim_upload(connection, upload.id, until)
            return find_upload(connection, upload.id, upload.repository), claimed

        found, claimed = await database.write(claim)
        if found is None:
            raise FileNotFoundError(upload.id)
        if not claimed:
            raise UploadBusy(upload.id)
        return cls(database, upload.id, until), found

    def keep(self) -> None:
        """Renew it from now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), LEASE_SECONDS / 3)
            if self._ended.is_set():
                return
            until = time.time() + LEASE_SECONDS
            with contextlib.suppress(OSError, SQLAlchemyError):
                work = partial(renew_upload, upload=self._upload, held=self._held, until=until)
                if not await self._database.write(work):
                    return
                self._held = until

    async def end(self) -> None:
        """Renew it no more; it lasts a while yet."""
        self._ended.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    def holds(self, connection: Connection) -> bool:
        """Whether nobody else has claimed the upload since; until the transaction ends, nobody does."""
        return holds_upload(connection, self._upload, self._held)

    async def release(self) -> None:
        """Let others claim the upload, which stays what it was."""
        await self.end()
        work = partial(renew_upload, upload=self._upload, held=self._held, until=0.0)
        # When this does not work it lapses: whatever ended the request is worth more.
        with contextlib.suppress(OSError, SQLAlchemyError):
            await self._database.write(work)
