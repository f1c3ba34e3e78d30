"""The schema on both databases: how it comes to be, and that what was there before survives it."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.dialects import postgresql

import registry.server
from registry.digest import Digest
from registry.errors import StorageFailed
from registry.model import OCI_MANIFEST
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.config import CollectionConfig, ServerConfig
from registry.server.database import find_revision, open_database
from registry.server.metadata.blobs import find_blob
from registry.server.metadata.manifests import remove_manifest
from registry.server.metadata.repositories import repository_names
from registry.server.metadata.uploads import find_upload
from registry.server.schema import REVISION, metadata
from registry.server.services import open_services
from registry.server.storage.folder import blob_path, make_uploads
from registry.server.testing import running_server

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


def configured(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection, revision: str) -> None:
    command.upgrade(configured(connection), revision)


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


@pytest.mark.parametrize("revision", ["0001", "base"])
def test_a_downgrade_is_refused(empty: str, revision: str) -> None:
    open_database(empty).close()
    with connected(empty) as connection, pytest.raises(StorageFailed, match="older schema") as caught:
        command.downgrade(configured(connection), revision)
    assert "registry restore" in str(caught.value.hint)
    with connected(empty) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISION]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


BLOB, LOOSE, CONFIG = b"layer", b"nobody needs it", b"{}"
CONTENT = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(CONFIG)), "size": 2},
        "layers": [{"mediaType": "a/b", "digest": str(Digest.of(BLOB)), "size": len(BLOB)}],
    }
).encode()
MANIFEST = Digest.of(CONTENT)
SIGNATURE = json.dumps(
    {**json.loads(CONTENT), "subject": {"mediaType": OCI_MANIFEST, "digest": str(MANIFEST), "size": len(CONTENT)}}
).encode()
UPLOAD = str(uuid.uuid4())


def fill_first(connection: Connection) -> None:
    """What a server of the first revision left behind."""

    def run(statement: str, **values: object) -> None:
        connection.execute(text(statement), values)

    run("INSERT INTO repositories (name, created) VALUES ('demo', 1000.0)")
    for data in (BLOB, LOOSE, CONFIG):
        row = {"digest": str(Digest.of(data)), "size": len(data)}
        run("INSERT INTO blobs (digest, size, created) VALUES (:digest, :size, 1000.0)", **row)
        run("INSERT INTO repository_blobs VALUES (1, :digest, 1000.0)", digest=row["digest"])
    for content, subject in ((CONTENT, None), (SIGNATURE, str(MANIFEST))):
        run(
            "INSERT INTO manifests VALUES (1, :digest, :kind, :size, :subject, 'a/b', 1000.0, '{}', :content)",
            digest=str(Digest.of(content)),
            kind=OCI_MANIFEST,
            size=len(content),
            subject=subject,
            content=content,
        )
        for child in (BLOB, CONFIG):
            edge = {"parent": str(Digest.of(content)), "child": str(Digest.of(child))}
            run("INSERT INTO edges VALUES (1, :parent, :child)", **edge)
    run("INSERT INTO tags VALUES (1, 'latest', :digest, 1000.0)", digest=str(MANIFEST))
    run("INSERT INTO uploads VALUES (:id, 'demo', 'sha256', 1000.0)", id=UPLOAD)


FILLS = {"0001": fill_first}
"""What a server of each revision but the newest left behind: a new revision needs one for the one before it."""


def test_each_revision_but_the_newest_is_tried() -> None:
    known = {each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    assert known == {*FILLS, REVISION}


@pytest.mark.parametrize("revision", FILLS)
def test_a_database_of_an_earlier_revision_survives(empty: str, revision: str) -> None:
    with connected(empty) as connection:
        migrate(connection, revision)
        FILLS[revision](connection)
    database = open_database(empty)
    read = lambda work: asyncio.run(database.read(work))  # noqa: E731
    needed = read(lambda connection: find_blob(connection, "demo", Digest.of(BLOB)))
    loose = read(lambda connection: find_blob(connection, "demo", Digest.of(LOOSE)))
    assert (needed.size, needed.key, needed.due) == (len(BLOB), "", None)
    assert (loose.size, loose.due) == (len(LOOSE), 1000.0)
    assert read(lambda connection: find_upload(connection, UPLOAD, "demo")).principal == ""
    counted = read(lambda connection: connection.execute(text("SELECT bytes FROM repositories")).scalar_one())
    assert counted == sum(map(len, (BLOB, LOOSE, CONFIG, CONTENT, SIGNATURE)))
    permit = Permit(OpenGate(), SYSTEM)
    for digest in (MANIFEST, Digest.of(SIGNATURE)):
        removed = partial(remove_manifest, permit=permit, repository="demo", digest=digest, due=7.0)
        assert asyncio.run(database.write(removed))
    assert read(lambda connection: find_blob(connection, "demo", Digest.of(BLOB))).due == 7.0
    database.close()


@pytest.mark.parametrize("revision", FILLS)
def test_a_server_serves_what_an_earlier_one_left(empty: str, revision: str, tools: Any, data: Path) -> None:
    url = empty if empty.startswith("postgresql") else f"sqlite:///{data / 'registry.db'}"
    for content in (BLOB, LOOSE, CONFIG):
        place = blob_path(data / "blobs", Digest.of(content))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    with connected(url) as connection:
        migrate(connection, revision)
        FILLS[revision](connection)
    config = ServerConfig(data, database=url, collection=CollectionConfig(interval=0))
    for _ in range(2):  # the second time there is nothing to migrate
        with running_server(data, config) as address, requests.Session() as session:
            api = tools.Api(address, session)
            for reference in (str(MANIFEST), "latest"):
                assert api.get_manifest(reference, "demo").content == CONTENT
            for content in (BLOB, LOOSE, CONFIG):
                assert api.get_blob(tools.sha256(content), "demo").content == content
            assert api.call("GET", "/v2/demo/tags/list").json()["tags"] == ["latest"]
            found = api.call("GET", f"/v2/demo/referrers/{MANIFEST}").json()["manifests"]
            assert [entry["digest"] for entry in found] == [tools.sha256(SIGNATURE)]
            assert api.push_image("next", "demo/more")
            assert api.put_manifest("next", CONTENT, "demo").status_code == 201
            assert api.call("DELETE", "/v2/demo/manifests/next").status_code == 202


def test_a_migration_that_fails_leaves_what_was_there(empty: str) -> None:
    with connected(empty) as connection:
        migrate(connection, "0001")
        fill_first(connection)
        connection.execute(text("CREATE TABLE facts (mine INTEGER)"))
    with pytest.raises(StorageFailed):
        open_database(empty)
    with connected(empty) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["0001"]
        assert connection.execute(text("SELECT name, created FROM repositories")).all() == [("demo", 1000.0)]
        connection.execute(text("DROP TABLE facts"))
    open_database(empty).close()
    assert find_revision(empty) == REVISION


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
    with pytest.raises(StorageFailed, match="another version") as caught:
        open_database(empty)
    assert "the newest version that ever served" in str(caught.value.hint)
    assert find_revision(empty) == "9999"


def test_a_folder_says_which_version_it_is_of(data: Path) -> None:
    data.mkdir()
    (data / "audit.jsonl").touch()  # from before there was a version
    for _ in range(2):
        make_uploads(data)
        assert (data / "format").read_bytes() == b"wasmbuild registry 1\n"


@pytest.mark.parametrize("found", [b"wasmbuild registry 2\n", b"", b"x" * 5000])
def test_a_folder_of_another_version_is_left_alone(data: Path, found: bytes) -> None:
    data.mkdir()
    (data / "format").write_bytes(found)
    with pytest.raises(StorageFailed) as caught:
        open_services(ServerConfig(data))
    assert ("another version" in str(caught.value)) == (len(found) < 1000)
    assert [path.name for path in data.iterdir()] == ["format"]
