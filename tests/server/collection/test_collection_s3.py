"""Collection where bytes are in a bucket: what a push and the collector do at once leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.digest import Digest
from registry.server import crashes
from registry.server.collection.scrub import Scrubber
from registry.server.config import CollectionConfig, ServerConfig, StorageConfig
from registry.server.testing import running_server
from scripts.versity import ACCESS, SECRET, Versity
from tests.server.collection.conftest import GRACE, Registry


@pytest.fixture
def bucket(versity: Versity) -> Iterator[str]:
    name = versity.create()
    yield name
    versity.drop(name)


@contextmanager
def serving(data: Path, bucket: str, versity: Versity, tools: Any) -> Iterator[tuple[Any, Registry]]:
    """A server, and the same registry without HTTP."""
    place = StorageConfig(f"s3://{bucket}/x", endpoint=versity.endpoint, access_key=ACCESS, secret_key=SECRET)
    config = ServerConfig(data, storage=place, collection=CollectionConfig(grace=GRACE, interval=0))
    with running_server(data, config) as address, requests.Session() as session:
        registry = Registry(config, tools)
        try:
            yield tools.Api(address, session), registry
        finally:
            registry.close()


def test_bytes_go_and_come_back(data: Path, bucket: str, versity: Versity, tools: Any) -> None:
    with serving(data, bucket, versity, tools) as (api, registry):
        api.push_image("latest", "demo")
        digest = api.push_blob(b"lonely", "demo")
        registry.collect(GRACE + 1)
        assert registry.state(Digest.parse(digest)) == "condemned"
        api.push_blob(b"lonely", "demo")
        assert api.get_blob(digest, "demo").content == b"lonely"
        assert len(versity.objects(bucket)) == 3
        registry.collect_all()
        assert api.get_blob(digest, "demo").status_code == 404
        assert sorted(versity.objects(bucket).values()) == [2, 5]
        assert api.get_blob(tools.sha256(b"layer"), "demo").content == b"layer"


def test_a_push_while_the_bytes_go(
    data: Path, bucket: str, versity: Versity, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(data, bucket, versity, tools) as (api, registry):
        digest = api.push_blob(b"lonely", "demo")
        registry.collect(GRACE + 1)
        pushed: list[str] = []

        def push(point: crashes.Point) -> None:
            if point == crashes.Point.BLOB_DELETING:
                pushed.append(api.push_blob(b"lonely", "demo"))

        monkeypatch.setattr(crashes, "passing", push)
        report, _ = registry.collect(GRACE + 1)
        assert (pushed, report.blobs) == ([digest], 0)
        assert api.get_blob(digest, "demo").content == b"lonely"
        assert list(versity.objects(bucket).values()) == [6]


def test_damage_in_the_bucket(data: Path, bucket: str, versity: Versity, tools: Any) -> None:
    with serving(data, bucket, versity, tools) as (api, registry):
        digest = api.push_blob(b"precious", "demo")
        [key] = versity.objects(bucket)
        (versity.folder / bucket / key).write_bytes(b"Precious")
        report = registry.run(Scrubber(registry.services).run(everything=True))
        assert report.digests == (digest,)
        assert api.get_blob(digest, "demo").status_code == 404
        api.push_blob(b"precious", "demo")
        assert api.get_blob(digest, "demo").content == b"precious"
        assert sorted(versity.objects(bucket).values()) == [8, 8]
