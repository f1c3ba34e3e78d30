"""A disk that is full, broken, or not to be written to: an answer of the specification, and nothing half done."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import StorageFailed
from registry.files import write_all
from registry.server.config import ServerConfig
from registry.server.storage import folder, spool
from registry.server.testing import running_server


def mounted(place: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted(place, "size=3m")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def files(data: Path) -> list[Path]:
    return [path for name in ("blobs", "uploads") for path in (data / name).rglob("*") if path.is_file()]


def test_a_full_disk(disk: Path, tmp_path: Path, tools: Any) -> None:
    config = ServerConfig(disk, database=f"sqlite:///{tmp_path / 'registry.db'}")
    with running_server(disk, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        kept = api.push_blob(b"k" * 1_000_000)
        location = api.begin()
        assert api.call("PATCH", location, data=b"a" * 500_000).status_code == 202
        full = api.call("PATCH", location, data=b"b" * 3_000_000)
        assert (full.status_code, tools.codes(full)) == (507, ["UNKNOWN"])
        assert api.call("GET", location).headers["Range"] == "0-499999"
        name = tools.sha256(b"c" * 3_000_000)
        at_once = api.call("POST", f"/v2/demo/hello/blobs/uploads/?digest={name}", data=b"c" * 3_000_000)
        assert (at_once.status_code, tools.codes(at_once)) == (507, ["UNKNOWN"])
        assert len(files(disk)) == 2
        last = api.call("PUT", f"{location}?digest={tools.sha256(b'a' * 500_000 + b'd' * 100)}", data=b"d" * 100)
        assert last.status_code == 201
        assert api.get_blob(kept).content == b"k" * 1_000_000


def test_a_disk_that_nobody_may_write_to(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageFailed) as caught, running_server(disk):
        pass
    assert caught.value.cause == os.strerror(errno.EROFS)
    assert caught.value.hint


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_write_that_fails(api: Any, data: Path, tools: Any, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    location = api.begin()

    def fail(file: Any, data: bytes) -> None:
        write_all(file, data[: len(data) // 2])
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(spool, "write_all", fail)
        answer = api.call("PATCH", location, data=b"0123456789")
    assert (answer.status_code, tools.codes(answer)) == (503 if number == errno.EIO else 507, ["UNKNOWN"])
    assert api.call("GET", location).headers["Range"] == "0-0"
    assert files(data)[0].stat().st_size == 0
    name = tools.sha256(b"0123456789")
    assert api.call("PUT", f"{location}?digest={name}", data=b"0123456789").status_code == 201
    assert api.get_blob(name).content == b"0123456789"


@pytest.mark.parametrize("what", ["bytes", "name"])
def test_a_sync_that_fails(api: Any, data: Path, tools: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Whatever may not be on the disk is not said to be there."""

    def fail(*arguments: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    name = tools.sha256(b"precious")
    with monkeypatch.context() as patch:
        patch.setattr(*((spool.Spool, "sync", fail) if what == "bytes" else (folder._Lock, "sync", fail)))
        answer = api.call("POST", f"/v2/demo/hello/blobs/uploads/?digest={name}", data=b"precious")
    assert (answer.status_code, tools.codes(answer)) == (503, ["UNKNOWN"])
    assert api.get_blob(name).status_code == 404
    assert not list((data / "uploads").iterdir())
    api.push_blob(b"precious")
    assert api.get_blob(name).content == b"precious"
