"""Disks that are full, read-only or broken: writes are refused, reads go on, nothing acknowledged is missing."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server.database import sqlite
from registry.server.testing import running_server
from tests.server.faults.disks import Disk, small_disk
from tests.server.faults.serving import Served, serving

REPOSITORY = "/v2/demo/hello"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, "12m") as disk:
        yield disk


@pytest.fixture
def full(tmp_path: Path, disk: Disk) -> Iterator[Served]:
    """A server, all of whose data is on a small disk."""
    with serving(tmp_path, prefix=disk.prefix, data=disk.inside / "data") as served:
        yield served


class Client:
    """Pushes, and remembers what was acknowledged."""

    def __init__(self, api: Any, tools: Any) -> None:
        self.api, self.tools = api, tools
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}

    def push(self, data: bytes) -> requests.Response:
        digest = self.tools.sha256(data)
        answer = self.api.call("POST", f"{REPOSITORY}/blobs/uploads/?digest={digest}", data=data)
        if answer.status_code == 201:
            self.blobs[digest] = data
        return answer

    def tag(self, name: str, *layers: bytes, **fields: Any) -> requests.Response:
        entries = [self.tools.descriptor(layer) for layer in layers]
        body = self.tools.manifest(config=entries[0], layers=entries[1:], **fields)
        answer = self.api.put_manifest(name, body)
        if answer.status_code == 201:
            self.tags[name] = self.tools.sha256(body)
        return answer

    def check(self) -> None:
        """Everything that was acknowledged is there, byte for byte, and nothing else is listed."""
        for digest, data in self.blobs.items():
            assert self.api.get_blob(digest).content == data
        for name, digest in self.tags.items():
            answer = self.api.get_manifest(name)
            assert self.tools.sha256(answer.content) == digest
        assert self.api.call("GET", f"{REPOSITORY}/tags/list").json()["tags"] == sorted(self.tags)


@pytest.fixture
def client(tools: Any) -> Iterator[Callable[[str], Client]]:
    with requests.Session() as session:
        session.trust_env = False
        yield lambda address: Client(tools.Api(address, session), tools)


def test_a_full_disk_refuses_and_reads_go_on(full: Served, disk: Disk, client: Any, tools: Any, tmp_path: Path) -> None:
    mine, layer, late = client(full.address), os.urandom(1_000_000), os.urandom(2_000_000)
    assert mine.push(layer).status_code == 201
    assert mine.tag("v1", layer).status_code == 201
    location = mine.api.begin()
    filler = disk.fill()
    refused = [
        mine.push(late),
        mine.push(b"one small blob"),
        mine.api.call("POST", f"{REPOSITORY}/blobs/uploads/"),
        mine.api.call("PATCH", location, data=late),
        mine.api.call("PUT", f"{location}?digest={tools.sha256(late)}", data=late),
        mine.tag("v2", layer),
        mine.tag("v3", layer, annotations={"large": "x" * 500_000}),
        mine.api.call("DELETE", f"{REPOSITORY}/manifests/v1"),
    ]
    assert [(answer.status_code, tools.codes(answer)) for answer in refused] == [(507, ["UNKNOWN"])] * len(refused)
    mine.check()
    assert mine.api.call("GET", "/healthz").status_code == 200
    filler.unlink()
    assert mine.push(late).status_code == 201
    assert mine.tag("v2", layer, late).status_code == 201
    mine.check()
    assert mine.api.call("PUT", f"{location}?digest={tools.sha256(b'at last')}", data=b"at last").status_code == 201
    assert list((disk.outside / "data" / "uploads").iterdir()) == []
    assert full.log.read_text().count("\n") < 30


def test_a_disk_that_fills_up_while_pushing(full: Served, disk: Disk, client: Any, tmp_path: Path) -> None:
    """Push until there is no room for more, kill the server, and start it with the room that there is."""
    mine, number = client(full.address), 0
    statuses: list[int] = []
    while statuses.count(507) < 5:
        layer = os.urandom(700_000)
        statuses.append(mine.push(layer).status_code)
        if statuses[-1] == 201:
            statuses.append(mine.tag(f"v{number}", layer).status_code)
            number += 1
    assert set(statuses) == {201, 507}
    assert number > 5
    mine.check()
    full.process.kill()
    full.process.wait(30)
    with serving(tmp_path, prefix=disk.prefix, data=disk.inside / "data") as again:
        after = client(again.address)
        after.blobs, after.tags = mine.blobs, mine.tags
        after.check()
        answer = after.api.call("DELETE", f"{REPOSITORY}/manifests/v0")
        assert answer.status_code in (202, 507)


def test_a_read_only_disk_refuses_and_reads_go_on(tmp_path: Path, disk: Disk, client: Any, tools: Any) -> None:
    """Bytes are on a disk that becomes read-only, as disks do that have errors."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("blobs", "uploads"):
        (data / name).symlink_to(disk.inside / name)
        (disk.outside / name).mkdir()
    with serving(tmp_path, prefix=disk.prefix) as served:
        mine, layer = client(served.address), os.urandom(100_000)
        assert mine.push(layer).status_code == 201
        assert mine.tag("v1", layer).status_code == 201
        location = mine.api.begin()
        disk.remount("ro")
        refused = [
            mine.push(b"x"),
            mine.api.call("POST", f"{REPOSITORY}/blobs/uploads/"),
            mine.api.call("PATCH", location, data=b"x"),
            mine.api.call("PUT", f"{location}?digest={tools.sha256(b'x')}", data=b"x"),
        ]
        assert [(answer.status_code, tools.codes(answer)) for answer in refused] == [(503, ["UNKNOWN"])] * len(refused)
        assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
        mine.check()
        disk.remount("rw")
        assert mine.push(b"x").status_code == 201
        assert mine.api.call("PATCH", location, data=b"x").status_code == 202
        mine.check()


def test_a_server_does_not_start_on_a_read_only_disk(tmp_path: Path, disk: Disk) -> None:
    disk.remount("ro")
    with (
        pytest.raises(AssertionError, match="cannot write to the registry's folder"),
        serving(tmp_path, prefix=disk.prefix, data=disk.inside / "data"),
    ):
        pass


def test_a_read_only_database_refuses_and_reads_go_on(
    data: Path, client: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(data) as address:
        mine = client(address)
        assert mine.push(b"layer").status_code == 201
        assert mine.tag("v1", b"layer").status_code == 201
    monkeypatch.setattr(sqlite, "upgrade_schema", lambda engine: None)
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, "query_only=ON"))
    with running_server(data) as address:
        again = client(address)
        again.blobs, again.tags = mine.blobs, mine.tags
        refused = [
            again.push(b"more"),
            again.tag("v2", b"layer"),
            again.api.call("DELETE", f"{REPOSITORY}/manifests/v1"),
        ]
        assert [(answer.status_code, tools.codes(answer)) for answer in refused] == [(503, ["UNKNOWN"])] * 3
        again.check()


class Broken:
    """In the place of a function of ``os``: every call that ``when`` counts to fails as a broken disk does."""

    def __init__(self, real: Callable[..., Any], when: int) -> None:
        self.real, self.when, self.calls = real, when, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls == self.when:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self.real(*arguments)


@pytest.mark.parametrize("when", [1, 2], ids=["bytes", "folder"])
def test_bytes_that_did_not_reach_the_disk_are_not_acknowledged(
    data: Path, client: Any, tools: Any, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    with running_server(data) as address:
        mine = client(address)
        # Its folder is there already, so that a push syncs the bytes, and then the folder.
        assert mine.push(b"layer").status_code == 201
        (shard,) = data.glob("blobs/sha256/*")
        monkeypatch.setattr(os, "fsync", Broken(os.fsync, when))
        answer = mine.push(b"layer")
        assert (answer.status_code, tools.codes(answer)) == (503, ["UNKNOWN"])
        assert mine.api.get_blob(tools.sha256(b"layer")).content == b"layer"
        assert list((data / "uploads").iterdir()) == []
        other = next(data for data in (b"%d" % n for n in range(100_000)) if tools.sha256(data)[7:9] == shard.name)
        broken = Broken(os.fsync.real, when)
        monkeypatch.setattr(os, "fsync", broken)
        assert mine.push(other).status_code == 503
        assert broken.calls == when
        assert mine.api.get_blob(tools.sha256(other)).status_code == 404
        assert mine.push(other).status_code == 201
        assert mine.api.get_blob(tools.sha256(other)).content == other
