"""Backups, made while the registry is used, and what comes back of them."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.digest import Digest
from registry.errors import InvalidDocument, StorageFailed
from registry.server.access.accounts import add_user
from registry.server.access.rules import add_rule, list_rules, parse_rule
from registry.server.access.signing_keys import ensure_key, list_keys
from registry.server.backup import making, restoring
from registry.server.collection.collector import Collector
from registry.server.config import CollectionConfig, ServerConfig, StorageConfig
from registry.server.metadata.holds import held
from registry.server.operating import operate
from registry.server.testing import running_server
from scripts.versity import ACCESS, SECRET


def writing(config: ServerConfig, work: Any) -> Any:
    return operate(config, lambda services: services.write(work))


def blob_of(folder: Path, content: bytes) -> Path:
    digest = Digest.of(content)
    return folder / "blobs" / digest.algorithm / digest.encoded[:2] / digest.encoded


def check(data: Path, content: Any, tools: Any, **settings: Any) -> None:
    with running_server(data, ServerConfig(data, **settings)) as address, requests.Session() as session:
        content.check(tools.Api(address, session), tools)


def test_what_was_there_comes_back(made: Any, backups: Any, tools: Any, tmp_path: Path) -> None:
    folder, content = made
    report = backups.restore(ServerConfig(tmp_path / "new"), folder)
    assert (report.summary.repositories, report.summary.manifests, report.summary.tags) == (2, 3, 3)
    assert report.copied == report.summary.blobs == 5
    check(tmp_path / "new", content, tools)


def test_what_was_restored_can_be_used(made: Any, backups: Any, tools: Any, tmp_path: Path) -> None:
    folder, content = made
    new = tmp_path / "new"
    backups.restore(ServerConfig(new), folder)
    with running_server(new) as address, requests.Session() as session:
        api = tools.Api(address, session)
        content.push(api, tools, "team/app", "v3", b"third", b"shared")
        content.push(api, tools, "new/one", "v1", b"fourth")
        content.check(api, tools)
        history = api.call("GET", "/v2/team/app/_oci/tag-history/v1").json()["history"]
        assert [entry["digest"] for entry in history] == [tools.sha256(content.images["team/app", "v1"][0])]


def test_users_rules_and_keys_come_back(data: Path, backups: Any, tmp_path: Path) -> None:
    def prepare(connection: Any) -> list[str]:
        add_user(connection, "ada", "$argon2id$hash", ["dev"])
        add_rule(connection, parse_rule("team/**", "group:dev", ["pull"]))
        return [key.id for key in ensure_key(connection)]

    new = ServerConfig(tmp_path / "new")
    keys = operate(ServerConfig(data), lambda services: services.write(prepare), create=True)
    # A server that was started on the new one already has a key of its own.
    operate(new, lambda services: services.write(ensure_key), create=True)
    backups.backup(ServerConfig(data), tmp_path / "backup")
    backups.restore(new, tmp_path / "backup")
    assert [key.id for key in operate(new, lambda services: services.read(list_keys))] == keys
    assert [rule.subject for rule in operate(new, lambda services: services.read(list_rules))] == ["group:dev"]


def test_only_its_owner_can_read_it(made: Any) -> None:
    folder, _ = made
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_backup_under_load(data: Path, backups: Any, tools: Any, tmp_path: Path) -> None:
    """What is in the snapshot is whole, although clients push and delete and the collector runs all the time."""
    config = ServerConfig(data, collection=CollectionConfig(grace=0.5, interval=0.05, orphans_interval=0.05))
    folder, stop = tmp_path / "backup", threading.Event()
    kept = backups.Content()
    problems: list[BaseException] = []

    def churn(number: int) -> None:
        try:
            with requests.Session() as session:
                api, content, step = tools.Api(address, session), backups.Content(), 0
                while not stop.is_set():
                    step += 1
                    name, tag = f"churn/{number}", f"t{step % 3}"
                    content.push(api, tools, name, tag, b"%d %d" % (number, step), b"common %d" % (step % 5))
                    if step % 2:
                        digest = tools.sha256(content.images.pop((name, tag))[0])
                        assert api.call("DELETE", f"/v2/{name}/manifests/{digest}").status_code == 202
        except BaseException as error:
            problems.append(error)

    with running_server(data, config) as address, requests.Session() as session:
        for number in range(20):
            kept.push(tools.Api(address, session), tools, f"kept/{number % 3}", f"v{number}", os.urandom(200_000))
        threads = [threading.Thread(target=churn, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        reports = []
        for _ in range(3):
            time.sleep(0.2)
            reports.append(backups.backup(config, folder))
        stop.set()
        for thread in threads:
            thread.join()
        kept.check(tools.Api(address, session), tools)
    assert problems == []
    assert [report.damaged for report in reports] == [[], [], []]
    assert reports[0].copied >= 20
    assert reports[1].there >= 20

    new = tmp_path / "new"
    backups.restore(ServerConfig(new), folder)
    with running_server(new) as address, requests.Session() as session:
        api = tools.Api(address, session)
        kept.check(api, tools)
        for repository in api.call("GET", "/v2/_catalog").json()["repositories"]:
            for tag in api.call("GET", f"/v2/{repository}/tags/list").json()["tags"] or []:
                whole(api, tools, repository, tag)


def whole(api: Any, tools: Any, repository: str, tag: str) -> None:
    answer = api.get_manifest(tag, repository)
    assert answer.status_code == 200
    document = answer.json()
    for descriptor in [document["config"], *document["layers"]]:
        content = api.get_blob(descriptor["digest"], repository).content
        assert tools.sha256(content) == descriptor["digest"]


def test_the_second_one_copies_what_is_new(made: Any, data: Path, backups: Any, tools: Any, tmp_path: Path) -> None:
    folder, content = made
    with running_server(data) as address, requests.Session() as session:
        api = tools.Api(address, session)
        content.push(api, tools, "team/app", "v3", b"third", b"shared")
        digest = tools.sha256(content.images.pop(("team/app", "v1"))[0])
        assert api.call("DELETE", f"/v2/team/app/manifests/{digest}").status_code == 202
    config = ServerConfig(data, collection=CollectionConfig(grace=0.0))
    operate(config, collect)
    operate(config, collect)
    report = backups.backup(config, folder)
    assert (report.copied, report.there) == (1, 4)
    assert not blob_of(folder, b"first").exists()  # nothing names it any more
    assert len(list(folder.glob("rows-*.db"))) == 1
    backups.restore(ServerConfig(tmp_path / "new"), folder)
    check(tmp_path / "new", content, tools)


async def collect(services: Any) -> None:
    await services.write(lambda connection: connection.exec_driver_sql("UPDATE repository_blobs SET due = due - 1e6"))
    await asyncio.sleep(0.01)
    await Collector(services).run()


def test_one_that_was_interrupted_goes_on(
    made: Any, data: Path, backups: Any, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, content = made
    folder, before, done, others = tmp_path / "other", making._copy, [], asyncio.Event()

    async def copy(services: Any, folder: Any, digest: Digest, blob: Any) -> bool:
        if digest == Digest.of(b"shared"):
            await others.wait()
            raise OSError("the power went")
        done.append(await before(services, folder, digest, blob))
        if len(done) == 3:  # the other lanes
            others.set()
        return True

    monkeypatch.setattr(making, "_copy", copy)
    with pytest.raises(StorageFailed):
        backups.backup(ServerConfig(data), folder)
    with pytest.raises(StorageFailed, match="no complete backup"):
        backups.restore(ServerConfig(tmp_path / "new"), folder)
    assert not operate(ServerConfig(data), lambda services: services.read(lambda each: held(each, time.time())))
    monkeypatch.undo()
    report = backups.backup(ServerConfig(data), folder)
    assert report.there + report.copied == 5
    assert report.there
    backups.restore(ServerConfig(tmp_path / "new"), folder)
    check(tmp_path / "new", content, tools)


def test_an_interrupted_one_leaves_the_one_before(
    made: Any, data: Path, backups: Any, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, content = made
    with running_server(data) as address, requests.Session() as session:
        backups.Content().push(tools.Api(address, session), tools, "team/app", "v3", b"third")

    async def copy(*_: Any) -> bool:
        raise OSError("the power went")

    monkeypatch.setattr(making, "_copy", copy)
    with pytest.raises(StorageFailed):
        backups.backup(ServerConfig(data), folder)
    backups.restore(ServerConfig(tmp_path / "new"), folder)
    check(tmp_path / "new", content, tools)


def test_collection_waits_for_a_backup(made: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    before = making._copy

    async def copy(services: Any, folder: Any, digest: Digest, blob: Any) -> bool:
        seen.append((await Collector(services).run()).held)
        return await before(services, folder, digest, blob)

    monkeypatch.setattr(making, "_copy", copy)
    operate(ServerConfig(data), lambda services: making.make_backup(services, tmp_path / "other"))
    assert seen == [True] * 5


def test_a_lost_hold_fails_the_backup(made: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = making._copy

    async def copy(services: Any, folder: Any, digest: Digest, blob: Any) -> bool:
        await services.write(lambda connection: connection.exec_driver_sql("DELETE FROM holds"))
        return await before(services, folder, digest, blob)

    monkeypatch.setattr(making, "_copy", copy)
    with pytest.raises(StorageFailed, match="too long"):
        operate(ServerConfig(data), lambda services: making.make_backup(services, tmp_path / "other"))
    assert not (tmp_path / "other" / "backup.json").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from registry.server.backup import {module}
from registry.server.config import ServerConfig
from registry.server.operating import operate

before, seen = {module}.{step}, []

async def step(*arguments, **options):
    seen.append(1)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return await before(*arguments, **options)

{module}.{step}, {module}._LANES = step, 2
operate(ServerConfig(Path(sys.argv[1])), lambda each: {module}.{work}(each, Path(sys.argv[2])), create=True)
"""


def killed(module: str, step: str, work: str, data: Path, folder: Path) -> None:
    code = KILLED.format(module=module, step=step, work=work)
    ended = subprocess.run([sys.executable, "-c", code, str(data), str(folder)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_a_backup_is_killed(made: Any, data: Path, backups: Any, tools: Any, tmp_path: Path) -> None:
    _, content = made
    folder = tmp_path / "other"
    killed("making", "_copy", "make_backup", data, folder)
    assert list((folder / "partial").iterdir())
    report = backups.backup(ServerConfig(data), folder)
    assert report.there >= 1
    assert list((folder / "partial").iterdir()) == []
    backups.restore(ServerConfig(tmp_path / "new"), folder)
    check(tmp_path / "new", content, tools)


@pytest.mark.parametrize("again", [True, False])
def test_a_restore_is_killed(made: Any, backups: Any, tools: Any, tmp_path: Path, rows: Any, again: bool) -> None:
    folder, content = made
    new = ServerConfig(tmp_path / "new", collection=CollectionConfig(grace=0.0))
    killed("restoring", "_bring", "restore_backup", new.data, folder)
    with running_server(new.data, new) as address, requests.Session() as session:
        assert tools.Api(address, session).call("GET", "/v2/_catalog").json() == {"repositories": []}
    if again:
        assert backups.restore(new, folder).there >= 1
        check(new.data, content, tools)
        return
    rows(new.data / "registry.db", "UPDATE holds SET until = 0")
    time.sleep(0.01)
    operate(new, lambda services: Collector(services).run(orphans=True))
    operate(new, lambda services: services.expire_uploads())
    assert [path for path in (new.data / "blobs").rglob("*") if path.is_file()] == []


def test_a_restore_while_it_is_served(made: Any, backups: Any, tools: Any, tmp_path: Path) -> None:
    folder, content = made
    new = ServerConfig(tmp_path / "new", collection=CollectionConfig(0.0, 0.01, orphans_interval=0.01))
    with running_server(new.data, new) as address, requests.Session() as session:
        time.sleep(0.1)
        backups.restore(new, folder)
        time.sleep(0.2)
        content.check(tools.Api(address, session), tools)


def test_a_push_while_a_backup_is_restored_loses_nothing(
    made: Any, backups: Any, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry was empty when the restore began; what is pushed then has bytes of the backup."""
    folder, _ = made
    new, pushed, copy = ServerConfig(tmp_path / "new"), backups.Content(), restoring._copy_blobs
    with running_server(new.data) as address, requests.Session() as session:
        api = tools.Api(address, session)

        async def late(*arguments: Any) -> list[str]:
            await asyncio.to_thread(pushed.push, api, tools, "early/bird", "v1", b"first")
            return await copy(*arguments)

        monkeypatch.setattr(restoring, "_copy_blobs", late)
        with pytest.raises(StorageFailed, match="empty registry only"):
            backups.restore(new, folder)
        pushed.check(api, tools)


# -- damage ---------------------------------------------------------------------------------------------


def test_what_is_damaged_in_the_registry_is_named_and_left_out(
    made: Any, data: Path, backups: Any, tools: Any, tmp_path: Path, rows: Any
) -> None:
    _, content = made
    blob_of(data, b"first").write_bytes(b"fIrst")
    body = content.images.pop(("team/app", "v2"))[0]
    rows(data / "registry.db", "UPDATE manifests SET content = ? WHERE digest = ?", b"{}", tools.sha256(body))
    report = backups.backup(ServerConfig(data), tmp_path / "other")
    assert sorted(report.damaged) == sorted([tools.sha256(b"first"), tools.sha256(body)])
    backups.restore(ServerConfig(tmp_path / "new"), tmp_path / "other")
    with running_server(tmp_path / "new") as address, requests.Session() as session:
        api = tools.Api(address, session)
        assert api.get_blob(tools.sha256(b"first"), "team/app").status_code == 404
        assert api.get_manifest("v2", "team/app").status_code == 404
        api.push_blob(b"first", "team/app")  # a push mends it
        assert api.put_manifest("v2", body, "team/app").status_code == 201
        content.images["team/app", "v2"] = body, [b"second", b"shared"]
        content.check(api, tools)


@pytest.mark.parametrize("how", ["changed", "longer", "missing"])
def test_a_damaged_blob_is_refused_and_named(made: Any, backups: Any, tools: Any, tmp_path: Path, how: str) -> None:
    folder, content = made
    path = blob_of(folder, b"second")
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"sEcond" if how == "changed" else b"second one")
    new = ServerConfig(tmp_path / "new")
    with pytest.raises(StorageFailed) as caught:
        backups.restore(new, folder)
    assert tools.sha256(b"second") in str(caught.value)
    with running_server(new.data) as address, requests.Session() as session:
        assert tools.Api(address, session).call("GET", "/v2/_catalog").json() == {"repositories": []}
    # It goes on where it stopped, once the backup is whole again.
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"second")
    report = backups.restore(new, folder)
    assert (report.there, report.copied) == (4, 1)
    check(new.data, content, tools)


def test_damaged_rows_are_refused(made: Any, backups: Any, tmp_path: Path) -> None:
    folder, _ = made
    (path,) = folder.glob("rows-*.db")
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + b"x" + whole[5001:])
    with pytest.raises(StorageFailed, match="damaged") as caught:
        backups.restore(ServerConfig(tmp_path / "new"), folder)
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(StorageFailed, match="cannot be read"):
        backups.restore(ServerConfig(tmp_path / "new"), folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"schemaVersion": 1}', b"[" * 100_000, b" " * 2_000_000],
    ids=["empty", "list", "nothing", "bytes", "version", "deep", "long"],
)
def test_a_summary_that_is_none(made: Any, backups: Any, tmp_path: Path, content: bytes) -> None:
    folder, _ = made
    (folder / "backup.json").write_bytes(content)
    with pytest.raises(InvalidDocument):
        backups.restore(ServerConfig(tmp_path / "new"), folder)


def test_a_summary_of_elsewhere_or_of_later(made: Any, backups: Any, tmp_path: Path) -> None:
    folder, _ = made
    summary = json.loads((folder / "backup.json").read_text())
    for change in ({"rows": f"../backup/{summary['rows']}"}, {"schemaVersion": 2}):
        (folder / "backup.json").write_text(json.dumps({**summary, **change}))
        with pytest.raises(InvalidDocument):
            backups.restore(ServerConfig(tmp_path / "new"), folder)


# -- refusals -------------------------------------------------------------------------------------------


def test_a_registry_in_use_is_not_restored_into(made: Any, data: Path, backups: Any, tools: Any) -> None:
    folder, content = made
    with pytest.raises(StorageFailed, match="empty registry only"):
        backups.restore(ServerConfig(data), folder)
    check(data, content, tools)


def test_nothing_is_backed_up_into_a_strangers_folder(made: Any, data: Path, backups: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(StorageFailed, match="no backup"):
        backups.backup(ServerConfig(data), folder)
    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]


def test_nothing_is_backed_up_into_the_registry_itself(made: Any, data: Path, backups: Any, tools: Any) -> None:
    _, content = made
    before = sorted(data.rglob("*"))
    with pytest.raises(StorageFailed, match="no backup"):
        backups.backup(ServerConfig(data), data)
    assert sorted(data.rglob("*")) == before
    check(data, content, tools)


def test_a_backup_is_no_folder_for_a_registry(made: Any, backups: Any) -> None:
    folder, _ = made
    before = sorted(folder.rglob("*"))
    with pytest.raises(StorageFailed, match="is a backup"):
        backups.restore(ServerConfig(folder), folder)
    with pytest.raises(StorageFailed, match="is a backup"), running_server(folder):
        pass
    assert sorted(folder.rglob("*")) == before


def test_a_backup_in_use(made: Any, data: Path, backups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = made
    failures = []
    before = making._fill

    async def fill(services: Any, *rest: Any) -> None:
        with pytest.raises(StorageFailed) as caught:
            await making.make_backup(services, folder)
        failures.append(caught.value.what)
        await before(services, *rest)

    monkeypatch.setattr(making, "_fill", fill)
    backups.backup(ServerConfig(data), folder)
    assert failures == [f"the backup {folder} is in use"]


def test_there_is_no_registry(backups: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="there is no registry"):
        backups.backup(ServerConfig(tmp_path / "nowhere"), tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


# -- elsewhere ------------------------------------------------------------------------------------------


def test_from_sqlite_to_postgresql_and_back(
    made: Any, backups: Any, tools: Any, tmp_path: Path, postgres_url: str
) -> None:
    folder, content = made
    there = ServerConfig(tmp_path / "postgres", database=postgres_url)
    backups.restore(there, folder)
    with running_server(there.data, there) as address, requests.Session() as session:
        api = tools.Api(address, session)
        # New keys do not collide with those that were restored.
        content.push(api, tools, "new/one", "v1", b"fourth")
        content.push(api, tools, "team/app", "v4", b"fifth")
        content.check(api, tools)
        backups.backup(there, tmp_path / "second")
    backups.restore(ServerConfig(tmp_path / "new"), tmp_path / "second")
    check(tmp_path / "new", content, tools)
    with pytest.raises(StorageFailed, match="empty registry only"):
        backups.restore(there, folder)


def test_to_s3_and_back(made: Any, backups: Any, tools: Any, tmp_path: Path, versity: Any) -> None:
    folder, content = made
    bucket = versity.create()
    storage = StorageConfig(f"s3://{bucket}/prefix", endpoint=versity.endpoint, access_key=ACCESS, secret_key=SECRET)
    there = ServerConfig(tmp_path / "there", storage=storage)
    blob_of(folder, b"second").rename(tmp_path / "kept")
    with pytest.raises(StorageFailed):
        backups.restore(there, folder)
    (tmp_path / "kept").rename(blob_of(folder, b"second"))
    assert backups.restore(there, folder).there == 4
    check(there.data, content, tools, storage=storage)
    assert backups.backup(there, tmp_path / "second").copied == 5
    backups.restore(ServerConfig(tmp_path / "new"), tmp_path / "second")
    check(tmp_path / "new", content, tools)
    versity.drop(bucket)


def test_a_backup_of_an_older_schema(made: Any, backups: Any, tools: Any, tmp_path: Path, rows: Any) -> None:
    folder, _ = made
    (path,) = folder.glob("rows-*.db")
    summary = json.loads((folder / "backup.json").read_text())
    path.unlink()
    config = replace(ServerConfig(tmp_path / "scratch"), data=tmp_path)
    make_first_schema(path)
    digest = str(Digest.of(path.read_bytes()))
    (folder / "backup.json").write_text(json.dumps({**summary, "revision": "0001", "digest": digest}))
    backups.restore(replace(config, data=tmp_path / "new"), folder)
    assert str(Digest.of(path.read_bytes())) == digest
    assert rows(tmp_path / "new" / "registry.db", "SELECT count(*) FROM repositories") == [(0,)]


def make_first_schema(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    import registry.server

    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(registry.server.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
