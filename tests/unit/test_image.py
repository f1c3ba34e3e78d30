"""An artifact as a container image, in either form: what is in it, and that it is always the same bytes."""

import gzip
import hashlib
import io
import json
import tarfile

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import DigestMismatch, SizeMismatch
from registry.model import Manifest, parse_document
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import pack, pack_file
from wasmbuild.image.forms import SHIM_LAYER, image_of
from wasmbuild.image.layer import FileLayer
from wasmbuild.image.names import FORMS, IMAGE_CONFIG, IMAGE_LAYER, VARIANT
from wasmbuild.workflows.image_file import wasm_file

MODULE = bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))
TITLE = "org.opencontainers.image.title"
ABOUT = {"org.opencontainers.image.version": "1.2.3"}
ARTIFACT = pack(MODULE, "hello", created="2026-01-02T03:04:05Z", annotations=ABOUT)


def manifest_of(image):
    found = parse_document(image.manifest_bytes, image.manifest.media_type)
    assert isinstance(found, Manifest)
    return found


def layer_bytes(image):
    with image.fetch(image.layer) as reader:
        return reader.read()


def test_compat_is_an_image_of_one_file_that_istio_and_crun_find():
    image = image_of(ARTIFACT, "compat", linked=False)
    manifest, config = manifest_of(image), json.loads(image.config_bytes)
    assert (manifest.config.media_type, [each.media_type for each in manifest.layers]) == (IMAGE_CONFIG, [IMAGE_LAYER])
    assert (manifest.artifact_type, manifest.subject) == (None, None)
    assert manifest.annotations == {**ABOUT, VARIANT: "compat"}
    assert (config["os"], config["architecture"], config["config"]) == (
        "wasi",
        "wasm",
        {"Entrypoint": ["/plugin.wasm"]},
    )
    plain = gzip.decompress(layer_bytes(image))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.mode, entry.mtime, entry.uid, entry.uname) == (
            "plugin.wasm",
            0o755,
            1767323045,
            0,
            "",
        )
        assert tar.extractfile(entry).read() == MODULE
    assert len(plain) % 512 == 0


def test_shim_is_the_file_itself_under_the_config_that_runwasi_writes():
    image = image_of(ARTIFACT, "shim", linked=False)
    manifest, config = manifest_of(image), json.loads(image.config_bytes)
    (layer,) = manifest.layers
    assert (layer.media_type, layer.digest, layer_bytes(image)) == (SHIM_LAYER, ARTIFACT.layer.digest, MODULE)
    assert (config["os"], config["architecture"], config["rootfs"]["diff_ids"]) == ("wasip1", "wasm", [])
    joined = hashlib.sha256(layer.digest.encoded.encode()).hexdigest()
    assert config["config"] == {"Entrypoint": ["hello.wasm"], "Labels": {"containerd.runwasi.layers": joined}}
    assert manifest.annotations == ABOUT


@pytest.mark.parametrize("form", FORMS)
def test_a_linked_image_says_of_which_artifact_it_is(form):
    assert manifest_of(image_of(ARTIFACT, form, linked=True)).subject == ARTIFACT.manifest.plain()


def test_the_bytes_are_pinned():
    """No machine, no library and no version of one may make others of the same artifact: releases are compared so."""
    artifact = pack(b"\0asm\1\0\0\0", "hello")
    digests = {form: str(image_of(artifact, form, linked=False).manifest.digest) for form in FORMS}
    assert digests == {
        "compat": "sha256:c2f31c1972230d18a1016b59a9a34a8c193e376b670577099f84bf9031dd4f0e",
        "shim": "sha256:ffa4f70a683491133dc252327837c2a6ad1692c56c614334a9c2079b69e04a1b",
    }


def test_an_image_of_a_file_reads_it_as_it_goes_and_the_same_each_time(tmp_path):
    (tmp_path / "hello.wasm").write_bytes(MODULE)
    image = image_of(pack_file(tmp_path / "hello.wasm", {}), "compat", linked=False)
    assert layer_bytes(image) == layer_bytes(image)
    assert image.manifest == image_of(pack(MODULE, "hello"), "compat", linked=False).manifest
    store = MemoryStore()
    assert image.push_to(store) == image.manifest
    found = wasm_file(store, manifest_of(image))
    with found.source.fetch(found.descriptor) as reader:
        assert reader.read() == MODULE


@pytest.mark.parametrize("content", [MODULE + b"\0\x02\x01x", b""], ids=["longer", "empty"])
def test_a_file_that_changes_meanwhile_is_noticed(tmp_path, content):
    file = tmp_path / "hello.wasm"
    file.write_bytes(MODULE)
    artifact = pack_file(file, {})
    image = image_of(artifact, "compat", linked=False)
    file.write_bytes(content)
    with pytest.raises(SizeMismatch):
        image_of(artifact, "compat", linked=False)
    with pytest.raises(SizeMismatch):
        layer_bytes(image)
    file.write_bytes(MODULE[:-1] + b"x")
    with pytest.raises(DigestMismatch):
        layer_bytes(image)


@given(st.binary(max_size=200_000), st.lists(st.integers(1, 100_000), max_size=8), st.integers(1, 70_000))
def test_a_layer_is_the_same_however_its_file_is_read(content, cuts, piece):
    def reading_at(places):
        def reading():
            start = 0
            for end in [*sorted(places), len(content)]:
                yield content[start:end]
                start = max(start, end)

        return FileLayer("plugin.wasm", len(content), 7, reading)

    layer, other = reading_at([]), reading_at([cut for cut in cuts if cut <= len(content)])
    data = layer.open().read()
    descriptor, inner = other.measured(IMAGE_LAYER)
    assert (descriptor.digest, descriptor.size) == (Digest.of(data), len(data))
    assert Digest.of(gzip.decompress(data)) == inner
    source = other.open()
    assert b"".join(iter(lambda: source.read(piece), b"")) == data
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        assert tar.extractfile("plugin.wasm").read() == content


def test_a_layer_that_is_let_go_of_closes_its_file():
    closed = []

    def reading():
        try:
            yield bytes(1_000_000)
        finally:
            closed.append(True)

    source = FileLayer("plugin.wasm", 1_000_000, 0, reading).open()
    assert source.read(100_000)
    source.close()
    assert closed == [True]
