"""Pack and unpack: a WebAssembly file to and from an OCI artifact.

What is written is the CNCF "Wasm OCI Artifact layout": a config that says what the file is, one
uncompressed layer, no artifact type. What is understood on the way back is every older form that
holds exactly one module. Reading the file is ``wasmbuild.wasm``'s, moving content ``registry``'s.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from registry.content import Opener, Pusher, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentNotFound
from registry.files import open_regular
from registry.model import TITLE, Descriptor, Manifest, describe
from registry.strictjson import canonical_json
from wasmbuild.created import creation_time
from wasmbuild.errors import UnknownArtifact, UsageFailed
from wasmbuild.kinds import kind_of
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.mapped import read_mapped
from wasmbuild.wasm.model import WasmBinary
from wasmbuild.wasm.world import target_world

__all__ = ["WASM_CONFIG", "WASM_LAYER", "Packed", "pack", "pack_file", "wasm_layer"]

WASM_CONFIG = "application/vnd.wasm.config.v0+json"
WASM_LAYER = "application/wasm"

_WASM_LAYERS = frozenset(
    {
        WASM_LAYER,
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
        "application/vnd.module.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.component.v1+wasm",
    }
)
_OS = {"module": "wasip1", "component": "wasip2"}
_SHOWN_TYPES = 10
_MODULE_NAMES = 256 * 1024
"""Characters of a module's imports and exports, beyond which its config leaves them out."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An artifact that is ready to be pushed; the layer's bytes stay where they are until then."""

    manifest: Descriptor
    manifest_bytes: bytes
    config: Descriptor
    config_bytes: bytes
    layer: Descriptor
    open_layer: Opener
    binary: WasmBinary

    def push_to(self, store: Pusher) -> Descriptor:
        """Put config, layer and manifest into a store, in this order; returns the manifest's descriptor.

        Raises what the store raises, DigestMismatch when the file has changed since it was packed.
        """
        store.push(self.config, partial(io.BytesIO, self.config_bytes))
        store.push(self.layer, self.open_layer)
        store.push(self.manifest, partial(io.BytesIO, self.manifest_bytes))
        return self.manifest

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of one of its three contents, which makes it a source to copy from.

        Raises ContentNotFound.
        """
        openers: dict[Digest, Opener] = {
            self.config.digest: partial(io.BytesIO, self.config_bytes),
            self.layer.digest: self.open_layer,
            self.manifest.digest: partial(io.BytesIO, self.manifest_bytes),
        }
        if descriptor.digest not in openers:
            raise ContentNotFound(f"{descriptor.digest} is not in this artifact")
        return VerifyingReader(openers[descriptor.digest](), descriptor)


def pack(
    wasm: Path | bytes,
    name: str,
    *,
    created: str = "1970-01-01T00:00:00Z",
    annotations: Mapping[str, str] | None = None,
) -> Packed:
    """Describe a WebAssembly file as an artifact; the layer is titled ``<name>.wasm``.

    ``created`` is RFC 3339; ``annotations`` are the manifest's. A path is read now, to describe it,
    and again for each push; it is never held whole. Raises InvalidWasm; OSError, also for
    what is no regular file.
    """
    binary, digest, open_layer = _examine(wasm)
    layer = Descriptor(WASM_LAYER, digest, binary.size, annotations={TITLE: f"{name}.wasm"})
    config_bytes = canonical_json(_config(binary, digest, created))
    config = describe(WASM_CONFIG, config_bytes)
    manifest = Manifest(config=config, layers=(layer,), annotations=dict(annotations or {}))
    manifest_bytes = manifest.encode()
    return Packed(
        manifest=describe(manifest.media_type, manifest_bytes),
        manifest_bytes=manifest_bytes,
        config=config,
        config_bytes=config_bytes,
        layer=layer,
        open_layer=open_layer,
        binary=binary,
    )


def pack_file(file: Path, environment: Mapping[str, str]) -> Packed:
    """Pack a WebAssembly file that exists already.

    Raises UsageFailed when it cannot be read or its name is not text, InvalidWasm when it is
    something else.
    """
    name = file.name.removesuffix(".wasm")
    try:
        name.encode()
        return pack(file, name, created=creation_time(environment))
    except UnicodeEncodeError as error:
        raise UsageFailed(
            f"the file name {file.name!r} is not text", cause="an artifact's title is UTF-8", hint="rename the file"
        ) from error
    except OSError as error:
        raise UsageFailed(f"{file} cannot be read", cause=error.strerror) from error


def wasm_layer(manifest: Manifest) -> Descriptor:
    """The one layer of an artifact that is a WebAssembly file, whoever wrote the artifact.

    Raises UnknownArtifact, which names the types that are there, when there is none or more than one.
    """
    found = [layer for layer in manifest.layers if layer.media_type in _WASM_LAYERS]
    if len(found) == 1 and (manifest.config.media_type != WASM_CONFIG or len(manifest.layers) == 1):
        return found[0]
    kind = kind_of(manifest)
    what = f"this is {kind}, not" if kind else "this is not"
    fault = "several layers" if found else "no WebAssembly layer"
    raise UnknownArtifact(f"{what} an artifact of one WebAssembly file: it has {fault}", cause=_types_found(manifest))


def _examine(wasm: Path | bytes) -> tuple[WasmBinary, Digest, Opener]:
    if isinstance(wasm, bytes):
        return read(wasm), Digest.of(wasm), partial(io.BytesIO, wasm)
    binary, digest = read_mapped(wasm, read)
    return binary, digest, partial(open_regular, wasm)


def _config(binary: WasmBinary, layer: Digest, created: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "created": created,
        "architecture": "wasm",
        "os": _OS[binary.kind],
        "layerDigests": [str(layer)],
    }
    names = {"exports": list(binary.export_names), "imports": list(binary.import_names)}
    if binary.kind == "component":
        config["component"] = {**names, "target": target_world(binary)}
    elif sum(len(name) for group in names.values() for name in group) <= _MODULE_NAMES:
        # The layout leaves room for this and names nothing yet; its readers skip what they do not know.
        config["module"] = names
    return config


def _types_found(manifest: Manifest) -> str:
    layers = [layer.media_type for layer in manifest.layers]
    shown = ", ".join(layers[:_SHOWN_TYPES]) or "none"
    more = f" and {len(layers) - _SHOWN_TYPES} more" if len(layers) > _SHOWN_TYPES else ""
    kind = f"artifact type {manifest.artifact_type}; " if manifest.artifact_type else ""
    return f"{kind}config {manifest.config.media_type}; layers {shown}{more}"
