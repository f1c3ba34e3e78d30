"""A snapshot is one moment, on both databases; and what a database's revision is said to be."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from registry.errors import InvalidConfiguration, StorageFailed
from registry.server.config import ServerConfig
from registry.server.database import find_revision, open_database
from registry.server.metadata.repositories import create_repository, repository_names
from registry.server.operating import find_migration, migrate, operate
from registry.server.schema import REVISION


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_a_snapshot_does_not_see_what_comes_later(where: str) -> None:
    began, written = threading.Event(), threading.Event()

    def look(connection: Connection) -> list[list[str]]:
        first = repository_names(connection, "", 10)
        began.set()
        assert written.wait(20)
        return [first, repository_names(connection, "", 10)]

    async def work() -> list[list[str]]:
        database = open_database(where)
        try:
            await database.write(lambda connection: create_repository(connection, "first"))
            looking = asyncio.create_task(database.snapshot(look))
            await asyncio.to_thread(began.wait, 20)
            # Whoever writes does not wait for whoever looks.
            await database.write(lambda connection: create_repository(connection, "second"))
            written.set()
            seen = await looking
            assert await database.read(lambda connection: repository_names(connection, "", 10)) == ["first", "second"]
            return seen
        finally:
            database.close()

    assert asyncio.run(work()) == [["first"], ["first"]]


def test_a_snapshot_that_fails_leaves_nothing_open(where: str) -> None:
    async def work() -> None:
        database = open_database(where)
        try:
            for _ in range(30):
                with pytest.raises(ZeroDivisionError):
                    await database.snapshot(lambda _: 1 // 0)
            await database.write(lambda connection: create_repository(connection, "first"))
        finally:
            database.close()

    asyncio.run(work())


def test_looking_for_the_revision_changes_nothing(empty: str, tmp_path: Path) -> None:
    config = ServerConfig(tmp_path / "data", database=empty)
    assert find_revision(empty) is None
    assert find_revision(empty) is None
    assert list(tmp_path.iterdir()) == []
    assert find_migration(config).due
    with pytest.raises(StorageFailed, match="there is no registry"):
        operate(config, lambda services: services.expire_uploads())
    assert migrate(config).found is None
    assert find_revision(empty) == REVISION
    assert not find_migration(config).due
    assert operate(config, lambda services: services.expire_uploads()) == 0


def test_what_is_no_database() -> None:
    with pytest.raises(InvalidConfiguration):
        find_revision("mysql://127.0.0.1/registry")


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    config = ServerConfig(tmp_path, database="postgresql://ada:quiet@127.0.0.1:1/registry")
    began = time.monotonic()
    with pytest.raises(StorageFailed) as caught:
        operate(config, lambda services: services.expire_uploads())
    assert time.monotonic() - began < 10
    assert "quiet" not in str(caught.value)


def test_a_disk_that_fails_is_a_failure_of_the_storage(tmp_path: Path) -> None:
    async def work(_: object) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(StorageFailed) as caught:
        operate(ServerConfig(tmp_path), work, create=True)
    assert caught.value.cause == "Input/output error"
