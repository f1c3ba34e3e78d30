import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from registry.digest import Digest
from registry.server.collection.background import Housekeeping, keeping_house
from registry.server.collection.collector import Collector
from registry.server.config import CollectionConfig, RetentionRule, ServerConfig
from registry.server.metadata.tags import tag_names
from registry.server.schema import manifests, repository_blobs
from registry.server.testing import running_server


def test_one_replica_at_a_time(opened: Any) -> None:
    registry = opened(interval=1000.0)
    one, two = Housekeeping(registry.services), Housekeeping(registry.services)
    for house, runs in ((one, 1), (one, 1), (two, 2), (two, 2), (one, 2)):  # each once at its start
        registry.run(house.collect())
        assert registry.services.collection.runs == runs


def test_orphans_go_at_the_start(opened: Any) -> None:
    registry = opened()
    path = registry.services.storage.path(Digest.of(b"orphan"))
    path.parent.mkdir()
    path.write_bytes(b"orphan")
    registry.run(Housekeeping(registry.services).collect())
    assert registry.files() == set()
    assert registry.services.collection.orphans == 1


def test_scrubbing_has_a_turn_of_its_own(opened: Any) -> None:
    registry = opened(scrub_interval=1e-6)
    registry.image("one", "x")
    house = Housekeeping(registry.services)
    for _ in range(2):
        registry.run(house.scrub())
    assert registry.services.collection.scrubbed_blobs == 2
    assert registry.services.collection.scrubbed_manifests >= 1
    registry.reopen(scrub_interval=0.0)
    registry.run(Housekeeping(registry.services).scrub())
    assert registry.services.collection.scrubbed_blobs == 0


def test_retention_is_applied_now_and_then(opened: Any) -> None:
    registry = opened(retention=(RetentionRule("**", keep=1),))
    registry.image("one", "a", "b")
    registry.run(Housekeeping(registry.services).collect())
    assert registry.read(lambda connection: tag_names(connection, "demo", "", 10)) == ["b"]
    assert registry.services.collection.tags == 1


def test_a_failure_is_said_and_the_next_run_goes_on(
    opened: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = opened(interval=0.01)
    runs = []
    again = asyncio.Event()

    async def run(self: Collector, **options: Any) -> None:
        runs.append(options)
        if len(runs) == 1:
            raise RuntimeError("a bad moment")
        again.set()

    async def live() -> None:
        async with keeping_house(registry.services):
            await again.wait()

    monkeypatch.setattr("registry.server.collection.background._RETRY_SECONDS", 0.0)
    monkeypatch.setattr(Collector, "run", run)
    registry.run(asyncio.wait_for(live(), 20))
    assert registry.services.collection.failures == 1
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "a bad moment" in record.getMessage()


def test_no_interval_no_collection(opened: Any) -> None:
    registry = opened(interval=0.0)

    async def live() -> int:
        async with keeping_house(registry.services):
            return len(asyncio.all_tasks())

    assert registry.run(live()) == 1


def test_looking_keeps_what_was_about_to_go(data: Path, opened: Any, tools: Any) -> None:
    registry = opened()
    config = ServerConfig(data, collection=CollectionConfig(grace=1000.0, interval=0))
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_blob(b"lonely", "demo")
        body = api.image("demo")
        headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Wasmbuild-Lease": "60"}
        name = tools.sha256(body)
        assert api.call("PUT", f"/v2/demo/manifests/{name}", data=body, headers=headers).status_code == 201
        for table, path in ((repository_blobs, f"blobs/{digest}"), (manifests, f"manifests/{name}")):
            where = table.c.digest == path.partition("/")[2]
            for method in ("HEAD", "GET"):
                old = update(table).where(where).values(due=time.time() - 5)
                registry.write(lambda connection, old=old: connection.execute(old))
                assert api.call(method, f"/v2/demo/{path}").status_code == 200
                query = select(table.c.due).where(where)
                due = registry.read(lambda connection, query=query: connection.execute(query).scalar_one())
                assert due > time.time() + 900
