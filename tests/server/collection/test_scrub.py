import logging
from typing import Any

import pytest
from sqlalchemy import update

from registry.digest import Digest
from registry.model import OCI_MANIFEST
from registry.server import crashes
from registry.server.collection.scrub import Scrubber
from registry.server.metadata.manifests import find_manifest
from registry.server.metadata.tags import tag_names
from registry.server.schema import blobs, manifests


def damage(registry: Any, digest: Digest) -> None:
    path = registry.services.storage.path(digest)
    path.write_bytes(b"X" + path.read_bytes()[1:])


def scrub(registry: Any, **options: Any) -> Any:
    return registry.run(Scrubber(registry.services).run(**options))


def test_damage_is_found_and_mended_by_the_next_push(registry: Any, caplog: pytest.LogCaptureFixture) -> None:
    image = registry.image("one", "x")
    digest, lonely = Digest.of(b"layer of one"), registry.blob(b"lonely", "other")
    damage(registry, digest)
    report = scrub(registry, everything=True)
    assert (report.blobs, report.damaged, report.digests) == (3, 1, (str(digest),))
    assert report.bytes == 2 + 12 + 6
    assert (registry.state(digest), registry.has(digest), registry.has(lonely, "other")) == (
        "quarantined",
        False,
        True,
    )
    assert not registry.mount(digest, "other")
    assert registry.has(image)
    [aside] = (registry.config.data / "quarantine").iterdir()
    assert aside.read_bytes() == b"Xayer of one"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert registry.services.collection.damaged == 1
    registry.collect_all()
    registry.blob(b"layer of one")
    assert registry.has(digest)
    assert scrub(registry, everything=True).damaged == 0


def test_bytes_that_are_missing(opened: Any) -> None:
    registry = opened()
    digest = registry.blob(b"lost")
    registry.services.storage.path(digest).unlink()
    other = registry.blob(b"lost with its folder")
    path = registry.services.storage.path(other)
    path.unlink()
    path.parent.rmdir()
    assert scrub(registry, everything=True).damaged == 2
    assert (registry.state(digest), registry.state(other)) == ("quarantined", "quarantined")
    registry.collect_all()
    assert registry.state(digest) is None


def test_only_what_was_not_read_for_long(opened: Any) -> None:
    registry = opened(scrub_interval=1000.0)
    old, new = registry.blob(b"old"), registry.blob(b"new")
    registry.write(
        lambda connection: connection.execute(update(blobs).where(blobs.c.digest == str(old)).values(checked=5))
    )
    assert (scrub(registry).blobs, scrub(registry).blobs) == (1, 0)
    damage(registry, new)
    assert scrub(registry).damaged == 0
    assert scrub(registry, everything=True).damaged == 1


def test_a_push_while_it_reads_is_not_blamed(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = opened()
    digest = registry.blob(b"contended")
    damage(registry, digest)
    chunks = registry.services.storage.chunks
    pushed = []

    async def mended_meanwhile(digest: Digest, key: str) -> Any:
        async for chunk in chunks(digest, key):
            yield chunk
        if not pushed:
            pushed.append(registry.services.storage.path(digest).write_bytes(b"contended"))

    monkeypatch.setattr(registry.services.storage, "chunks", mended_meanwhile)
    assert scrub(registry, everything=True).damaged == 0
    assert registry.has(digest)


def test_a_rate_is_kept(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = opened()
    registry.blob(bytes(1000))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("registry.server.collection.scrub.asyncio.sleep", sleep)
    registry.run(Scrubber(registry.services, rate=500).run(everything=True))
    assert sum(waits) == 2


def test_a_damaged_manifest_is_mended_by_the_next_push(registry: Any, caplog: pytest.LogCaptureFixture) -> None:
    content = registry.tools.manifest(layers=[registry.tools.descriptor(b"layer of one")])
    digest, other = registry.image("one", "x"), registry.image("two", "y")
    used = registry.used()
    bad = content[:-1] + b" "
    registry.write(
        lambda connection: connection.execute(
            update(manifests).where(manifests.c.digest == str(digest)).values(content=bad)
        )
    )
    report = registry.run(Scrubber(registry.services).run_manifests())
    assert (report.manifests, report.damaged, report.digests) == (2, 1, (str(digest),))
    assert (registry.has(digest), registry.has(other)) == (False, True)
    assert registry.read(lambda connection: find_manifest(connection, "demo", "x")) is None
    assert registry.read(lambda connection: tag_names(connection, "demo", "", 10)) == ["x", "y"]
    assert [path.read_bytes() for path in (registry.config.data / "quarantine").iterdir()] == [bad]
    registry.collect_all()
    assert registry.manifest(content, media_type=OCI_MANIFEST) == digest
    assert registry.read(lambda connection: find_manifest(connection, "demo", "x")).content == content
    assert registry.used() == used
    registry.collect_all()
    assert registry.has(Digest.of(b"layer of one"))
    assert registry.run(Scrubber(registry.services).run_manifests()).damaged == 0


def test_a_crash_before_the_bytes_are_put_aside(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = opened()
    digest = registry.blob(b"damaged")
    damage(registry, digest)

    def stop(point: Any) -> None:
        raise RuntimeError(point)

    with monkeypatch.context() as patch:
        patch.setattr(crashes, "passing", stop)
        with pytest.raises(RuntimeError):
            scrub(registry, everything=True)
    assert not registry.has(digest)
    registry.blob(b"damaged")
    assert registry.services.storage.path(digest).read_bytes() == b"damaged"
    assert registry.has(digest)
