"""The schema on both databases: how it comes to be, and that what was there before survives it."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.dialects import postgresql

import registry.server
from registry.digest import Digest
from registry.errors import StorageFailed
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.database import open_database
from registry.server.metadata.blobs import find_blob
from registry.server.metadata.manifests import find_manifest, remove_manifest
from registry.server.metadata.repositories import repository_names
from registry.server.metadata.tags import tag_names
from registry.server.metadata.uploads import find_upload
from registry.server.schema import REVISION, metadata

MIGRATIONS = Path(registry.server.__file__).parent / "migrations"


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine: Engine = create_engine(address)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    (command.downgrade if revision < REVISION and "alembic_version" in tables(connection) else command.upgrade)(
        config, revision
    )


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_the_migrations_make_what_the_statements_use(empty: str) -> None:
    open_database(empty).close()
    with connected(empty) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISION]


def test_digests_and_names_sort_by_bytes_wherever_they_are_compared(empty: str) -> None:
    """An index of another collation than the column that it is compared with is not used."""
    if empty.startswith("sqlite"):
        pytest.skip("it sorts by bytes")
    open_database(empty).close()
    query = (
        "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    with connected(empty) as connection:
        found = {(table, column): collation for table, column, collation in connection.execute(text(query))}
    expected = {
        (table.name, column.name): getattr(column.type.dialect_impl(postgresql.dialect()), "collation", None)
        for table in metadata.sorted_tables
        for column in table.columns
    }
    assert {key: found[key] for key in expected} == expected
    assert {table for (table, _), collation in expected.items() if collation == "C"} >= {"tags", "repository_blobs"}


def test_downgrade_and_upgrade_again(empty: str) -> None:
    open_database(empty).close()
    with connected(empty) as connection:
        migrate(connection, "0001")
        assert "tag_history" not in tables(connection)
        assert {column["name"] for column in inspect(connection).get_columns("manifests")}.isdisjoint({"due", "lease"})
    open_database(empty).close()
    with connected(empty) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


BLOB, LOOSE, CONTENT = b"layer", b"nobody needs it", json.dumps({"schemaVersion": 2}).encode()
MANIFEST = Digest.of(CONTENT)
UPLOAD = str(uuid.uuid4())


def fill_first(connection: Connection) -> None:
    """What a server of the first revision left behind."""

    def run(statement: str, **values: object) -> None:
        connection.execute(text(statement), values)

    run("INSERT INTO repositories (id, name, created) VALUES (1, 'demo', 1000.0)")
    for data in (BLOB, LOOSE):
        row = {"digest": str(Digest.of(data)), "size": len(data)}
        run("INSERT INTO blobs (digest, size, created) VALUES (:digest, :size, 1000.0)", **row)
        run("INSERT INTO repository_blobs VALUES (1, :digest, 1000.0)", digest=row["digest"])
    run(
        "INSERT INTO manifests VALUES (1, :digest, 'application/vnd.oci.image.manifest.v1+json', :size, NULL,"
        " 'a/b', 1000.0, '{}', :content)",
        digest=str(MANIFEST),
        size=len(CONTENT),
        content=CONTENT,
    )
    run("INSERT INTO edges VALUES (1, :parent, :child)", parent=str(MANIFEST), child=str(Digest.of(BLOB)))
    run("INSERT INTO tags VALUES (1, 'latest', :digest, 1000.0)", digest=str(MANIFEST))
    run("INSERT INTO uploads VALUES (:id, 'demo', 'sha256', 1000.0)", id=UPLOAD)


def test_a_database_of_the_first_revision_survives(empty: str) -> None:
    with connected(empty) as connection:
        migrate(connection, "0001")
        fill_first(connection)
    database = open_database(empty)
    read = lambda work: asyncio.run(database.read(work))  # noqa: E731
    needed = read(lambda connection: find_blob(connection, "demo", Digest.of(BLOB)))
    loose = read(lambda connection: find_blob(connection, "demo", Digest.of(LOOSE)))
    assert (needed.size, needed.key, needed.due) == (len(BLOB), "", None)
    assert (loose.size, loose.due) == (len(LOOSE), 1000.0)
    for reference in (MANIFEST, "latest"):
        assert (
            read(lambda connection, reference=reference: find_manifest(connection, "demo", reference)).content
            == CONTENT
        )
    assert read(lambda connection: tag_names(connection, "demo", "", 10)) == ["latest"]
    assert read(lambda connection: find_upload(connection, UPLOAD, "demo")).principal == ""
    counted = read(lambda connection: connection.execute(text("SELECT bytes FROM repositories")).scalar_one())
    assert counted == len(BLOB) + len(LOOSE) + len(CONTENT)
    permit = Permit(OpenGate(), SYSTEM)
    assert asyncio.run(
        database.write(lambda connection: remove_manifest(connection, permit, "demo", MANIFEST, due=7.0))
    )
    assert read(lambda connection: find_blob(connection, "demo", Digest.of(BLOB))).due == 7.0
    database.close()


def test_several_may_create_it_at_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: open_database(empty), range(4)))
    for database in databases:
        assert asyncio.run(database.read(lambda connection: repository_names(connection, "", 10))) == []
        database.close()


def test_a_newer_database_is_a_clear_failure(empty: str) -> None:
    open_database(empty).close()
    with connected(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageFailed, match="another version"):
        open_database(empty)
