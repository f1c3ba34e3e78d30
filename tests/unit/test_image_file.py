"""The WebAssembly file in an image of anybody's: found where the image says, bounded, verified, or refused."""

import gzip
import io
import json
import tarfile
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.content import VerifyingReader
from registry.errors import ContentTooLarge, DigestMismatch, Failure, InvalidDocument, StorageFailed
from registry.graph import push_bytes
from registry.model import Descriptor, Manifest, describe
from registry.stores import tarindex
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
    files = {"etc/passwd": b"x", "other.wasm": OTHER, name: MODULE}
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


@pytest.mark.parametrize("wasm_type", ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"])
def test_a_file_beside_a_file_system_is_refused(wasm_type):
    """A shim takes the layer that is a file, and crun what is in the other."""
    store, manifest = image(MODULE, layer_type=wasm_type, below=[gzip.compress(tar({"hello.wasm": OTHER}))])
    with pytest.raises(UnknownArtifact, match="a WebAssembly file and a file system"):
        found(store, manifest)
    assert found(store, Manifest(manifest.config, manifest.layers[1:]))[1] == MODULE


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


@pytest.mark.parametrize(
    "again", ["./hello.wasm", "././/hello.wasm", "x/../hello.wasm", "../hello.wasm", "/.//hello.wasm"]
)
def test_a_file_that_is_there_twice_is_refused(again):
    with pytest.raises(UnknownArtifact) as caught:
        found(*image(gzip.compress(tar({"hello.wasm": MODULE, again: OTHER}))))
    assert "twice" in str(caught.value.cause)


@pytest.mark.parametrize("other", ["link/hello.wasm", "plugin.wasm", "deep/er/plugin.wasm", "a\nb/hello.wasm"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_file_that_another_reader_could_take_in_its_place_is_refused(other, turned):
    """Through a link of a layer below, or as Istio, which takes any plugin.wasm."""
    files = {"hello.wasm": MODULE, other: OTHER}
    with pytest.raises(UnknownArtifact, match="more than one file that may be meant") as caught:
        found(*image(gzip.compress(tar(dict(reversed(files.items())) if turned else files))))
    assert "\n" not in str(caught.value.cause)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE])
@pytest.mark.parametrize("folder", ["app", "./app/in", "x/../app"])
def test_a_link_in_place_of_a_folder_on_the_way_is_refused(folder, kind):
    layer = tar({"app/in/hello.wasm": MODULE})[:1024] + tar({folder: b""}, kind)
    with pytest.raises(UnknownArtifact) as caught:
        found(*image(gzip.compress(layer), started=["/app/in/hello.wasm"]))
    assert "is not a folder" in str(caught.value.cause)


def test_a_name_for_all_members_is_refused():
    """What Go reads passes over it: to it the first member has the name that it has itself."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "hello.wasm"}) as made:
        entry = tarfile.TarInfo("harmless")
        entry.size = len(MODULE)
        made.addfile(entry, io.BytesIO(MODULE))
    with pytest.raises(UnknownArtifact) as caught:
        found(*image(gzip.compress(written.getvalue())))
    assert "for all members" in str(caught.value.cause)


@pytest.mark.parametrize("started", ["/x/../hello.wasm", "/other.wasm", "/link/hello.wasm"])
def test_what_the_image_starts_is_the_file_or_nothing_is(started):
    with pytest.raises(UnknownArtifact, match="no WebAssembly file where it says"):
        found(*image(gzip.compress(tar({"plugin.wasm": MODULE})), started=[started]))


@pytest.mark.parametrize(
    "config",
    [
        {"config": {"Cmd": ["/hello.wasm"], "cmd": ["/other.wasm"]}},
        {"config": {"Cmd": ["/hello.wasm"]}, "Config": {"Cmd": ["/other.wasm"]}},
    ],
)
def test_fields_that_differ_in_capital_letters_alone_are_refused(config):
    """Whoever reads with Go's library takes the last of them."""
    layer = gzip.compress(tar({"hello.wasm": MODULE, "other.wasm": OTHER}))
    with pytest.raises(InvalidDocument, match="two fields of one name"):
        found(*image(layer, config={"architecture": "wasm", **config}))
    assert found(*image(layer, config={"Architecture": "wasm", "CONFIG": {"CMD": ["/other.wasm"]}}))[1] == OTHER


@pytest.mark.parametrize(
    "layer",
    [
        b"",
        b"x",
        gzip.compress(tar({"hello.wasm": MODULE}))[:-9],
        gzip.compress(b"x" * 2000),
        zlib.compress(b"x"),
        gzip.compress(gzip.compress(tar({"hello.wasm": MODULE}))),
    ],
    ids=["empty", "no-gzip", "cut", "no-tar", "zlib", "twice"],
)
def test_a_damaged_layer_is_refused(layer):
    with pytest.raises(UnknownArtifact) as caught:
        found(*image(layer))
    assert caught.value.cause


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


def test_a_bomb_of_many_streams_is_stopped_without_much_work(monkeypatch):
    empty = gzip.compress(b"")
    monkeypatch.setattr(image_unpacking, "_MOST_STREAMS", 50_000)
    began = time.process_time()
    with pytest.raises(ContentTooLarge, match="more than 50000 streams"):
        found(*image(empty * 50_001))
    assert time.process_time() - began < 2
    assert found(*image(gzip.compress(tar({"hello.wasm": MODULE})) + empty * 49_999))[1] == MODULE


def test_too_many_members_are_said_of_the_layer(monkeypatch):
    monkeypatch.setattr(tarindex, "MOST_MEMBERS", 2)
    with pytest.raises(ContentTooLarge, match=r"sha256:\w+ has too many members"):
        found(*image(gzip.compress(tar({str(number): b"" for number in range(3)}))))


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
