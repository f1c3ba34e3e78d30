"""``attach``: files beside an artifact, in a real registry, a layout and an archive."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.copying import copy
from registry.errors import ContentNotFound, DigestMismatch, SizeMismatch
from registry.graph import read_document
from registry.model import EMPTY, TITLE, Manifest
from registry.stores.layout import LayoutStore
from tests.client.scripted import Answer, scripted
from wasmbuild.artifact import pack
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, ignore
from wasmbuild.workflows.attach import NamedFile, attach_files
from wasmbuild.workflows.blobs import found_blob
from wasmbuild.workflows.places import Name, reading, writing

SBOM = "application/spdx+json"
WASM = b"\0asm\1\0\0\0"


@pytest.fixture
def registries() -> Registries:
    return Registries()


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> Path:
    (tmp_path / "sbom.json").write_bytes(b'{"spdxVersion":"SPDX-2.3"}')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sbom.json").write_bytes(b"{}")
    (tmp_path / "notes").write_bytes(b"notes")
    return tmp_path


@pytest.fixture
def layout(tmp_path: Path) -> str:
    store = LayoutStore.create(tmp_path / "layout")
    packed = pack(WASM, "hello")
    store.tag(packed.push_to(store), "1")
    return f"oci:{tmp_path / 'layout'}"


@pytest.fixture(params=["registry", "oci", "oci-archive"])
def subject(request, layout, tmp_path, registry_address, repository_name, registries) -> str:
    names = {
        "registry": f"{registry_address}/{repository_name}:1",
        "oci": f"{layout}:1",
        "oci-archive": f"oci-archive:{tmp_path / 'archive.tar'}:1",
    }
    if request.param != "oci":
        source = LayoutStore(tmp_path / "layout")
        with writing(Name.parse(names[request.param]), registries) as destination:
            copy(source, destination.store, source.resolve("1"))
            destination.store.tag(source.resolve("1"), "1")
    return names[request.param]


def attach(subject, *texts, registries=None, artifact_type=SBOM, annotations=None, sink=ignore, **environment):
    return attach_files(
        subject,
        [NamedFile.parse(text) for text in texts],
        artifact_type=artifact_type,
        annotations=annotations or {},
        registries=registries or Registries(),
        sink=sink,
        environment=environment,
    )


def read_back(subject, registries):
    with reading(Name.parse(subject), registries) as place:
        descriptor = place.resolve()
        listed = place.store.referrers(descriptor)
        return descriptor, [(entry, read_document(place.store, entry)[1]) for entry in listed]


def test_what_is_attached(subject, files, registries):
    attached = attach(
        subject, f"{files}/sbom.json:{SBOM}", f"{files}/notes", registries=registries, annotations={"a": "b"}
    )
    referred, found = read_back(subject, registries)
    assert [entry.digest for entry, _ in found] == [attached.descriptor.digest]
    manifest = found[0][1]
    assert isinstance(manifest, Manifest)
    assert manifest.subject == referred.plain()
    assert manifest.config == EMPTY
    assert manifest.artifact_type == SBOM
    assert manifest.annotations == {"a": "b", "org.opencontainers.image.created": "1970-01-01T00:00:00Z"}
    assert [(layer.media_type, layer.annotations[TITLE]) for layer in manifest.layers] == [
        (SBOM, "sbom.json"),
        ("application/octet-stream", "notes"),
    ]
    name = f"{Name.parse(subject).where}@{manifest.layers[0].digest}"
    with found_blob(name, registries) as blob:
        assert b"".join(blob.chunks(ignore)) == (files / "sbom.json").read_bytes()


def test_the_same_twice_adds_nothing(subject, files, registries):
    notes = []
    first = attach(subject, f"{files}/sbom.json", registries=registries)
    second = attach(subject, f"{files}/sbom.json", registries=Registries(), sink=notes.append)
    assert (first.added, second.added) == (True, False)
    assert first.reference == second.reference
    assert [note.text for note in notes if isinstance(note, Note)] == [f"this is attached to {first.subject} already"]
    assert len(read_back(subject, Registries())[1]) == 1


def test_another_time_another_type_or_another_name_is_something_else(layout, files):
    attached = {
        attach(f"{layout}:1", f"{files}/notes").descriptor.digest,
        attach(f"{layout}:1", f"{files}/notes", SOURCE_DATE_EPOCH="1").descriptor.digest,
        attach(f"{layout}:1", f"{files}/notes", artifact_type="a/b").descriptor.digest,
        attach(f"{layout}:1", f"{files}/notes:text/plain").descriptor.digest,
    }
    assert len(attached) == 4


def test_something_is_attached_to_what_was_attached(layout, files, registries):
    first = attach(f"{layout}:1", f"{files}/notes")
    second = attach(first.reference, f"{files}/sbom.json")
    assert second.subject == first.reference
    assert [entry.digest for entry, _ in read_back(first.reference, registries)[1]] == [second.descriptor.digest]


@pytest.mark.parametrize(
    "artifact_type", ["", "sbom", "a/", "/b", "a/b/c", "a/b; version=1", "a b/c", "a/b\n", "-a/b", "a/" + "b" * 128]
)
def test_an_artifact_type_is_a_media_type(layout, files, artifact_type):
    with pytest.raises(UsageFailed, match="artifact type"):
        attach(f"{layout}:1", f"{files}/notes", artifact_type=artifact_type)


@pytest.mark.parametrize(
    "names", [["absent"], ["other"], ["sbom.json:text"], ["sbom.json", "other/sbom.json"], ["\udcff"]]
)
def test_files_that_cannot_be_attached(layout, files, names):
    if names == ["\udcff"]:
        (files / names[0]).touch()
    with pytest.raises(UsageFailed):
        attach(f"{layout}:1", *[f"{files}/{name}" for name in names])
    assert read_back(f"{layout}:1", Registries())[1] == []


def test_a_subject_that_is_not_there_is_not_made(tmp_path, files, layout):
    with pytest.raises(ContentNotFound):
        attach(f"{layout}:2", f"{files}/notes")
    with pytest.raises(ContentNotFound):
        attach(f"oci-archive:{tmp_path / 'no.tar'}:1", f"{files}/notes")
    with pytest.raises(Exception, match="not an OCI image layout"):
        attach(f"oci:{tmp_path / 'no'}:1", f"{files}/notes")
    assert not (tmp_path / "no").exists()
    assert not (tmp_path / "no.tar").exists()


@pytest.mark.parametrize(("after", "fault"), [(b"grown!", SizeMismatch), (b"NOTES", DigestMismatch)])
def test_a_file_that_changes_meanwhile(subject, files, after, fault, registries):
    def change(event):
        if getattr(event, "state", "") == "begun" and "notes" in event.name:
            (files / "notes").write_bytes(after)

    with pytest.raises(fault) as refused:
        attach(subject, f"{files}/notes", registries=registries, sink=change)
    assert "changed" in refused.value.hint
    assert read_back(subject, Registries())[1] == []


def test_a_manifest_that_no_list_has_yet_is_listed(files):
    """A run that broke between the manifest and the list: the next one ends its work."""
    packed = pack(WASM, "hello")
    tags = {}

    def script(asked):
        tail = asked.path.partition("/manifests/")[2]
        if "/referrers/" in asked.path:
            return Answer(404)
        if asked.method == "HEAD":
            return Answer(200)
        if asked.method == "PUT":
            tags[tail] = asked.body
            return Answer(201)
        if tail == "1" or tail == str(packed.manifest.digest):
            return Answer(200, packed.manifest_bytes, {"Content-Type": packed.manifest.media_type})
        if tail in tags:
            return Answer(200, tags[tail], {"Content-Type": "application/vnd.oci.image.index.v1+json"})
        return Answer(404)

    with scripted(script) as server:
        attached = attach(f"{server.address}/a:1", f"{files}/notes")
        assert attached.added
        stand_in = f"sha256-{packed.manifest.digest.encoded}"
        assert str(attached.descriptor.digest).encode() in tags[stand_in]
        assert not attach(f"{server.address}/a:1", f"{files}/notes").added


@pytest.mark.parametrize(
    ("text", "path", "media_type"),
    [
        ("a.json", "a.json", "application/octet-stream"),
        ("a.json:application/json", "a.json", "application/json"),
        ("a:b/c:text/plain", "a:b/c", "text/plain"),
        ("a:1", "a:1", "application/octet-stream"),
        (":text/plain", ":text/plain", "application/octet-stream"),
        ("a:", "a:", "application/octet-stream"),
    ],
)
def test_how_a_file_is_named(text, path, media_type):
    assert NamedFile.parse(text) == NamedFile(Path(path), media_type)


@given(st.text(min_size=1).filter(lambda name: name == os.path.normpath(name)), st.sampled_from(["a/b", SBOM]))
def test_any_name_of_a_file_can_be_given_with_its_type(name, media_type):
    assert NamedFile.parse(f"{name}:{media_type}") == NamedFile(Path(name), media_type)
