"""Artifacts between places: what goes along, under which tags, and what stops a copy before it begins."""

import pytest

from registry.client.registries import Registries
from registry.errors import ContentNotFound, Failure, InvalidReference, RemoteNotFound
from registry.model import Descriptor
from registry.reference import Reference
from registry.stores.archive import ArchiveStore
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.client.scripted import Answer, scripted
from tests.contract.making import blob, push_index, push_manifest
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, ignore
from wasmbuild.workflows.copy import Along, copy_artifact
from wasmbuild.workflows.cosigntags import CosignTags
from wasmbuild.workflows.platforms import Platform


@pytest.fixture
def repository(registry_address, repository_name):
    return Registries().repository(Reference.parse(f"{registry_address}/{repository_name}"))


def move(source, destination, *, tags=(), sink=ignore, **along):
    return copy_artifact(
        str(source), str(destination), tags=tags, along=Along(**along), registries=Registries(), sink=sink
    )


def layout(path):
    return LayoutStore(path)


def cosign_tag(descriptor, kind):
    return f"{descriptor.digest.algorithm}-{descriptor.digest.encoded}.{kind}"


def signed_as_cosign_did(store, tag="1"):
    """An index of two manifests; the index and one manifest have cosign's tags, and one of those has one, too."""
    one, two = push_manifest(store, blob(b"one")), push_manifest(store, blob(b"two"))
    index = push_index(store, one, two)
    store.tag(index, tag)
    made = {}
    for subject, kind in ((index, "sig"), (index, "att"), (two, "sbom")):
        document = push_manifest(store, blob(f"{kind} of {subject.digest}".encode()))
        made[cosign_tag(subject, kind)] = document
    attestation = made[cosign_tag(index, "att")]
    made[cosign_tag(attestation, "sig")] = push_manifest(store, blob(b"signs the attestation"))
    for name, document in made.items():
        store.tag(document, name)
    stranger = push_manifest(store, blob(b"stranger"))
    store.tag(stranger, cosign_tag(stranger, "sig"))
    return index, made


@pytest.mark.parametrize("recursive", [False, True])
def test_cosigns_tags_go_along_when_they_are_asked_for(repository, tmp_path, recursive):
    index, made = signed_as_cosign_did(repository)
    refers = push_manifest(repository, blob(b"refers"), subject=index)
    copied = move(f"{repository}:1", f"oci:{tmp_path}/out:v1", cosign_tags=True, referrers=recursive)
    store = layout(tmp_path / "out")
    assert store.tags() == sorted(["v1", *made])
    assert list(copied.cosign_tags) == sorted(made)
    for name, document in made.items():
        assert store.resolve(name) == document
    assert store.exists(refers) == recursive
    move(f"{repository}:1", f"oci:{tmp_path}/bare:v1")
    assert layout(tmp_path / "bare").tags() == ["v1"]


def test_cosigns_tags_are_listed_once():
    class Counting(MemoryStore):
        listed = 0

        def tags(self):
            self.listed += 1
            return super().tags()

    store = Counting()
    index, made = signed_as_cosign_did(store)
    tags = CosignTags(store)
    assert {found.digest for found in tags.of(index)} == {
        made[cosign_tag(index, kind)].digest for kind in ("sig", "att")
    }
    list(tags.of(index))
    assert store.listed == 1
    assert sorted(tags.found) == sorted(cosign_tag(index, kind) for kind in ("sig", "att"))


def test_what_only_looks_like_cosigns_tags():
    store = MemoryStore()
    document = push_manifest(store, blob(b"x"))
    plain = f"sha256-{document.digest.encoded}"
    for name in (plain, f"{plain}.other", f"{plain}.sig.1", f"sha512-{document.digest.encoded}.sig", "sha256-00.sig"):
        store.tag(document, name)
    assert list(CosignTags(store).of(document)) == []


def on(descriptor, text):
    operating_system, _, architecture = text.partition("/")
    extra = {"platform": {"os": operating_system, "architecture": architecture}}
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, extra=extra)


def test_one_platform_of_an_index(repository, tmp_path):
    wasm, linux = push_manifest(repository, blob(b"wasm")), push_manifest(repository, blob(b"linux"))
    index = push_index(repository, on(wasm, "wasi/wasm"), on(linux, "linux/amd64"))
    repository.tag(index, "1")
    seen = []
    copied = move(f"{repository}:1", f"oci:{tmp_path}/out", platform=Platform.parse("linux/amd64"), sink=seen.append)
    assert copied.descriptor == linux
    assert copied.reference == f"oci:{tmp_path}/out@{linux.digest}"
    store = layout(tmp_path / "out")
    assert store.resolve("1") == linux
    assert not store.exists(wasm)
    assert any(isinstance(event, Note) and "only" in event.text for event in seen)
    with pytest.raises(UsageFailed) as caught:
        move(f"{repository}:1", f"oci:{tmp_path}/none", platform=Platform.parse("linux/arm64"))
    assert "linux/amd64, wasi/wasm" in caught.value.cause
    assert caught.value.side == "source"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("source", "destination", "more", "found"),
    [
        (":1", "", (), ["1"]),
        (":1", ":2", (), ["2"]),
        (":1", "", ("a", "b"), ["a", "b"]),
        (":1", ":2", ("a", "2", "a"), ["2", "a"]),
        ("@DIGEST", "", (), []),
        (":1@DIGEST", "", (), []),
        ("@DIGEST", ":x", (), ["x"]),
    ],
)
def test_the_tags_at_the_destination(repository, tmp_path, source, destination, more, found):
    document = push_manifest(repository, blob(b"x"))
    repository.tag(document, "1")
    selector = source.replace("DIGEST", str(document.digest))
    copied = move(f"{repository}{selector}", f"oci:{tmp_path}/out{destination}", tags=more)
    assert layout(tmp_path / "out").tags() == found
    assert sorted(copied.tags) == found
    assert layout(tmp_path / "out").resolve(str(document.digest)) == document


@pytest.mark.parametrize(
    ("destination", "tags", "error"),
    [
        ("r.io/Upper", (), InvalidReference),
        ("oci:x:bad tag", (), InvalidReference),
        ("oci-archive:", (), InvalidReference),
        ("oci:x", ("a/b",), UsageFailed),
        (f"r.io/a/b@sha256:{'0' * 64}", (), UsageFailed),
        (f"oci:x@sha256:{'0' * 64}", (), UsageFailed),
    ],
)
def test_a_malformed_destination_is_found_before_anything_moves(tmp_path, monkeypatch, destination, tags, error):
    monkeypatch.chdir(tmp_path)
    with scripted(lambda _: Answer(500)) as server:
        with pytest.raises(error):
            move(f"{server.address}/a/b:1", destination, tags=tags)
        assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_the_side_that_fails_is_named(repository, tmp_path):
    document = push_manifest(repository, blob(b"x"))
    repository.tag(document, "1")
    with pytest.raises(RemoteNotFound) as caught:
        move(f"{repository}:2", f"oci:{tmp_path}/x")
    assert caught.value.side == "source"
    assert not (tmp_path / "x").exists()
    with pytest.raises(Failure) as refused:
        move(f"{repository}:1", "127.0.0.1:1/a/b")
    assert refused.value.side == "destination"
    with scripted(lambda _: Answer(404)) as server, pytest.raises(RemoteNotFound) as caught:
        move(f"{repository}:1", f"{server.address}/a/b", cosign_tags=True)
    assert caught.value.side == "destination"


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_onto_itself(tmp_path, kind):
    here = f"{kind}:{tmp_path}/here"
    source = LayoutStore.create(tmp_path / "source")
    document = push_manifest(source, blob(b"x"))
    source.tag(document, "1")
    move(f"oci:{tmp_path}/source:1", f"{here}:1")
    before = (tmp_path / "here").read_bytes() if kind == "oci-archive" else b""
    again = move(f"{here}:1", f"{here}:1")
    assert (again.report.copied, again.report.skipped) == (0, 1)
    if kind == "oci-archive":
        assert (tmp_path / "here").read_bytes() == before
    move(f"{here}:1", f"{here}:2")
    move(f"{here}:2", f"{here}:3", referrers=True)
    if kind == "oci":
        assert layout(tmp_path / "here").tags() == ["1", "2", "3"]
    else:
        with ArchiveStore(tmp_path / "here") as store:
            assert store.tags() == ["1", "2", "3"]


def test_a_repository_onto_itself(repository):
    document = push_manifest(repository, blob(b"x"))
    repository.tag(document, "1")
    assert move(f"{repository}:1", f"{repository}:1", referrers=True).report.copied == 0
    assert move(f"{repository}:1", f"{repository}:2").descriptor == document
    assert repository.tags() == ["1", "2"]


def test_an_archive_needs_a_tag_and_is_added_to_or_left_alone(repository, tmp_path):
    document = push_manifest(repository, blob(b"x"))
    repository.tag(document, "1")
    archive = tmp_path / "x.tar"
    with pytest.raises(UsageFailed, match="names no tag"):
        move(f"{repository}@{document.digest}", f"oci-archive:{archive}")
    move(f"{repository}@{document.digest}", f"oci-archive:{archive}:a")
    before = archive.read_bytes()
    with pytest.raises(ContentNotFound):
        move(f"oci-archive:{archive}:nothing", f"oci-archive:{archive}:b")
    with pytest.raises(RemoteNotFound):
        move(f"{repository}:nothing", f"oci-archive:{archive}:b")
    assert archive.read_bytes() == before
    move(f"{repository}:1", f"oci-archive:{archive}:b")
    with ArchiveStore(archive) as store:
        assert (store.tags(), store.resolve("a"), store.resolve("b")) == (["a", "b"], document, document)
    assert list(tmp_path.iterdir()) == [archive]


def test_from_an_archive_to_a_registry(repository, tmp_path):
    source = LayoutStore.create(tmp_path / "source")
    document = push_manifest(source, blob(b"x"))
    refers = push_manifest(source, blob(b"refers"), subject=document)
    source.tag(document, "1")
    move(f"oci:{tmp_path}/source:1", f"oci-archive:{tmp_path}/x.tar:1", referrers=True)
    move(f"oci-archive:{tmp_path}/x.tar:1@{document.digest}", f"{repository}:2", referrers=True)
    assert repository.resolve("2") == document
    assert [entry.digest for entry in repository.referrers(document)] == [refers.digest]
