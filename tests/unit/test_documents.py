"""``manifest`` and ``blob``: bytes as they are, in a real registry and in layouts."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.content import CHUNK
from registry.digest import Digest
from registry.errors import (
    ContentNotFound,
    ContentTooLarge,
    DigestMismatch,
    InvalidDocument,
    RegistryRefused,
    RemoteNotFound,
    SizeMismatch,
    UnexpectedAnswer,
)
from registry.model import DOCKER_MANIFEST, EMPTY_BYTES, MAX_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.client.scripted import Answer, scripted
from wasmbuild.errors import TargetExists, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.workflows.blobs import found_blob, put_blob
from wasmbuild.workflows.documents import get_document, put_document
from wasmbuild.workflows.files import write_file

CONFIG = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(EMPTY_BYTES)), "size": 2}
UGLY = json.dumps(
    {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [], "x-unknown": "é\u009b"},
    ensure_ascii=False,
    indent="\t",
).encode()
"""Not as we would write it: white space, a field that we do not know, a control character."""


@pytest.fixture
def registries() -> Registries:
    return Registries()


@pytest.fixture(params=["registry", "layout"])
def place(request, tmp_path, registry_address, repository_name, registries) -> str:
    """Somewhere that has the empty blob."""
    name = f"{registry_address}/{repository_name}" if request.param == "registry" else f"oci:{tmp_path / 'layout'}"
    (tmp_path / "empty").write_bytes(EMPTY_BYTES)
    put_blob(name, tmp_path / "empty", registries=registries, sink=ignore)
    return name


def put(text: str, data: bytes, registries: Registries, media_type=None, tags=()):
    return put_document(text, data, media_type=media_type, tags=tags, registries=registries, sink=ignore)


def test_the_bytes_come_back_as_they_went(place, registries):
    stored = put(f"{place}:1", UGLY, registries, tags=("2", "3", "2"))
    assert stored.tags == ("1", "2", "3")
    assert stored.reference == f"{place}@{Digest.of(UGLY)}"
    for name in (":1", ":2", ":3", f"@{Digest.of(UGLY)}"):
        found = get_document(place + name, registries)
        assert found.data == UGLY
        assert found.descriptor.size == len(UGLY)
        assert found.to_json()["document"]["x-unknown"] == "é\u009b"


def test_a_digest_alone_needs_no_tag(place, registries):
    stored = put(f"{place}@{Digest.of(UGLY, 'sha512')}", UGLY, registries)
    assert stored.descriptor.digest.algorithm == "sha512"
    assert stored.tags == ()
    assert get_document(stored.reference, registries).data == UGLY


def test_another_digest_is_refused(place, registries):
    with pytest.raises(DigestMismatch, match=str(Digest.of(UGLY + b"\n"))):
        put(f"{place}@{Digest.of(UGLY)}", UGLY + b"\n", registries)
    with pytest.raises(ContentNotFound):
        get_document(f"{place}@{Digest.of(UGLY)}", registries)


def without_type() -> bytes:
    return json.dumps({"schemaVersion": 2, "config": CONFIG, "layers": []}).encode()


def test_the_type_is_asked_for_where_nothing_says_it(registry_address, repository_name, tmp_path, registries):
    place = f"{registry_address}/{repository_name}"
    (tmp_path / "empty").write_bytes(EMPTY_BYTES)
    put_blob(place, tmp_path / "empty", registries=registries, sink=ignore)
    with pytest.raises(UsageFailed) as refused:
        put(f"{place}:1", without_type(), registries)
    assert OCI_MANIFEST in refused.value.hint
    assert put(f"{place}:1", without_type(), registries, DOCKER_MANIFEST).descriptor.media_type == DOCKER_MANIFEST


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (UGLY, OCI_INDEX),
        (UGLY, "text/plain"),
        (b"no json", OCI_MANIFEST),
        (b'{"schemaVersion":2,"manifests":[],"layers":[]}', OCI_INDEX),
        (b'{"mediaType":"application/json"}', None),
        (b"[]", OCI_MANIFEST),
    ],
)
def test_what_is_no_manifest_is_refused_before_anything_is_made(tmp_path, data, media_type, registries):
    with pytest.raises(InvalidDocument):
        put(f"oci:{tmp_path / 'never'}:1", data, registries, media_type)
    assert not (tmp_path / "never").exists()


def test_a_tag_that_is_none_is_refused_before_anything_is_put(place, registries):
    with pytest.raises(UsageFailed):
        put(f"{place}:1", UGLY, registries, tags=("-x",))
    with pytest.raises(ContentNotFound):
        get_document(f"{place}:1", registries)


def test_a_manifest_needs_its_content(tmp_path, registries, registry_address, repository_name):
    with pytest.raises(ContentNotFound, match="lacks what the manifest needs") as missing:
        put(f"oci:{tmp_path / 'layout'}:1", UGLY, registries)
    assert str(Digest.of(EMPTY_BYTES)) in missing.value.cause
    with pytest.raises((RegistryRefused, RemoteNotFound), match="MANIFEST_BLOB_UNKNOWN"):
        put(f"{registry_address}/{repository_name}:1", UGLY, registries)


def test_a_registry_that_gives_other_bytes():
    wanted = Digest.of(UGLY)
    answer = Answer(200, UGLY + b" ", {"Content-Type": OCI_MANIFEST})
    with scripted(lambda asked: answer) as server, pytest.raises(DigestMismatch):
        get_document(f"{server.address}/a@{wanted}", Registries())


def test_a_registry_that_gives_too_much():
    headers = {"Content-Type": OCI_MANIFEST, "Content-Length": str(MAX_MANIFEST + 1)}
    answer = Answer(200, b" " * (MAX_MANIFEST + 1), headers)
    with scripted(lambda asked: answer) as server, pytest.raises(ContentTooLarge):
        get_document(f"{server.address}/a:1", Registries())


def test_a_large_blob_travels_in_pieces(place, tmp_path, registries):
    data = os.urandom(1000) * 5000
    (tmp_path / "large").write_bytes(data)
    put_there = put_blob(place, tmp_path / "large", registries=registries, sink=ignore)
    with found_blob(put_there.reference, registries) as blob:
        chunks = list(blob.chunks(ignore))
    assert b"".join(chunks) == data
    assert max(len(chunk) for chunk in chunks) <= CHUNK
    assert blob.descriptor.size == len(data)


def test_an_empty_blob(place, tmp_path, registries):
    (tmp_path / "nothing").touch()
    put_there = put_blob(place, tmp_path / "nothing", registries=registries, sink=ignore)
    with found_blob(put_there.reference, registries) as blob:
        assert list(blob.chunks(ignore)) == []


def test_a_blob_that_is_not_there(place, registries):
    with pytest.raises(ContentNotFound), found_blob(f"{place}@{Digest.of(b'nobody')}", registries):
        pass


@pytest.mark.parametrize("suffix", ["", ":1"])
def test_a_blob_is_named_by_digest(place, suffix, registries):
    with pytest.raises(UsageFailed, match="no digest"), found_blob(place + suffix, registries):
        pass


def test_a_blob_is_put_without_a_tag_and_under_its_own_digest(place, tmp_path, registries):
    (tmp_path / "data").write_bytes(b"data")
    with pytest.raises(UsageFailed, match="tag"):
        put_blob(f"{place}:1", tmp_path / "data", registries=registries, sink=ignore)
    with pytest.raises(DigestMismatch):
        put_blob(f"{place}@{Digest.of(b'other')}", tmp_path / "data", registries=registries, sink=ignore)
    named = put_blob(f"{place}@{Digest.of(b'data', 'sha512')}", tmp_path / "data", registries=registries, sink=ignore)
    assert named.reference == f"{place}@{Digest.of(b'data', 'sha512')}"


@pytest.mark.parametrize("name", ["absent", "folder", "fifo"])
def test_what_is_no_file_cannot_be_put(tmp_path, name, registries):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageFailed, match="cannot be read"):
        put_blob(f"oci:{tmp_path / 'layout'}", tmp_path / name, registries=registries, sink=ignore)


def lying(blob: bytes, size: int):
    def script(asked):
        headers = {"Content-Length": str(size)} if asked.method == "HEAD" else {}
        return Answer(200, blob, headers)

    return script


@pytest.mark.parametrize(
    ("blob", "size", "fault"),
    [(b"evil", 4, DigestMismatch), (b"good!", 4, SizeMismatch), (b"goo", 4, SizeMismatch)],
)
def test_a_file_is_written_only_when_it_is_what_was_asked_for(tmp_path, blob, size, fault):
    output = tmp_path / "out"
    output.write_bytes(b"before")
    with scripted(lying(blob, size)) as server:
        wanted = f"{server.address}/a@{Digest.of(b'good')}"
        with found_blob(wanted, Registries()) as found, pytest.raises(fault):
            write_file(output, found.chunks(ignore))
    assert output.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_registry_that_does_not_say_how_large():
    with scripted(lambda asked: Answer(200, headers={"Content-Length": ""})) as server:
        blob = f"{server.address}/a@{Digest.of(b'x')}"
        with pytest.raises(UnexpectedAnswer), found_blob(blob, Registries()):
            pass


def test_where_a_file_is_written(tmp_path):
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", [b"a", b"b"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"ab"
    with pytest.raises(TargetExists):
        write_file(tmp_path, [b""])
    with pytest.raises(TargetExists):
        write_file(Path("/dev/null"), [b""])
    with pytest.raises(UsageFailed):
        write_file(Path(), [b""])


@given(st.binary(max_size=200), st.sampled_from([None, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST]))
def test_any_bytes_are_refused_in_words(tmp_path_factory, data, media_type):
    folder = tmp_path_factory.getbasetemp() / "never-made"
    with pytest.raises((UsageFailed, InvalidDocument)):
        put(f"oci:{folder}:1", data, Registries(), media_type)
    assert not folder.exists()
