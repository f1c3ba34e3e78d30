"""Ten thousand uploads that nobody goes on with: the server stays quick, and in the end they are gone."""

import asyncio
import http.client
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from registry.server.config import ServerConfig
from registry.server.metadata.uploads import add_upload
from registry.server.schema import uploads
from registry.server.services import Services, open_services
from tests.server.faults.serving import serving, until

UPLOADS = 10_000
CLIENTS = 4


def begin_many(address: str, count: int) -> set[int]:
    """Begin uploads over one connection; the statuses of the answers."""
    connection = http.client.HTTPConnection(address, timeout=30)
    found = set()
    for _ in range(count):
        connection.request("POST", "/v2/demo/hello/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        found.add(answer.status)
    connection.close()
    return found


def test_ten_thousand_uploads_that_only_began(tmp_path: Path, tools: Any) -> None:
    with serving(tmp_path) as served, requests.Session() as session:
        api = tools.Api(served.address, session)
        digest = api.push_image("latest")
        memory, files = served.memory(), len(served.files())
        with ThreadPoolExecutor(CLIENTS) as pool:
            counts = [UPLOADS // CLIENTS] * CLIENTS
            assert set.union(*pool.map(begin_many, [served.address] * CLIENTS, counts)) == {202}
        assert served.memory() - memory < 60 * 1024**2
        assert len(served.files()) <= files + CLIENTS
        began = time.monotonic()
        assert api.push_image("second", annotations={"n": "2"}) != digest
        assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == ["latest", "second"]
        assert api.get_manifest("latest").headers["Docker-Content-Digest"] == digest
        assert time.monotonic() - began < 10
    assert len(list((tmp_path / "data/uploads").iterdir())) == UPLOADS
    with serving(tmp_path, 'upload_lifetime = "0s"\n') as served, requests.Session() as session:
        api = tools.Api(served.address, session)
        until(lambda: not any((tmp_path / "data/uploads").iterdir()))
        assert api.get_manifest("latest").headers["Docker-Content-Digest"] == digest
        found = "wasmbuild_registry_uploads_open 0.0"
        until(lambda: found in api.call("GET", "/metrics").text)


def test_expiring_ten_thousand_keeps_nobody_waiting(tmp_path: Path) -> None:
    pause, total = asyncio.run(expire_many(open_services(ServerConfig(tmp_path, upload_lifetime=-1.0))))
    assert pause < total / 3
    assert list((tmp_path / "uploads").iterdir()) == []


async def expire_many(services: Services) -> tuple[float, float]:
    """The longest time for which nothing else could run, and how long all of it took, in seconds."""
    names = [str(uuid.uuid4()) for _ in range(UPLOADS)]
    for name in names:
        (services.config.data / "uploads" / name).touch()
    await services.write(lambda connection: [add_upload(connection, name, "a", "sha256", "b") for name in names])
    longest, started = 0.0, time.monotonic()
    expiring = asyncio.create_task(services.expire_uploads())
    while not expiring.done():
        began = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - began)
    total = time.monotonic() - started
    assert expiring.result() == UPLOADS
    count = select(func.count()).select_from(uploads)
    assert await services.read(lambda connection: connection.execute(count).scalar_one()) == 0
    await services.close()
    return longest, total
