"""The registry over a bucket that fails: through HTTP, with a real S3 server behind a proxy of ours."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import StorageFailed
from registry.server.config import ServerConfig
from registry.server.services import open_services
from registry.server.storage import lease
from registry.server.storage.protocol import StorageDown, UploadBusy
from registry.server.testing import running_server
from tests.server.storage.bench import Bench, digest_of
from tests.server.storage.trouble import Trouble

CONTENT = bytes(range(256)) * 70_000  # 17.9 MB: two parts and a tail
SECONDS = 1.0


@pytest.fixture
def config(s3: Bench, trouble: Trouble) -> ServerConfig:
    storage = replace(s3.config.storage, endpoint=trouble.address, timeout=SECONDS, attempts=2)
    return replace(s3.config, storage=storage)


@pytest.fixture
def api(config: ServerConfig, tools: Any) -> Iterator[Any]:
    with running_server(config.data, config) as address, requests.Session() as session:
        yield tools.Api(address, session)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize("fault", ["busy", "cut", "slow"])
@pytest.mark.parametrize(
    ("method", "part"),
    [("PUT", "partNumber=2"), ("POST", "uploads"), ("POST", "uploadId"), ("PUT", "/uploads/"), ("DELETE", "/uploads/")],
)
def test_what_fails_once_is_tried_again(
    api: Any, s3: Bench, trouble: Trouble, fault: str, method: str, part: str
) -> None:
    if fault == "slow" and part != "partNumber=2":
        pytest.skip("one of these is enough: it takes a while")
    trouble.always(fault, method=method, part=part, times=1)
    location = api.begin()
    assert api.call("PATCH", location, data=CONTENT).status_code == 202
    assert api.call("PUT", f"{location}?digest={digest(CONTENT)}").status_code == 201
    assert api.get_blob(digest(CONTENT)).content == CONTENT
    assert len(s3.files()) == 1
    assert sum(part in each and each.startswith(method) for each in trouble.seen) >= 2


def refused(answer: requests.Response, tools: Any) -> None:
    assert answer.status_code == 503, answer.text
    assert tools.codes(answer) == ["UNKNOWN"]
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("fault", ["busy", "cut", "slow"])
def test_a_bucket_that_fails_loses_nothing(
    api: Any, s3: Bench, trouble: Trouble, tools: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request is refused while the bucket fails, and works afterwards, with the same upload."""
    location = api.begin()
    first, second = CONTENT[:9_000_000], CONTENT[9_000_000:]
    assert api.call("PATCH", location, data=first).status_code == 202
    trouble.always(fault)
    refused(api.call("PATCH", location, data=second), tools)
    trouble.calm()
    assert api.call("GET", location).headers["Range"] == f"0-{len(first) - 1}"
    assert api.call("PATCH", location, data=second).status_code == 202
    trouble.always(fault)
    refused(api.call("PUT", f"{location}?digest={digest(CONTENT)}"), tools)
    trouble.calm()
    assert api.call("PUT", f"{location}?digest={digest(CONTENT)}").status_code == 201
    trouble.always(fault)
    refused(api.get_blob(digest(CONTENT)), tools)
    trouble.calm()
    assert api.get_blob(digest(CONTENT)).content == CONTENT
    assert len(s3.files()) == 1
    assert "correct-horse" not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_a_push_at_once_that_fails_is_cleaned_up(
    api: Any, s3: Bench, trouble: Trouble, tools: Any, config: ServerConfig
) -> None:
    trouble.always("busy", part="partNumber=2")
    refused(api.call("POST", f"/v2/demo/hello/blobs/uploads/?digest={digest(CONTENT)}", data=CONTENT), tools)
    assert s3.files() == []
    trouble.always("busy", method="POST", part="uploadId")
    refused(api.call("POST", f"/v2/demo/hello/blobs/uploads/?digest={digest(CONTENT)}", data=CONTENT), tools)
    trouble.calm()
    api.push_blob(CONTENT)
    with time_passed():
        asyncio.run(expire(config))
    assert len(s3.files()) == 1


class time_passed:
    """Leases have lapsed, and uploads have been idle for days."""

    def __enter__(self) -> None:
        self._time = time.time
        time.time = lambda: self._time() + 100_000

    def __exit__(self, *exception: object) -> None:
        time.time = self._time


async def expire(config: ServerConfig) -> int:
    services = open_services(config)
    try:
        return await services.expire_uploads()
    finally:
        await services.close()


def test_what_nobody_finishes_expires(api: Any, s3: Bench, config: ServerConfig) -> None:
    kept = api.push_blob(b"kept")
    for size in (0, 10, len(CONTENT)):
        api.call("PATCH", api.begin(), data=CONTENT[:size])
    assert asyncio.run(expire(config)) == 0
    assert len(s3.files()) > 3
    with time_passed():
        assert asyncio.run(expire(config)) == 3
    assert len(s3.files()) == 1
    assert api.get_blob(kept).content == b"kept"


def test_a_download_goes_on_when_the_bucket_breaks_off(api: Any, trouble: Trouble) -> None:
    name = api.push_blob(CONTENT)
    trouble.always("short", method="GET", times=2)
    assert api.get_blob(name).content == CONTENT
    trouble.always("short", method="GET", times=1)
    assert api.get_blob(name, headers={"Range": "bytes=100-9000099"}).content == CONTENT[100:9_000_100]


def test_a_download_that_cannot_go_on_is_broken_off(api: Any, trouble: Trouble) -> None:
    name = api.push_blob(CONTENT)
    trouble.always("short", method="GET")
    with pytest.raises(requests.exceptions.RequestException):
        assert api.get_blob(name).content != CONTENT


def test_lost_bytes_are_unknown_until_they_are_pushed_again(api: Any, s3: Bench, tools: Any) -> None:
    name = api.push_blob(b"lost")
    s3.files()[0].unlink()
    for method in ("GET", "HEAD"):
        assert api.call(method, f"/v2/demo/hello/blobs/{name}").status_code == 404
    assert api.call("POST", f"/v2/other/blobs/uploads/?mount={name}&from=demo/hello").status_code == 202
    api.push_blob(b"lost")
    assert api.get_blob(name).content == b"lost"
    assert [path.read_bytes() for path in s3.files()] == [b"lost"]


def test_chunks_may_be_smaller_than_they_should(api: Any) -> None:
    started = api.call("POST", "/v2/demo/hello/blobs/uploads/")
    assert started.headers["OCI-Chunk-Min-Length"] == "5242880"
    location = started.headers["Location"]
    for start in range(0, 30, 3):
        headers = {"Content-Range": f"{start}-{start + 2}"}
        assert api.call("PATCH", location, data=CONTENT[start : start + 3], headers=headers).status_code == 202
    assert api.call("PUT", f"{location}?digest={digest(CONTENT[:30])}").status_code == 201
    assert api.get_blob(digest(CONTENT[:30])).content == CONTENT[:30]


# -- elsewhere ----------------------------------------------------------------------------------------


def test_clients_are_sent_to_the_bucket(s3: Bench, tools: Any) -> None:
    config = replace(s3.config, storage=replace(s3.config.storage, redirect=True))
    with running_server(config.data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        name = api.push_blob(CONTENT)
        answer = api.get_blob(name, allow_redirects=False)
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["Docker-Content-Digest"] == name
        assert answer.headers["Location"].startswith(config.storage.endpoint)
        assert "correct-horse" not in answer.headers["Location"]
        followed = api.get_blob(name)
        assert followed.content == CONTENT
        assert followed.headers["Content-Disposition"] == "attachment"
        part = api.get_blob(name, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, CONTENT[5:10])
        assert api.get_blob(name, headers={"Range": "bytes=99999999-"}).status_code == 416
        head = api.call("HEAD", f"/v2/demo/hello/blobs/{name}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
        s3.files()[0].unlink()
        lost = api.get_blob(name, allow_redirects=False)
        assert (lost.status_code, tools.codes(lost)) == (404, ["BLOB_UNKNOWN"])


# -- leases -------------------------------------------------------------------------------------------


def test_a_request_that_slept_is_told(s3: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease has lapsed, and another has the upload: what it does is not committed."""
    monkeypatch.setattr(lease.Lease, "keep", lambda self: None)

    async def work() -> None:
        async with s3.open() as one, s3.open() as two:
            upload = await one.suspend(await one.begin())
            asleep = await one.resume(upload)
            await asleep.append([b"mine"])
            with time_shifted(monkeypatch, lease.LEASE_SECONDS + 1):
                awake = await two.resume(upload)
            await awake.append([b"other"])
            with pytest.raises(AssertionError):
                await one.seal(asleep, digest_of(b"mine"))
            key = await two.seal(awake, digest_of(b"other"))
            assert await two.content(digest_of(b"other"), key) == b"other"

    s3.run(work())


class time_shifted:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self._monkeypatch, self._seconds = monkeypatch, seconds

    def __enter__(self) -> None:
        self._time = time.time
        time.time = lambda: self._time() + self._seconds

    def __exit__(self, *exception: object) -> None:
        time.time = self._time


def test_a_lease_lasts_as_long_as_the_request(s3: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.3)

    async def work() -> None:
        async with s3.open() as one, s3.open() as two:
            upload = await one.suspend(await one.begin())
            incoming = await one.resume(upload)
            await incoming.append([b"slowly"])
            for _ in range(4):
                await asyncio.sleep(0.2)
                with pytest.raises(UploadBusy):
                    await two.resume(upload)
            await one.seal(incoming, digest_of(b"slowly"))

    s3.run(work())


def test_nothing_goes_on_when_a_request_has_ended(s3: Bench) -> None:
    async def work() -> None:
        async with s3.open() as replica:
            first = await replica.begin()
            await first.append([CONTENT])
            await replica.suspend(first)
            second = await replica.begin()
            await second.append([CONTENT])
            await second.discard()
            await replica.push(CONTENT)
            mine = {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}
            assert mine == set()

    s3.run(work())


# -- memory -------------------------------------------------------------------------------------------


def test_many_uploads_share_memory(s3: Bench) -> None:
    """What they may not keep in memory waits on the disk, and they all end."""

    async def push(replica: Any, number: int) -> None:
        data = bytes([number]) * 7_000_000
        digest, key = await replica.push(data)
        assert await replica.content(digest, key) == data

    async def work() -> None:
        async with s3.open() as replica:
            budget = replica.storage._workshop.budget
            whole = budget.left
            waiting = [await replica.begin() for _ in range(12)]
            for incoming in waiting:
                await incoming.append([bytes(6_000_000)])
            assert 0 <= budget.left < whole
            assert whole < 12 * 6_000_000
            await asyncio.gather(*(push(replica, number) for number in range(8)))
            for incoming in waiting:
                await incoming.discard()
            assert budget.left == whole

    s3.run(work())
    assert list((s3.config.data / "uploads").iterdir()) == []


# -- starting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"url": "s3://there-is-none"}, "create the bucket"),
        ({"secret_key": "wrong-horse"}, "allowed"),
        ({"endpoint": "http://127.0.0.1:1"}, "endpoint"),
    ],
)
def test_a_bucket_that_cannot_be_used(s3: Bench, fields: dict[str, str], hint: str) -> None:
    config = replace(s3.config, storage=replace(s3.config.storage, timeout=SECONDS, attempts=1, **fields))
    with pytest.raises(StorageFailed) as caught, running_server(config.data, config):
        pass
    assert hint in caught.value.hint
    assert caught.value.cause
    shown = f"{caught.value} {caught.value.hint}"
    assert "horse" not in shown


def test_replicas_that_start_together_delete_what_is_their_own(
    config: ServerConfig, s3: Bench, trouble: Trouble
) -> None:
    """A bucket may say, of an object that two delete at once, to one of them that there is none."""

    async def work() -> None:
        for _ in range(2):
            async with Bench(config, s3.place).open() as replica:
                await replica.storage.check()

    s3.run(work())
    deleted = [each for each in trouble.seen if each.startswith("DELETE ")]
    assert len(set(deleted)) == 2
    assert s3.files() == []


def test_no_credentials_at_all(s3: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = replace(s3.config, storage=replace(s3.config.storage, access_key=None, secret_key=None))
    with pytest.raises(StorageFailed) as caught, running_server(config.data, config):
        pass
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_credentials_of_the_environment(s3: Bench, monkeypatch: pytest.MonkeyPatch, tools: Any) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.config.storage.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.config.storage.secret_key)
    config = replace(s3.config, storage=replace(s3.config.storage, access_key=None, secret_key=None))
    with running_server(config.data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        assert api.get_blob(api.push_blob(b"found")).content == b"found"


def test_damaged_bytes_of_many_parts_are_moved(s3: Bench) -> None:
    """What is too large to be copied at once is copied in parts."""

    async def work() -> None:
        async with s3.open() as replica:
            _, key = await replica.push(CONTENT)
            await replica.storage._bucket.move(key, "elsewhere", limit=6_000_000)

    s3.run(work())
    assert [path.read_bytes() for path in s3.files()] == [CONTENT]


def test_without_a_bucket_nothing_is_missing(s3: Bench, trouble: Trouble) -> None:
    """Not to be able to ask is not the same as to be told that there is nothing."""
    config = replace(s3.config.storage, endpoint=trouble.address, timeout=SECONDS, attempts=1)

    async def work() -> None:
        async with s3.open() as replica:
            digest, key = await replica.push(b"there")
        async with Bench(replace(s3.config, storage=config), s3.place).open() as replica:
            trouble.always("busy")
            with pytest.raises(StorageDown):
                await replica.storage.exists(digest, key)
            with pytest.raises(StorageDown):
                await replica.storage.response(digest, key, 5, None, {}, "GET")

    s3.run(work())
