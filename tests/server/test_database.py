import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection

from registry.digest import Digest
from registry.errors import StorageFailed
from registry.server.app import create_app
from registry.server.config import ServerConfig
from registry.server.database import open_database
from registry.server.metadata.blobs import find_blob, link_blob
from registry.server.metadata.repositories import repository_names
from registry.server.services import open_services


def test_a_current_database_is_opened_without_alembic(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    open_database(path).close()
    code = (
        "import sys; from pathlib import Path; from registry.server.database import open_database;"
        f"open_database(Path({str(path)!r})).close(); print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "False"


def test_settings_that_durability_rests_on(tmp_path: Path) -> None:
    database = open_database(tmp_path / "registry.db")

    def settings(connection: Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names)

    assert asyncio.run(database.read(settings)) == ("wal", 2, 1)
    assert asyncio.run(database.write(settings)) == ("wal", 2, 1)
    database.close()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path / "registry.db")
    digest = Digest.of(b"x")

    def fail(connection: Connection) -> None:
        link_blob(connection, "demo", digest, 1)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        asyncio.run(database.write(fail))
    assert asyncio.run(database.read(lambda connection: repository_names(connection, "", 10))) == []
    asyncio.run(database.write(lambda connection: link_blob(connection, "demo", digest, 1)))
    assert asyncio.run(database.read(lambda connection: find_blob(connection, "demo", digest))).size == 1
    database.close()


@pytest.mark.parametrize("name", ["q?x=1", "a%20b", "a#b", "sqlite:", ":memory:", "file:x?mode=memory", "ä b"])
def test_a_folder_of_any_name_holds_its_database(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    digest = Digest.of(b"x")
    for run in range(2):
        services = open_services(ServerConfig(folder))
        asyncio.run(services.write(lambda connection: link_blob(connection, "demo", digest, 1)))
        assert asyncio.run(services.read(lambda connection: repository_names(connection, "", 10))) == ["demo"], run
        asyncio.run(services.close())
    assert (folder / "registry.db").stat().st_size > 0
    assert list(tmp_path.iterdir()) == [folder]


def test_a_damaged_database_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"this is not a database, and never was" * 100)
    with pytest.raises(StorageFailed) as caught:
        create_app(ServerConfig(tmp_path))
    assert caught.value.cause == "file is not a database"


def test_a_database_of_a_newer_version_is_a_clear_failure(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    open_database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageFailed, match="another version"):
        create_app(ServerConfig(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed, match="cannot write"):
        create_app(ServerConfig(tmp_path / "file" / "data"))
