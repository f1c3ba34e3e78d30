"""What is PostgreSQL's alone: connections that break, transactions in one another's way, passwords."""

import asyncio
import errno
import random
import signal
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from sqlalchemy import Connection, create_engine, insert, make_url, text
from sqlalchemy.exc import OperationalError

from registry.digest import Digest
from registry.errors import InvalidConfiguration, StorageFailed
from registry.model import OCI_MANIFEST, parse_document
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.config import ServerConfig
from registry.server.database import open_database
from registry.server.database.postgres import PostgresDatabase
from registry.server.database.protocol import DatabaseDown
from registry.server.metadata import manifests as module_of_manifests
from registry.server.metadata.blobs import link_blob, mount_blob, unlink_blob
from registry.server.metadata.manifests import (
    MissingContent,
    NewManifest,
    find_manifest,
    referrers,
    remove_manifest,
    store_manifest,
)
from registry.server.metadata.repositories import create_repository, repository_names
from registry.server.metadata.tags import remove_tag, tag_names
from registry.server.schema import manifests
from registry.server.testing import running_server
from scripts.postgres import SECRET, SECRET_USER, Postgres, running_postgres

PERMIT = Permit(OpenGate(), SYSTEM)
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{}'"


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    opened = open_database(postgres_url)
    assert isinstance(opened, PostgresDatabase)
    yield opened
    opened.close()


@pytest.fixture
def kill(postgres: Postgres, postgres_url: str) -> Callable[[], None]:
    """Break all connections to the database of this test."""
    statement = KILL.format(make_url(postgres_url).database)
    return lambda: postgres.run(statement)


def names(database: PostgresDatabase) -> list[str]:
    return asyncio.run(database.read(lambda connection: repository_names(connection, "", 100)))


def setting(name: str) -> Callable[[Connection], str]:
    return lambda connection: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


def test_settings_that_durability_and_patience_rest_on(postgres_url: str, database: PostgresDatabase) -> None:
    for run in (database.read, database.write):
        expected = {
            "synchronous_commit": "on",
            "statement_timeout": "30s",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "1min",
            "transaction_isolation": "read committed",
        }
        assert {name: asyncio.run(run(setting(name))) for name in expected} == expected
    relaxed = open_database(postgres_url, durable=False)
    assert asyncio.run(relaxed.write(setting("synchronous_commit"))) == "off"
    relaxed.close()


def test_a_server_that_is_set_to_be_fast_is_made_durable(postgres: Postgres, postgres_url: str) -> None:
    name = make_url(postgres_url).database
    for given, found in (("off", "on"), ("remote_write", "remote_write")):
        postgres.run(f'ALTER DATABASE "{name}" SET synchronous_commit = {given}')
        database = open_database(postgres_url)
        assert asyncio.run(database.write(setting("synchronous_commit"))) == found
        database.close()


def test_a_write_that_fails_leaves_nothing(database: PostgresDatabase) -> None:
    def fail(connection: Connection) -> None:
        create_repository(connection, "demo")
        raise RuntimeError("half way")

    for _ in range(10):
        with pytest.raises(RuntimeError, match="half way"):
            asyncio.run(database.write(fail))
    assert names(database) == []
    asyncio.run(database.write(lambda connection: create_repository(connection, "demo")))
    assert names(database) == ["demo"]


def test_work_that_hides_a_failed_statement_is_not_acknowledged(database: PostgresDatabase) -> None:
    def hide(connection: Connection) -> None:
        create_repository(connection, "demo")
        try:
            connection.exec_driver_sql("SELECT 1/0")
        except Exception:
            return

    with pytest.raises(AssertionError, match="went on"):
        asyncio.run(database.write(hide))
    assert names(database) == []


def test_names_sort_by_bytes(postgres: Postgres, database: PostgresDatabase) -> None:
    wanted = ["A", "B", "Z", "_x", "a", "a-b", "a.b", "a_b", "aa", "b"]
    people = "SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(ARRAY['a', 'B', 'a-b', 'ab']) AS x"
    with psycopg.connect(postgres.url()) as connection:
        told = connection.execute(people).fetchone()
    assert told != ("B a a-b ab",), "this PostgreSQL sorts by bytes anyhow, so that nothing would be shown"
    body = manifest(b"layer")

    def store(connection: Connection) -> None:
        link_blob(connection, "demo", Digest.of(b"layer"), 5)
        shuffled = random.sample(wanted, len(wanted))
        store_manifest(connection, PERMIT, "demo", body, shuffled)
        for name in shuffled:
            create_repository(connection, f"r{name.lower()}")

    asyncio.run(database.write(store))
    seen = asyncio.run(database.read(lambda connection: tag_names(connection, "demo", "", 100)))
    assert seen == sorted(wanted)
    assert asyncio.run(database.read(lambda connection: tag_names(connection, "demo", "a-b", 2))) == ["a.b", "a_b"]
    assert names(database) == sorted(names(database))


def manifest(layer: bytes) -> NewManifest:
    part = f'{{"mediaType":"a/b","digest":"{Digest.of(layer)}","size":{len(layer)}}}'
    content = f'{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{part},"layers":[]}}'.encode()
    return NewManifest(Digest.of(content), content, parse_document(content, OCI_MANIFEST))


def test_referrers_are_all_there_however_many_and_large(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_of_manifests, "MAX_MANIFEST", 10_000)
    subject = Digest.of(b"subject")
    rows = [
        {"digest": str(Digest.of(f"{number}".encode())), "annotations": f'{{"a":"{"x" * (number * 37 % 20_000)}"}}'}
        for number in range(600)
    ]
    shared = {"repository_id": 1, "media_type": OCI_MANIFEST, "size": 1, "subject": str(subject), "created": 1.0}

    def fill(connection: Connection) -> None:
        assert create_repository(connection, "demo") == 1
        connection.execute(insert(manifests), [{**shared, **row, "content": b"x"} for row in rows])

    asyncio.run(database.write(fill))
    digests = sorted(row["digest"] for row in rows)
    for after in ("", digests[100]):
        found = asyncio.run(
            database.read(lambda connection, after=after: list(referrers(connection, "demo", subject, None, after)))
        )
        assert [str(each.digest) for each in found] == [name for name in digests if name > after]


# -- connections that break -------------------------------------------------------------------------------


def test_reads_and_writes_go_on_with_new_connections(database: PostgresDatabase, kill: Callable[[], None]) -> None:
    for number in range(3):
        asyncio.run(database.write(lambda connection, number=number: create_repository(connection, f"r{number}")))
        assert len(names(database)) == number + 1
        kill()


def test_a_connection_that_breaks_within_a_write_costs_nothing(
    database: PostgresDatabase, kill: Callable[[], None]
) -> None:
    runs = []

    def work(connection: Connection) -> int:
        here = create_repository(connection, "demo")
        if not runs:
            kill()
        runs.append(here)
        return create_repository(connection, "demo")

    assert asyncio.run(database.write(work)) == runs[-1]
    assert len(runs) == 2
    assert names(database) == ["demo"]


def test_a_connection_that_breaks_during_commit_is_an_error(
    database: PostgresDatabase, kill: Callable[[], None]
) -> None:
    """Nobody knows whether it was committed, so nobody says so, and it is not done twice."""
    runs = []

    def work(connection: Connection) -> None:
        runs.append(create_repository(connection, "demo"))
        kill()

    with pytest.raises(DatabaseDown, match="while it committed"):
        asyncio.run(database.write(work))
    assert len(runs) == 1
    assert names(database) == []


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    with running_postgres() as postgres:
        url = postgres.create("alone")
        database = open_database(url)
        config = ServerConfig(tmp_path / "data", database=url)
        with running_server(tmp_path / "data", config) as address, requests.Session() as session:
            assert session.get(f"http://{address}/v2/_catalog", timeout=30).json() == {"repositories": []}
            postgres.stop(signal.SIGQUIT)
            with pytest.raises(DatabaseDown):
                names(database)  # type: ignore[arg-type]
            with pytest.raises(DatabaseDown):
                asyncio.run(database.write(lambda connection: create_repository(connection, "demo")))
            for method, path in (("GET", "/v2/_catalog"), ("POST", "/v2/demo/blobs/uploads/")):
                answer = session.request(method, f"http://{address}{path}", timeout=30)
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.json()["errors"][0]["code"] == "UNKNOWN"
            postgres.start()
            assert session.get(f"http://{address}/v2/_catalog", timeout=30).json() == {"repositories": []}
        database.close()


def test_a_host_that_says_nothing_is_waited_for_once() -> None:
    from registry.server.database.postgres import _Sessions

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://u@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=2"
        sessions = _Sessions(create_engine(url))
        took = []
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises((psycopg.OperationalError, OperationalError)):
                sessions.take()
            took.append(time.monotonic() - began)
    assert took[0] > 1
    assert max(took[1:]) < 0.5


def test_a_restart_in_the_middle_of_pushes_loses_nothing(tmp_path: Path, tools: Any) -> None:
    stop, pushed, odd, unavailable = threading.Event(), [], [], []

    def push(number: int) -> None:
        count = 0
        with requests.Session() as session:
            api = tools.Api(address, session)
            while not stop.is_set():
                layer, tag = f"{number} {count}".encode(), f"t{number}-{count}"
                body = tools.manifest(layers=[tools.descriptor(layer)])
                answers = [
                    api.call("POST", f"/v2/demo/blobs/uploads/?digest={tools.sha256(data)}", data=data)
                    for data in (b"{}", layer)
                ]
                if all(answer.status_code == 201 for answer in answers):
                    answers.append(api.put_manifest(tag, body, "demo"))
                bad = [answer for answer in answers if answer.status_code != 201]
                unavailable.extend(bad)
                odd.extend(answer.text for answer in bad if answer.status_code != 503)
                if not bad:
                    pushed.append((tag, tools.sha256(body), layer))
                    count += 1
                elif not odd:
                    time.sleep(0.05)  # and the same again

    with running_postgres() as postgres:
        config = ServerConfig(tmp_path / "data", database=postgres.create("alone"))
        with running_server(tmp_path / "data", config) as address, ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(push, number) for number in range(4)]
            for number in (signal.SIGINT, signal.SIGQUIT):
                wait_for_more(pushed, 10)
                postgres.stop(number)
                wait_for_more(unavailable, 1)
                postgres.start()
            wait_for_more(pushed, 10)
            stop.set()
            [client.result() for client in clients]
            assert odd == []
            assert unavailable, "no push met a database that was away"
            with requests.Session() as session:
                api = tools.Api(address, session)
                for tag, digest, layer in pushed:
                    assert api.get_manifest(tag, "demo").headers["Docker-Content-Digest"] == digest
                    assert api.get_blob(tools.sha256(layer), "demo").content == layer


def wait_for_more(things: list[Any], count: int) -> None:
    before, until = len(things), time.monotonic() + 30
    while len(things) < before + count:
        assert time.monotonic() < until
        time.sleep(0.01)


# -- transactions in one another's way --------------------------------------------------------------------


def together(database: PostgresDatabase, *works: Callable[[Connection], object]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)

    return asyncio.run(run())


def test_deadlocks_are_resolved(database: PostgresDatabase) -> None:
    for name in ("a", "b"):
        asyncio.run(database.write(lambda connection, name=name: create_repository(connection, name)))
    both = threading.Barrier(2, timeout=10)
    runs = []

    def work(first: str, second: str) -> Callable[[Connection], int]:
        def run(connection: Connection) -> int:
            create_repository(connection, first)
            runs.append(first)
            if len(runs) <= 2:
                both.wait()
            return create_repository(connection, second)

        return run

    assert sorted(together(database, work("a", "b"), work("b", "a"))) == [1, 2]
    assert len(runs) > 2


def test_a_lock_that_nobody_gives_up_is_not_waited_for_without_end(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.server.database import postgres as module

    monkeypatch.setattr(module, "_SETTINGS", module._SETTINGS.replace("'10s'", "'100ms'"))
    database = open_database(postgres_url)
    asyncio.run(database.write(lambda connection: create_repository(connection, "demo")))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT id FROM repositories FOR UPDATE")
        with pytest.raises(DatabaseDown, match="busy"):
            asyncio.run(database.write(lambda connection: create_repository(connection, "demo")))
        assert names(database) == ["demo"]  # type: ignore[arg-type]
    asyncio.run(database.write(lambda connection: create_repository(connection, "demo")))
    database.close()


def test_a_full_disk_is_said_to_be_full(database: PostgresDatabase) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$")

    with pytest.raises(OSError, match="cannot grow") as caught:
        asyncio.run(database.write(work))
    assert caught.value.errno == errno.ENOSPC


def test_one_repository_created_by_many(database: PostgresDatabase) -> None:
    found = together(database, *[lambda connection: create_repository(connection, "demo")] * 12)
    assert len(set(found)) == 1
    assert names(database) == ["demo"]


def test_one_blob_pushed_by_many_is_counted_once(database: PostgresDatabase) -> None:
    digest = Digest.of(b"layer")
    found = together(
        database,
        *[lambda connection, n=n: link_blob(connection, f"r{n % 3}", digest, 5, f"key{n}") for n in range(12)],
    )
    assert found.count(True) == 1
    assert not [each for each in found if isinstance(each, BaseException)]
    query = text("SELECT bytes FROM repositories")
    assert asyncio.run(database.read(lambda connection: list(connection.execute(query).scalars()))) == [5, 5, 5]


def test_one_tag_moved_by_many_means_one_of_them(database: PostgresDatabase) -> None:
    layers = [f"layer {number}".encode() for number in range(8)]
    for layer in layers:
        digest = Digest.of(layer)
        asyncio.run(database.write(lambda connection, d=digest, n=len(layer): link_blob(connection, "demo", d, n)))
    new = [manifest(layer) for layer in layers]
    found = together(
        database,
        *[lambda connection, each=each: store_manifest(connection, PERMIT, "demo", each, ["latest"]) for each in new],
    )
    assert found == [None] * 8
    last = asyncio.run(database.read(lambda connection: find_manifest(connection, "demo", "latest")))
    query = text("SELECT digest FROM tag_history ORDER BY id")
    history = asyncio.run(database.read(lambda connection: list(connection.execute(query).scalars())))
    assert sorted(history) == sorted(str(each.digest) for each in new)
    assert history[-1] == last.digest


def test_pushes_and_deletes_leave_what_is_whole(postgres_url: str) -> None:
    """Two processes' worth of connections, each doing what it likes to one repository."""
    databases = [open_database(postgres_url) for _ in range(2)]
    layer = b"layer"
    digest, new = Digest.of(layer), manifest(layer)

    def some(number: int) -> Callable[[Connection], object]:
        works: list[Callable[[Connection], object]] = [
            lambda connection: link_blob(connection, "demo", digest, 5, due=time.time() + 60),
            lambda connection: store_manifest(connection, PERMIT, "demo", new, ["latest"]),
            lambda connection: unlink_blob(connection, "demo", digest),
            lambda connection: remove_manifest(connection, PERMIT, "demo", new.digest),
            lambda connection: remove_tag(connection, PERMIT, "demo", "latest"),
            lambda connection: mount_blob(connection, PERMIT, "other", digest, "demo"),
            lambda connection: unlink_blob(connection, "other", digest),
        ]
        return works[number % len(works)]

    async def run() -> list[object]:
        numbers = random.sample(range(350), 350)
        works = [databases[number % 2].write(some(number // 2)) for number in numbers]
        return list(await asyncio.gather(*works, return_exceptions=True))

    failures = [each for each in asyncio.run(run()) if isinstance(each, BaseException)]
    assert [each for each in failures if not isinstance(each, MissingContent)] == []

    def whole(connection: Connection) -> tuple[int, int]:
        counted = connection.execute(text("SELECT coalesce(sum(bytes), 0) FROM repositories")).scalar_one()
        blobs = "SELECT coalesce(sum(b.size), 0) FROM repository_blobs r JOIN blobs b ON b.digest = r.digest"
        there = connection.execute(text(blobs)).scalar_one()
        there += connection.execute(text("SELECT coalesce(sum(size), 0) FROM manifests")).scalar_one()
        return int(counted), int(there)

    counted, there = asyncio.run(databases[0].read(whole))
    assert counted == there
    for database in databases:
        database.close()


# -- opening ----------------------------------------------------------------------------------------------


def test_a_password_is_used_and_never_shown(postgres: Postgres) -> None:
    name = uuid.uuid4().hex
    postgres.create(name, "template")
    host = f"127.0.0.1:{postgres.port}"
    wrong = f"postgresql://{SECRET_USER}:battery%40staple@{host}/{name}"
    with pytest.raises(StorageFailed) as caught:
        open_database(wrong)
    seen = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "password authentication failed" in seen
    assert "battery" not in seen
    with psycopg.connect(postgres.url(name)) as owner:
        owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {SECRET_USER}")
    database = open_database(f"postgresql://{SECRET_USER}:{SECRET}@{host}/{name}")
    assert asyncio.run(database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())) == 1
    assert SECRET not in repr(vars(database))
    database.close()
    postgres.drop(name)


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@ss-word@h/d", "postgres://u:ss-word@h/d", "postgresql://u:ss-word@h:port/d", "x ss-word"]
)
def test_a_malformed_address_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        open_database(url)
    assert "ss-word" not in f"{caught.value} {caught.value.cause} {caught.value.hint}"


def test_without_the_driver_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "registry.server.database.postgres")
    monkeypatch.delitem(sys.modules, "registry.server.database.sqlstates")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InvalidConfiguration, match="not installed") as caught:
        open_database("postgresql://u@127.0.0.1:1/d")
    assert "postgres" in str(caught.value.hint)


def test_nobody_there_is_a_clear_failure() -> None:
    with pytest.raises(StorageFailed, match=r"the registry's database d at 127\.0\.0\.1 cannot be used") as caught:
        open_database("postgresql://u@127.0.0.1:1/d")
    assert "refused Is the server running" in str(caught.value.cause)


def test_texts_that_postgresql_takes_nowhere(postgres_url: str, tmp_path: Path, tools: Any) -> None:
    config = ServerConfig(tmp_path / "data", database=postgres_url)
    with running_server(tmp_path / "data", config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_image("a")
        api.push_image("b", annotations={"a\0": "\0"}, artifactType="x/y")
        assert api.call("GET", "/v2/demo/hello/tags/list?last=a%00z").json()["tags"] == ["b"]
        assert api.call("GET", "/v2/_catalog?last=%00").json()["repositories"] == ["demo/hello"]
        found = api.call("GET", f"/v2/demo/hello/referrers/{digest}?artifactType=a%00b")
        assert (found.status_code, found.json()["manifests"]) == (200, [])
        refused = api.put_manifest("c", api.image(artifactType="x\0y"))
        assert (refused.status_code, tools.codes(refused)) == (400, ["MANIFEST_INVALID"])
