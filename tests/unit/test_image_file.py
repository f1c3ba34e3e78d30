"""The WebAssembly file in an image of anybody's: found where the image says, bounded, verified, or refused."""

import gzip
import io
import json
import tarfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.content import VerifyingReader
from registry.errors import ContentTooLarge, DigestMismatch, Failure, StorageFailed
from registry.graph import push_bytes
from registry.model import Descriptor, Manifest, describe
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import WASM_LAYER
from wasmbuild.errors import UnknownArtifact
from wasmbuild.image.names import DOCKER_CONFIG, DOCKER_LAYER, IMAGE_CONFIG, IMAGE_LAYER
from wasmbuild.workflows import image_unpacking
from wasmbuild.workflows.image_file import wasm_file

MODULE, OTHER = b"\0asm\x01\0\0\0", b"\0asm\x01\0\0\0\0\x02\x01x"
PLAIN = IMAGE_LAYER.removesuffix("+gzip")


def tar(files, kind=tarfile.REGTYPE):
    """A file system; ``kind`` is that of each file."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(content), kind, "elsewhere" if kind != tarfile.REGTYPE else ""
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def image(layer, *, started=("/hello.wasm",), key="Cmd", config=None, layer_type=IMAGE_LAYER, below=(), **more):
    """A store, and a manifest of an image in it, of a layer's bytes and those below."""
    store = MemoryStore()
    said = {"architecture": "wasm", "os": "wasi", "config": {key: list(started)}} if config is None else config
    made = [push(store, more.get("config_type", IMAGE_CONFIG), json.dumps(said).encode())]
    made += [push(store, IMAGE_LAYER, each) for each in below]
    layers = (*made[1:], push(store, layer_type, layer))
    return store, Manifest(made[0], layers)


def push(store, media_type, data):
    descriptor = describe(media_type, data)
    push_bytes(store, descriptor, data)
    return descriptor


def found(store, manifest):
    file = wasm_file(store, manifest)
    with file.source.fetch(file.descriptor) as reader:
        return file.descriptor, reader.read()


@pytest.mark.parametrize("started", ["/hello.wasm", "hello.wasm", "./hello.wasm", "/hello.wasm#run", "//hello.wasm"])
@pytest.mark.parametrize("key", ["Cmd", "Entrypoint"])
@pytest.mark.parametrize("name", ["hello.wasm", "./hello.wasm", "/hello.wasm"])
def test_the_file_is_the_one_that_the_image_starts(started, key, name):
    files = {"etc/passwd": b"x", "plugin.wasm": OTHER, name: MODULE}
    descriptor, content = found(*image(gzip.compress(tar(files)), started=[started, "a"], key=key))
    assert content == MODULE
    assert (descriptor.media_type, descriptor.size) == (WASM_LAYER, len(MODULE))
    assert descriptor.annotations == {"org.opencontainers.image.title": "hello.wasm"}


def test_the_entrypoint_goes_before_the_command_and_both_are_in_the_working_folder():
    config = {"Entrypoint": ["bin/hello"], "Cmd": ["/other.wasm"], "WorkingDir": "/app"}
    layer = gzip.compress(tar({"app/bin/hello": MODULE, "other.wasm": OTHER}))
    assert found(*image(layer, config={"architecture": "wasm32", "config": config}))[1] == MODULE


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"config": None},
        {"config": {"Cmd": 5}},
        {"config": {"Cmd": [5]}},
        {"config": {"Cmd": [], "WorkingDir": 1}},
    ],
)
def test_without_anything_to_start_it_is_the_file_that_istio_reads(config):
    said = {"architecture": "wasm", **(config or {})}
    descriptor, content = found(*image(gzip.compress(tar({"plugin.wasm": MODULE})), config=said))
    assert (content, descriptor.annotations) == (MODULE, {})


@pytest.mark.parametrize(
    ("layer_type", "config_type", "packing"),
    [
        (PLAIN, IMAGE_CONFIG, bytes),
        (DOCKER_LAYER, DOCKER_CONFIG, gzip.compress),
        (DOCKER_LAYER.removesuffix(".gzip"), DOCKER_CONFIG, bytes),
        (IMAGE_LAYER, IMAGE_CONFIG, lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:])),
    ],
    ids=["oci-tar", "docker", "docker-tar", "two-members-of-gzip"],
)
def test_layers_of_all_kinds_are_read(layer_type, config_type, packing):
    layer = packing(tar({"hello.wasm": MODULE}))
    assert found(*image(layer, layer_type=layer_type, config_type=config_type))[1] == MODULE


def test_only_the_last_layer_counts():
    below, last = gzip.compress(tar({"hello.wasm": OTHER})), gzip.compress(tar({"hello.wasm": MODULE}))
    assert found(*image(last, below=[below]))[1] == MODULE
    with pytest.raises(UnknownArtifact, match="no WebAssembly file where it says"):
        found(*image(gzip.compress(tar({"other": b""})), below=[below]))


@pytest.mark.parametrize("architecture", ["amd64", None, 5, ["wasm"]])
def test_an_image_for_another_machine_is_not_unpacked(architecture):
    config = {"architecture": architecture, "config": {"Cmd": ["/hello.wasm"]}}
    store, manifest = image(gzip.compress(tar({"hello.wasm": MODULE})), config=config)
    with pytest.raises(UnknownArtifact, match="no WebAssembly layer"):
        found(store, manifest)


def test_layers_that_are_packed_in_another_way_are_named():
    store, manifest = image(b"\x28\xb5\x2f\xfd", layer_type=f"{PLAIN}+zstd")
    with pytest.raises(UnknownArtifact, match="no WebAssembly layer") as caught:
        found(store, manifest)
    assert "tar+zstd" in str(caught.value.cause)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_what_is_no_regular_file_is_refused(kind):
    with pytest.raises(UnknownArtifact, match="cannot be read"):
        found(*image(gzip.compress(tar({"hello.wasm": b""}, kind))))


def test_a_file_that_is_there_twice_is_refused():
    with pytest.raises(UnknownArtifact) as caught:
        found(*image(gzip.compress(tar({"hello.wasm": MODULE, "./hello.wasm": OTHER}))))
    assert "twice" in str(caught.value.cause)


@pytest.mark.parametrize(
    "layer",
    [b"", b"x", gzip.compress(tar({"hello.wasm": MODULE}))[:-9], gzip.compress(b"x" * 2000), zlib.compress(b"x")],
    ids=["empty", "no-gzip", "cut", "no-tar", "zlib"],
)
def test_a_damaged_layer_is_refused(layer):
    with pytest.raises(UnknownArtifact):
        found(*image(layer))


def test_nothing_of_a_layer_with_another_digest_is_looked_at():
    store, manifest = image(tar({"hello.wasm": MODULE}), layer_type=PLAIN)
    other = tar({"hello.wasm": MODULE[:-1] + b"x"})

    class Lying(MemoryStore):
        def fetch(self, descriptor, /):
            if descriptor.media_type == PLAIN:
                return VerifyingReader(io.BytesIO(other), descriptor)
            return store.fetch(descriptor)

    with pytest.raises(DigestMismatch):
        wasm_file(Lying(), manifest)


def test_a_bomb_is_stopped_while_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(image_unpacking, "MAX_UNPACKED", 100_000)
    with pytest.raises(ContentTooLarge, match="too large to be unpacked"):
        found(*image(gzip.compress(tar({"hello.wasm": bytes(5_000_000)}))))


def test_a_layer_that_says_it_is_huge_is_not_asked_for():
    store, manifest = image(gzip.compress(tar({"hello.wasm": MODULE})))
    huge = Descriptor(IMAGE_LAYER, manifest.layers[0].digest, 2 * 1024**3)
    with pytest.raises(ContentTooLarge):
        wasm_file(store, Manifest(manifest.config, (huge,)))


@given(st.binary(max_size=3000), st.booleans())
def test_whatever_a_layer_is_it_is_read_or_refused_as_ours(data, compressed):
    store, manifest = image(gzip.compress(data) if compressed else data)
    try:
        found(store, manifest)
    except (UnknownArtifact, ContentTooLarge, StorageFailed) as failure:
        assert isinstance(failure, Failure)
