import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from registry.digest import Digest
from registry.model import OCI_INDEX, OCI_MANIFEST, parse_document
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.collection.clock import Clock
from registry.server.collection.collector import Collector
from registry.server.collection.report import Gone, Report
from registry.server.config import CollectionConfig, ServerConfig
from registry.server.metadata.blobs import find_blob, link_blob, mount_blob
from registry.server.metadata.manifests import NewManifest, find_manifest, remove_manifest, store_manifest
from registry.server.metadata.tags import remove_tag
from registry.server.schema import blobs, repositories
from registry.server.services import Services, open_services

GRACE = 100.0
PERMIT = Permit(OpenGate(), SYSTEM)
Result = TypeVar("Result")


class Registry:
    """A registry without HTTP, whose collector lives in a time of its own: ``later`` seconds from now."""

    def __init__(self, config: ServerConfig, tools: Any) -> None:
        self.tools = tools
        self.config = config
        self.runner = asyncio.Runner()
        self.services: Services = open_services(config)
        self.later = 0.0

    def close(self) -> None:
        self.run(self.services.close())
        self.runner.close()

    def reopen(self, **settings: Any) -> None:
        """The same, with other settings of collection."""
        self.run(self.services.close())
        self.config = replace(self.config, collection=replace(self.config.collection, **settings))
        self.services = open_services(self.config)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        return self.run(self.services.write(work))

    def read(self, work: Callable[[Connection], Result]) -> Result:
        return self.run(self.services.read(work))

    # -- content --------------------------------------------------------------------------------------

    def blob(self, content: bytes, repository: str = "demo") -> Digest:
        digest = Digest.of(content)

        async def push() -> None:
            incoming, _ = await self.services.storage.begin(str(uuid.uuid4()), "sha256")
            await incoming.append([content])
            async with incoming.seal(digest) as key:
                due = time.time() + self.later + GRACE
                await self.services.write(
                    lambda connection: link_blob(connection, repository, digest, len(content), key, due=due)
                )

        self.run(push())
        return digest

    def mount(self, digest: Digest, repository: str, source: str | None = None) -> bool:
        due = time.time() + self.later + GRACE
        return self.write(lambda connection: mount_blob(connection, PERMIT, repository, digest, source, due=due))

    def manifest(
        self,
        content: bytes,
        *tags: str,
        repository: str = "demo",
        media_type: str = OCI_MANIFEST,
        lease: float | None = None,
    ) -> Digest:
        """Push by tags or, without any, by digest; ``lease`` is in seconds from (the collector's) now."""
        now = time.time() + self.later
        new = NewManifest(Digest.of(content), content, parse_document(content, media_type), pinned=not tags)
        if lease is not None:
            new = replace(new, lease=now + lease)
        self.write(
            lambda connection: store_manifest(connection, PERMIT, repository, new, tags, due=now + GRACE),
        )
        return new.digest

    def image(self, name: str, *tags: str, repository: str = "demo", lease: float | None = None, **more: Any) -> Digest:
        """A manifest with a layer of its own, and a config that all have."""
        layer = f"layer of {name}".encode()
        self.blob(b"{}", repository)
        self.blob(layer, repository)
        content = self.tools.manifest(layers=[self.tools.descriptor(layer)], **more)
        return self.manifest(content, *tags, repository=repository, lease=lease)

    def index(self, *children: Digest, tags: tuple[str, ...] = (), lease: float | None = None) -> Digest:
        entries = []
        for child in children:
            found = self.read(lambda connection, child=child: find_manifest(connection, "demo", child))
            assert found is not None
            entries.append({"mediaType": found.media_type, "digest": found.digest, "size": found.size})
        return self.manifest(self.tools.index(*entries), *tags, media_type=OCI_INDEX, lease=lease)

    def untag(self, tag: str) -> None:
        due = time.time() + self.later + GRACE
        assert self.write(lambda connection: remove_tag(connection, PERMIT, "demo", tag, due=due))

    def delete(self, digest: Digest, repository: str = "demo") -> None:
        due = time.time() + self.later + GRACE
        assert self.write(lambda connection: remove_manifest(connection, PERMIT, repository, digest, due=due))

    # -- looking --------------------------------------------------------------------------------------

    def has(self, digest: Digest, repository: str = "demo") -> bool:
        """Whether the repository has the manifest or the blob, and the bytes are there."""

        def find(connection: Connection) -> Any:
            return find_manifest(connection, repository, digest) or find_blob(connection, repository, digest)

        found = self.read(find)
        if found is None:
            return False
        return not hasattr(found, "key") or self.run(self.services.storage.exists(digest, found.key))

    def state(self, digest: Digest) -> str | None:
        query = select(blobs.c.state).where(blobs.c.digest == str(digest))
        return self.read(lambda connection: connection.execute(query).scalar_one_or_none())

    def used(self, repository: str = "demo") -> int:
        query = select(repositories.c.bytes).where(repositories.c.name == repository)
        return self.read(lambda connection: int(connection.execute(query).scalar_one()))

    def files(self) -> set[str]:
        return {path.name for path in (self.config.data / "blobs").rglob("*") if path.is_file()}

    # -- collecting -----------------------------------------------------------------------------------

    def collector(self) -> Collector:
        clock = Clock(GRACE, lambda: time.time() + self.later, lambda: time.monotonic() + self.later)
        return Collector(self.services, clock)

    def collect(self, after: float = 0.0, **options: Any) -> tuple[Report, list[Gone]]:
        """Run the collector ``after`` seconds later than before."""
        self.later += after
        gone: list[Gone] = []
        return self.run(self.collector().run(tell=gone.append, **options)), gone

    def collect_all(self) -> None:
        """Wait for as long as it takes until nothing more goes."""
        for _ in range(6):
            self.collect(GRACE + 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def opened(tmp_path: Path, tools: Any) -> Iterator[Any]:
    """Opens registries, and closes them in the end."""
    open_ones = []

    def make(database: str | None = None, **settings: Any) -> Registry:
        collection = CollectionConfig(grace=GRACE, **settings)
        made = Registry(ServerConfig(tmp_path / "data", database=database, collection=collection), tools)
        open_ones.append(made)
        return made

    yield make
    for each in open_ones:
        each.close()


@pytest.fixture
def registry(opened: Any, database_url: str | None) -> Registry:
    made: Registry = opened(database_url)
    return made
