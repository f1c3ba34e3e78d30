"""A repository in one file, and back: with everything, the same each time, and for registries of every age."""

import json
import random
import tarfile

import pytest

from registry.client.referrers import referrers_tag
from registry.client.registries import Registries
from registry.content import read_all
from registry.errors import ContentNotFound, InvalidDocument, InvalidReference, StorageFailed
from registry.graph import read_document
from registry.model import parse_document
from registry.reference import Reference
from registry.server.testing import running_server
from registry.stores.archive import ArchiveStore
from registry.stores.archiving import write_archive
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import scripted
from tests.contract.making import blob, push_index, push_manifest
from wasmbuild.errors import UsageFailed
from wasmbuild.events import ignore
from wasmbuild.workflows.archives import load, save
from wasmbuild.workflows.listing import list_repositories


def open_repository(text):
    return Registries().repository(Reference.parse(text))


@pytest.fixture
def repository(registry_address, repository_name):
    return open_repository(f"{registry_address}/{repository_name}")


def genuine_referrers(store, subject):
    """Those that are listed and say so themselves."""
    for listed in store.referrers(subject):
        named = read_document(store, listed)[1].subject
        if named is not None and named.digest == subject.digest:
            yield listed


def fill(store, seed=0):
    """Two manifests and an index of them, with referrers of referrers; several tags, one of cosign's."""
    names = ["one", "two"]
    random.Random(seed).shuffle(names)
    made = {name: push_manifest(store, blob(name.encode())) for name in names}
    made["index"] = push_index(store, made["one"], made["two"])
    made["sbom"] = push_manifest(store, blob(b"sbom"), subject=made["one"], artifact_type="application/spdx+json")
    made["signature"] = push_manifest(store, blob(b"signature"), subject=made["sbom"], annotations={"a": "b"})
    made["of index"] = push_manifest(store, blob(b"attestation"), subject=made["index"])
    tags = {"1.0.0": "one", "latest": "one", "all": "index", f"sha256-{made['two'].digest.encoded}.sig": "signature"}
    for tag, name in random.Random(seed).sample(sorted(tags.items()), len(tags)):
        store.tag(made[name], tag)
    return made, {tag: made[name] for tag, name in tags.items()}


def keep(source, output, *tags):
    return save(str(source), output, tags=tags, registries=Registries(), sink=ignore)


def bring(file, destination, *tags):
    return load(file, str(destination), tags=tags, registries=Registries(), sink=ignore)


def assert_whole(store, made, tags):
    assert {tag: store.resolve(tag) for tag in tags} == tags
    for name, refers in (("one", "sbom"), ("sbom", "signature"), ("index", "of index")):
        assert [entry.digest for entry in genuine_referrers(store, made[name])] == [made[refers].digest]
    for document in made.values():
        for child in parse_document(read_all(store, document), document.media_type).successors:
            assert read_all(store, child)


def test_from_our_server_to_another_of_ours(repository, tmp_path):
    made, tags = fill(repository)
    saved = keep(repository, tmp_path / "x.tar")
    assert {artifact.reference for artifact in saved.artifacts} == {
        f"{repository}@{descriptor.digest}" for descriptor in tags.values()
    }
    with running_server(tmp_path / "other") as address:
        loaded = bring(tmp_path / "x.tar", f"{address}/some/where")
        there = open_repository(f"{address}/some/where")
        assert there.tags() == sorted(tags)
        assert_whole(there, made, tags)
        assert [artifact.tags for artifact in loaded.artifacts] == [artifact.tags for artifact in saved.artifacts]
        again = bring(tmp_path / "x.tar", f"{address}/some/where")
        assert again.report.copied == 0
        assert keep(there, tmp_path / "again.tar").artifacts[0].descriptor == saved.artifacts[0].descriptor
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()


def test_the_order_in_which_it_came_does_not_matter(registry_address, repository_name, tmp_path):
    for seed in range(3):
        there = open_repository(f"{registry_address}/{repository_name}/{seed}")
        fill(there, seed)
        keep(there, tmp_path / f"{seed}.tar")
    assert len({(tmp_path / f"{seed}.tar").read_bytes() for seed in range(3)}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tar", "1.tar", "2.tar"]


def test_a_layout_is_a_source_and_a_destination_too(tmp_path):
    made, tags = fill(LayoutStore.create(tmp_path / "layout"))
    keep(f"oci:{tmp_path}/layout", tmp_path / "x.tar")
    bring(tmp_path / "x.tar", f"oci:{tmp_path}/out")
    assert_whole(LayoutStore(tmp_path / "out"), made, tags)
    bring(tmp_path / "x.tar", f"oci-archive:{tmp_path}/y.tar")
    assert (tmp_path / "y.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()


def test_a_registry_without_the_api_gets_and_gives_the_lists(repository, tmp_path):
    made, tags = fill(repository)
    keep(repository, tmp_path / "x.tar")
    old = OldRegistry()
    with scripted(old) as server:
        there = open_repository(f"{server.address}/a/b")
        bring(tmp_path / "x.tar", there)
        lists = {referrers_tag(made[name].digest) for name in ("one", "sbom", "index")}
        assert set(there.tags()) == set(tags) | lists
        assert_whole(there, made, tags)
        keep(open_repository(f"{server.address}/a/b"), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()


def test_some_tags_only(repository, tmp_path):
    made, _ = fill(repository)
    for output, source, more in (("a.tar", repository, ["1.0.0"]), ("b.tar", f"{repository}:1.0.0", [])):
        keep(source, tmp_path / output, *more)
        with ArchiveStore(tmp_path / output) as archive:
            assert archive.tags() == ["1.0.0"]
            assert archive.exists(made["signature"])
            assert not archive.exists(made["index"])
    keep(f"{repository}:1.0.0", tmp_path / "two.tar", "all")
    bring(tmp_path / "two.tar", f"{repository}-loaded", "all")
    assert open_repository(f"{repository}-loaded").tags() == ["all"]


def test_a_manifest_under_a_tag_like_a_list_of_referrers_is_kept(repository, tmp_path):
    document = push_manifest(repository, blob(b"x"))
    repository.tag(document, referrers_tag(document.digest))
    keep(repository, tmp_path / "x.tar")
    with ArchiveStore(tmp_path / "x.tar") as archive:
        assert archive.tags() == [referrers_tag(document.digest)]


def archive_of(tmp_path, annotate):
    """An archive in which another tool has named things its own way: ``annotate`` gets each entry's annotations."""
    store = LayoutStore.create(tmp_path / "foreign")
    made, _ = fill(store)
    index = tmp_path / "foreign" / "index.json"
    value = json.loads(index.read_bytes())
    for entry in value["manifests"]:
        annotate(entry.setdefault("annotations", {}))
    index.write_text(json.dumps(value))
    write_archive(LayoutStore(tmp_path / "foreign"), tmp_path / "foreign.tar")
    return made, tmp_path / "foreign.tar"


NAME = "org.opencontainers.image.ref.name"


def test_whole_references_for_tags_as_podman_writes_them(repository, tmp_path):
    def whole(annotations):
        if NAME in annotations:
            annotations[NAME] = f"docker.io/library/x:{annotations[NAME]}"

    _, archive = archive_of(tmp_path, whole)
    bring(archive, repository)
    assert {"1.0.0", "all", "latest"} < set(repository.tags())


def test_names_that_would_be_one_tag_are_refused(repository, tmp_path):
    numbers = iter(range(100))

    def alike(annotations):
        if NAME in annotations:
            annotations[NAME] = f"r.io/x{next(numbers)}:same"

    _, archive = archive_of(tmp_path, alike)
    with pytest.raises(InvalidDocument) as caught:
        bring(archive, repository)
    assert "--tag" in caught.value.hint


def test_what_has_no_tag_keeps_its_digest(repository, tmp_path):
    made, archive = archive_of(tmp_path, lambda annotations: annotations.pop(NAME, None))
    loaded = bring(archive, repository)
    assert {artifact.descriptor.digest for artifact in loaded.artifacts} == {made["one"].digest, made["index"].digest}
    assert all(artifact.tags == () for artifact in loaded.artifacts)
    assert [entry.digest for entry in repository.referrers(made["one"])] == [made["sbom"].digest]


def test_a_tag_that_means_two_things_is_refused(repository, tmp_path):
    def same(annotations):
        if NAME in annotations:
            annotations[NAME] = "same"

    _, archive = archive_of(tmp_path, same)
    with pytest.raises(InvalidDocument, match="two artifacts with one tag"):
        bring(archive, repository)


def test_what_refers_to_something_elsewhere_is_brought_for_its_own_sake(repository, tmp_path):
    elsewhere = push_manifest(MemoryStore(), blob(b"elsewhere"))
    layout = LayoutStore.create(tmp_path / "layout")
    sbom = push_manifest(layout, blob(b"sbom"), subject=elsewhere, artifact_type="application/spdx+json")
    write_archive(layout, tmp_path / "x.tar")
    loaded = bring(tmp_path / "x.tar", repository)
    assert [artifact.descriptor.digest for artifact in loaded.artifacts] == [sbom.digest]
    assert repository.exists(sbom)


def test_nothing_is_left_where_saving_fails(repository, tmp_path):
    fill(repository)
    for source, tags, error in (
        (f"{repository}:nothing", (), ContentNotFound),
        (repository, ("nothing",), ContentNotFound),
        (repository, ("no/tag",), UsageFailed),
        (f"{repository}@sha256:{'0' * 64}", (), UsageFailed),
        (f"oci:{tmp_path}/nowhere", (), InvalidDocument),
    ):
        with pytest.raises(error):
            keep(source, tmp_path / "x.tar", *tags)
    with pytest.raises(StorageFailed):
        keep(repository, tmp_path / "nowhere" / "x.tar")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidDocument, match="not replaced"):
        keep(repository, tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_repository_of_untagged_things_has_nothing_to_save(tmp_path):
    push_manifest(LayoutStore.create(tmp_path / "layout"), blob(b"x"))
    with pytest.raises(ContentNotFound, match="nothing with a tag"):
        keep(f"oci:{tmp_path}/layout", tmp_path / "x.tar")


def test_what_is_no_archive_is_not_loaded(repository, tmp_path):
    (tmp_path / "x.tar").write_text("mine")
    with pytest.raises(InvalidDocument):
        bring(tmp_path / "x.tar", repository)
    tarfile.open(tmp_path / "empty.tar", "w").close()
    with pytest.raises(InvalidDocument):
        bring(tmp_path / "empty.tar", repository)
    with pytest.raises(UsageFailed, match="one artifact"):
        bring(tmp_path / "x.tar", f"{repository}:1")
    write_archive(LayoutStore.create(tmp_path / "layout"), tmp_path / "nothing.tar")
    with pytest.raises(ContentNotFound, match="no artifacts"):
        bring(tmp_path / "nothing.tar", repository)


def test_the_repositories_of_a_registry(registry_address, repository_name):
    for name in ("a", "a/b", "ab"):
        push_manifest(open_repository(f"{registry_address}/{repository_name}/{name}"), blob(b"x"))
    listed = list_repositories(f"{registry_address}/{repository_name}/a/", Registries())
    assert listed.repositories == tuple(f"{registry_address}/{repository_name}/{name}" for name in ("a", "a/b"))
    assert set(listed.repositories) < set(list_repositories(registry_address, Registries()).repositories)
    assert list_repositories(f"{registry_address}/no/thing", Registries()).repositories == ()


@pytest.mark.parametrize(
    "text", ["", "/", "hello", "r.io/A", "r.io/a:1", f"r.io/a@sha256:{'0' * 64}", "http://r.io", "r.io:0"]
)
def test_what_is_no_registry(text):
    with pytest.raises(InvalidReference):
        list_repositories(text, Registries())
