import hashlib
import io
import json
import os

import pytest
from wasmtime import wat2wasm

from registry.content import read_all
from registry.digest import Digest
from registry.errors import DigestMismatch, SizeMismatch
from registry.model import Descriptor, Manifest, parse_document
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import pack, pack_file, wasm_layer
from wasmbuild.created import creation_time
from wasmbuild.errors import InvalidWasm, UnknownArtifact, UsageFailed

MODULE = b"\0asm\x01\0\0\0"
COMPONENT = bytes(
    wat2wasm(
        """(component
          (import "wasi:io/streams@0.2.3" (instance))
          (import "wasi:cli/stdout@0.2.3" (instance))
          (core module $m (func (export "run") (result i32) i32.const 0))
          (core instance $i (instantiate $m))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (instance $r (export "run" (func $run)))
          (export "wasi:cli/run@0.2.3" (instance $r)))"""
    )
)


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def test_a_module_is_packed_in_the_cncf_layout_to_the_byte():
    packed = pack(MODULE, "hello", annotations={"org.opencontainers.image.version": "1.0.0"})
    config = compact(
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip1",
            "layerDigests": [sha256(MODULE)],
            "module": {"exports": [], "imports": []},
        }
    )
    manifest = compact(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": sha256(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/wasm",
                    "digest": sha256(MODULE),
                    "size": 8,
                    "annotations": {"org.opencontainers.image.title": "hello.wasm"},
                }
            ],
            "annotations": {"org.opencontainers.image.version": "1.0.0"},
        }
    )
    assert packed.config_bytes == config
    assert packed.manifest_bytes == manifest
    assert str(packed.manifest.digest) == sha256(manifest)
    assert str(packed.manifest.digest) == "sha256:01d9597183a10549185a483d93c35c3c63774084d7c85c99954cddaa7b62a2a4"


def test_a_component_says_what_it_imports_and_exports_sorted():
    config = json.loads(pack(COMPONENT, "c", created="2001-09-09T01:46:40Z").config_bytes)
    assert list(config) == ["created", "architecture", "os", "layerDigests", "component"]
    assert (config["os"], config["created"]) == ("wasip2", "2001-09-09T01:46:40Z")
    assert list(config["component"].items()) == [
        ("exports", ["wasi:cli/run@0.2.3"]),
        ("imports", ["wasi:cli/stdout@0.2.3", "wasi:io/streams@0.2.3"]),
        ("target", "wasi:cli/command@0.2.3"),
    ]


def test_a_module_says_what_it_imports_and_exports_sorted():
    module = wat2wasm('(module (import "b" "x" (func)) (import "a" "y" (func)) (func (export "z")))')
    config = json.loads(pack(bytes(module), "m").config_bytes)
    assert config["module"] == {"exports": ["z"], "imports": ["a::y", "b::x"]}


def test_a_module_with_endless_names_keeps_them_to_itself():
    exports = "".join(f'(export "{number:04}{"x" * 996}" (func 0))' for number in range(263))
    config = json.loads(pack(bytes(wat2wasm(f"(module (func) {exports})")), "m").config_bytes)
    assert "module" not in config


def test_a_component_of_no_standard_world_has_a_null_target():
    config = json.loads(pack(b"\0asm\x0d\0\x01\0", "c").config_bytes)
    assert config["component"] == {"exports": [], "imports": [], "target": None}


def test_a_file_and_its_bytes_are_packed_alike(tmp_path):
    path = tmp_path / "elsewhere.wasm"
    path.write_bytes(COMPONENT)
    assert pack(path, "x").manifest_bytes == pack(COMPONENT, "x").manifest_bytes


def test_the_name_decides_the_title_and_so_the_digest():
    assert pack(MODULE, "a").manifest != pack(MODULE, "b").manifest


def test_pushes_everything_that_the_manifest_needs(tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(COMPONENT)
    packed, store = pack(path, "a"), MemoryStore()
    assert packed.push_to(store) == packed.manifest
    manifest = parse_document(read_all(store, packed.manifest), packed.manifest.media_type)
    assert isinstance(manifest, Manifest)
    assert read_all(store, wasm_layer(manifest)) == COMPONENT
    assert read_all(store, manifest.config) == packed.config_bytes


def test_config_and_layer_come_before_the_manifest():
    order = []

    class Recorder:
        def push(self, descriptor, body, /):
            with io.BytesIO(body().read()) as data:
                assert len(data.getvalue()) == descriptor.size
            order.append(descriptor)

    packed = pack(MODULE, "a")
    packed.push_to(Recorder())
    assert order == [packed.config, packed.layer, packed.manifest]


def test_the_layer_can_be_opened_again(tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(MODULE)
    packed = pack(path, "a")
    for _ in range(2):
        reader = packed.open_layer()
        assert reader.read() == MODULE
        reader.close()


def test_a_file_that_changed_after_packing_is_not_pushed(tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(COMPONENT)
    packed = pack(path, "a")
    path.write_bytes(MODULE)
    with pytest.raises((DigestMismatch, SizeMismatch)):
        packed.push_to(MemoryStore())


@pytest.mark.parametrize("content", [b"", b"int main(void) {}", MODULE + b"\0\2\1\xff", MODULE + b"\1\x7f"])
def test_refuses_files_that_are_not_wasm(tmp_path, content):
    path = tmp_path / "a.wasm"
    path.write_bytes(content)
    with pytest.raises(InvalidWasm):
        pack(path, "a")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "1970-01-01T00:00:00Z"),
        ({"SOURCE_DATE_EPOCH": ""}, "1970-01-01T00:00:00Z"),
        ({"SOURCE_DATE_EPOCH": "1000000000"}, "2001-09-09T01:46:40Z"),
        ({"SOURCE_DATE_EPOCH": "253402300799"}, "9999-12-31T23:59:59Z"),
    ],
)
def test_creation_time(environment, expected):
    assert creation_time(environment) == expected


@pytest.mark.parametrize("value", ["-1", "1.5", "now", "1 ", "253402300800", "9" * 5000, "\u0663", "0x10"])
def test_a_malformed_creation_time_is_a_usage_error(value):
    with pytest.raises(UsageFailed, match="SOURCE_DATE_EPOCH"):
        creation_time({"SOURCE_DATE_EPOCH": value})


def descriptor(media_type, content=b"x"):
    return Descriptor(media_type, Digest.of(content), len(content))


CNCF = "application/vnd.wasm.config.v0+json"
IMAGE = "application/vnd.oci.image.config.v1+json"
WASM_TO_OCI = "application/vnd.wasm.config.v1+json"
CONTENT = "application/vnd.wasm.content.layer.v1+wasm"


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        (CNCF, ["application/wasm"]),
        (WASM_TO_OCI, [CONTENT]),
        (WASM_TO_OCI, ["application/vnd.oci.empty.v1+json", CONTENT]),
        (WASM_TO_OCI, ["application/vnd.oci.image.layer.v1.tar", CONTENT]),
        (IMAGE, ["application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"]),
        (
            IMAGE,
            ["application/vnd.module.wasm.config.v1+json", "application/vnd.module.wasm.content.layer.v1+wasm"],
        ),
    ],
)
def test_finds_the_wasm_layer_of_every_known_form(config, layers):
    found = wasm_layer(Manifest(descriptor(config), tuple(descriptor(layer) for layer in layers)))
    assert found.media_type == layers[-1]


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        (CNCF, []),
        (CNCF, ["application/wasm", "application/wasm"]),
        (CNCF, ["application/wasm", "text/plain"]),
        (IMAGE, ["application/vnd.oci.image.layer.v1.tar+gzip"]),
        (IMAGE, [CONTENT, CONTENT]),
    ],
)
def test_names_the_types_of_what_it_does_not_understand(config, layers):
    with pytest.raises(UnknownArtifact) as caught:
        wasm_layer(Manifest(descriptor(config), tuple(descriptor(layer) for layer in layers)))
    assert config in caught.value.cause
    for layer in layers:
        assert layer in caught.value.cause


def test_a_long_list_of_layers_is_cut():
    layers = tuple(descriptor(f"text/{number}") for number in range(5000))
    with pytest.raises(UnknownArtifact, match="and 4990 more"):
        wasm_layer(Manifest(descriptor(IMAGE), layers, artifact_type="a/b"))


@pytest.mark.timeout(10)
def test_a_pipe_is_not_packed_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(UsageFailed, match="not a regular file"):
        pack_file(tmp_path / "pipe.wasm", {})
    with pytest.raises(UsageFailed, match="cannot be read"):
        pack_file(tmp_path, {})
    with pytest.raises(UsageFailed, match="not a regular file"):
        pack_file(tmp_path.joinpath("/dev/null"), {})


@pytest.mark.timeout(10)
def test_a_file_that_became_a_pipe_is_not_pushed(tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(MODULE)
    packed = pack_file(path, {})
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        packed.push_to(MemoryStore())


def test_a_file_name_that_is_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.wasm")
    path.write_bytes(MODULE)
    with pytest.raises(UsageFailed, match=r"'\\udcff\.wasm' is not text"):
        pack_file(path, {})
