"""Storages as the routes use them: an upload has a row, and its state goes there."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from registry.digest import Digest
from registry.server.config import ServerConfig
from registry.server.database import Database, open_database
from registry.server.metadata.blobs import blob_key, link_blob
from registry.server.metadata.uploads import KnownUpload, add_upload, find_upload, remove_uploads, store_upload
from registry.server.schema import uploads
from registry.server.storage import open_storage
from registry.server.storage.folder import make_uploads
from registry.server.storage.protocol import BlobStorage, Incoming

REPOSITORY = "demo"


def digest_of(data: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, data).hexdigest())


@dataclass
class Replica:
    """One process of a registry, as far as storages see it."""

    storage: BlobStorage
    database: Database

    async def begin(self, algorithm: str = "sha256") -> Incoming:
        incoming, state = await self.storage.begin(str(uuid.uuid4()), algorithm)
        await self.database.write(
            lambda connection: add_upload(connection, incoming.id, REPOSITORY, algorithm, "ada", state)
        )
        return incoming

    async def suspend(self, incoming: Incoming) -> str:
        state = await incoming.suspend()
        if state is not None:

            def store(connection: Any) -> None:
                assert incoming.holds(connection)
                store_upload(connection, incoming.id, incoming.size, state)

            await self.database.write(store)
        return incoming.id

    async def known(self, upload: str) -> KnownUpload:
        found = await self.database.read(lambda connection: find_upload(connection, upload, REPOSITORY))
        assert found is not None
        return found

    async def resume(self, upload: str) -> Incoming:
        return await self.storage.resume(await self.known(upload))

    async def seal(self, incoming: Incoming, digest: Digest) -> str:
        """As the route does it: its key."""
        async with incoming.seal(digest) as key:

            def link(connection: Any) -> bool:
                assert incoming.holds(connection)
                used = link_blob(connection, REPOSITORY, digest, incoming.size, key)
                if used:
                    remove_uploads(connection, [incoming.id])
                return used

            used = await self.database.write(link)
        if not used:
            await incoming.discard()
            await self.database.write(partial(remove_uploads, ids=[incoming.id]))
        found = await self.database.read(lambda connection: blob_key(connection, digest))
        assert found is not None
        return found

    async def push(self, data: bytes, algorithm: str = "sha256") -> tuple[Digest, str]:
        incoming = await self.begin(algorithm)
        await incoming.append([data])
        digest = digest_of(data, algorithm)
        return digest, await self.seal(incoming, digest)

    async def content(self, digest: Digest, key: str) -> bytes:
        return b"".join([data async for data in self.storage.chunks(digest, key)])

    async def rows(self) -> set[str]:
        return await self.database.read(lambda connection: set(connection.execute(select(uploads.c.id)).scalars()))


@dataclass
class Bench:
    """One kind of storage: how to open it, and what is in it."""

    config: ServerConfig
    place: Path

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Replica]:
        make_uploads(self.config.data)
        database = open_database(self.config.data / "registry.db")
        storage = open_storage(self.config, database)
        try:
            yield Replica(storage, database)
        finally:
            await storage.close()
            database.close()

    def files(self) -> list[Path]:
        """Everything that is there, whatever it is called."""
        folders = [self.place] if self.config.storage.url else [self.place / "blobs", self.place / "uploads"]
        return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)
