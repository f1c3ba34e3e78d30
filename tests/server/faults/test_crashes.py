"""The server is killed at each numbered point, and started again: what was answered is there, and nothing else."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from registry.digest import Digest
from registry.server.crashes import Point
from registry.server.metadata.manifests import find_manifest
from registry.server.metadata.tags import tag_names
from registry.server.schema import blobs, edges, manifests, repository_blobs, uploads

PROGRAM = r"""
import asyncio, hashlib, json, os, signal, sys, time
from pathlib import Path

import requests

from registry.digest import Digest
from registry.server import crashes
from registry.server.collection.clock import Clock
from registry.server.collection.collector import Collector
from registry.server.collection.scrub import Scrubber
from registry.server.config import CollectionConfig, ServerConfig
from registry.server.services import open_services
from registry.server.testing import running_server

data, point, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = ServerConfig(data, database=sys.argv[4] or None, collection=CollectionConfig(grace=100.0, interval=0))
OCI = "application/vnd.oci.image.manifest.v1+json"
passed = 0


def passing(reached):
    global passed
    passed += reached == point
    if reached == point and passed == count:
        os.kill(os.getpid(), signal.SIGKILL)


def name(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def said(what, *values):
    print(json.dumps([what, *values]), flush=True)


def push(session, address, number):
    layers = [b"config", b"layer %d" % number, b"shared"]
    for content in layers:
        answer = session.post(
            f"http://{address}/v2/demo/blobs/uploads/", params={"digest": name(content)}, data=content
        )
        assert answer.status_code == 201, answer.text
        said("blob", name(content), content.decode())
    entries = [{"mediaType": "x/y", "digest": name(each), "size": len(each)} for each in layers]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": entries[0], "layers": entries[1:]}).encode()
    url = f"http://{address}/v2/demo/manifests/v{number}"
    assert session.put(url, data=body, headers={"Content-Type": OCI}).status_code == 201
    said("manifest", name(body), f"v{number}")
    return name(body)


crashes.passing = passing
with running_server(data, config) as address, requests.Session() as session:
    digests = [push(session, address, number) for number in range(3)]
    said("deleting", digests[1])
    assert session.delete(f"http://{address}/v2/demo/manifests/{digests[1]}").status_code == 202
    said("leased")
    url = f"http://{address}/v2/demo/manifests/"
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": {"mediaType": "x/y", "digest": name(b"config"),
                       "size": 6}, "layers": []}).encode()
    headers = {"Content-Type": OCI, "Wasmbuild-Lease": "60"}
    assert session.put(url + name(body), data=body, headers=headers).status_code == 201

later = 0.0


async def collect():
    global later
    services = open_services(config)
    services.storage.path(Digest.of(b"layer 2")).write_bytes(b"LAYER 2")
    await Scrubber(services).run(everything=True)
    for _ in range(4):
        later += 101.0
        clock = Clock(100.0, lambda: time.time() + later, lambda: time.monotonic() + later)
        await Collector(services, clock).run()
    await services.close()


said("damaging", name(b"layer 2"))
asyncio.run(collect())
"""

TIMES = {Point.BLOB_SAFE: 2, Point.BLOB_LINKED: 4, Point.MANIFEST_STORED: 2}
"""Not the first time that it gets there, for some: there is more to lose by then."""


def crash(data: Path, point: Point, database: str | None) -> list[list[str]]:
    count = TIMES.get(point, 1)
    command = [sys.executable, "-c", PROGRAM, str(data), str(int(point)), str(count), database or ""]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("point", Point, ids=lambda point: point.name.lower())
def test_killed_at(point: Point, tmp_path: Path, opened: Any) -> None:
    check(crash(tmp_path / "data", point, None), opened())


@pytest.mark.parametrize(
    "point", [Point.BLOB_COMMITTED, Point.MANIFEST_STORED, Point.LINKS_COLLECTED, Point.BYTES_GONE]
)
def test_killed_over_postgresql_at(point: Point, tmp_path: Path, opened: Any, postgres_url: str) -> None:
    check(crash(tmp_path / "data", point, postgres_url), opened(postgres_url))


def check(said: list[list[str]], registry: Any) -> None:
    gone = {line[1] for line in said if line[0] in ("deleting", "damaging")}
    if any(line[0] == "deleting" for line in said):
        gone.add(str(Digest.of(b"layer 1")))
    for kind, *values in said:
        if kind == "blob" and values[0] not in gone:
            assert registry.has(Digest.parse(values[0])), f"{values[1]} is missing"
        if kind == "manifest" and values[0] not in gone:
            found = registry.read(lambda connection, tag=values[1]: find_manifest(connection, "demo", tag))
            assert found.digest == values[0], f"{values[1]} is missing"
    everything_is_whole(registry, gone)
    forget_what_was_begun(registry)
    registry.collect(101, orphans=True)
    for _ in range(4):
        registry.collect(101)
    everything_is_whole(registry, gone)
    rows = registry.read(lambda connection: connection.execute(select(blobs.c.digest)).scalars().all())
    assert registry.files() <= {row.partition(":")[2] for row in rows}
    assert list((registry.config.data / "uploads").iterdir()) == []
    needed = registry.read(lambda connection: connection.execute(select(edges.c.child)).scalars().all())
    assert set(rows) == set(needed)


def everything_is_whole(registry: Any, gone: set[str]) -> None:
    """Whatever can be seen is complete, and everything that it needs is there with the right bytes."""
    live = select(blobs.c.digest).join(repository_blobs).where(blobs.c.state == "live")
    for digest in map(Digest.parse, registry.read(lambda connection: connection.execute(live).scalars().all())):
        if str(digest) not in gone:
            content = registry.services.storage.path(digest).read_bytes()
            assert Digest.of(content) == digest
    needed = select(edges.c.child).join(manifests, manifests.c.digest == edges.c.parent)
    for child in registry.read(lambda connection: connection.execute(needed).scalars().all()):
        assert child in gone or registry.has(Digest.parse(child))
    for tag in registry.read(lambda connection: tag_names(connection, "demo", "", 10)) or []:
        assert registry.read(lambda connection, tag=tag: find_manifest(connection, "demo", tag))


def forget_what_was_begun(registry: Any) -> None:
    """As if the lifetime of uploads were over."""
    registry.write(lambda connection: connection.execute(update(uploads).values(touched=0.0)))
    expired = replace(registry.services, config=replace(registry.config, upload_lifetime=-10.0))
    registry.run(expired.expire_uploads())
