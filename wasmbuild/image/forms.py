"""The two forms of image, each made of an artifact and of nothing else, so that the same artifact gives the same.

``compat`` is an ordinary image: its one layer is a file system with the file in it, as crun, the shims of containerd
and Istio read it (solo-io/wasm, spec/spec-compat.md; containers/crun, docs/wasm-wasi-example.md). ``shim`` is an
image config over a layer that is the file itself, which the shims of containerd/runwasi read (oci-tar-builder).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from registry.content import Opener, VerifyingReader
from registry.digest import Digest
from registry.model import TITLE, Descriptor, Manifest, describe, parse_document
from registry.strictjson import canonical_json, load_json
from wasmbuild.artifact import Packed
from wasmbuild.image.layer import Chunks, FileLayer
from wasmbuild.image.names import IMAGE_CONFIG, IMAGE_LAYER, PLUGIN, VARIANT, ImageForm

__all__ = ["SHIM_LAYER", "image_of"]

SHIM_LAYER = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"
_SHIM_LABEL = "containerd.runwasi.layers"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the forms differ in; ``said`` is what the config has beside the time and the architecture."""

    said: dict[str, Any]
    layer: Descriptor
    open_layer: Opener
    annotations: dict[str, str]


def image_of(artifact: Packed, form: ImageForm, *, linked: bool) -> Packed:
    """The image of an artifact, to be pushed as one; ``binary`` stays that of the file.

    Its time and its annotations are the artifact's. ``linked`` makes the artifact its subject, which has to be in
    the same repository. Raises DigestMismatch when the file has changed since it was packed; OSError.
    """
    created = str(load_json(artifact.config_bytes, "the config")["created"])
    parts = _compat(artifact, created) if form == "compat" else _shim(artifact)
    config_bytes = canonical_json({"created": created, "architecture": "wasm", **parts.said})
    config = describe(IMAGE_CONFIG, config_bytes)
    about = parse_document(artifact.manifest_bytes, artifact.manifest.media_type).annotations
    manifest = Manifest(
        config=config,
        layers=(parts.layer,),
        subject=artifact.manifest.plain() if linked else None,
        annotations={**about, **parts.annotations},
    )
    manifest_bytes = manifest.encode()
    return replace(
        artifact,
        manifest=describe(manifest.media_type, manifest_bytes),
        manifest_bytes=manifest_bytes,
        config=config,
        config_bytes=config_bytes,
        layer=parts.layer,
        open_layer=parts.open_layer,
    )


def _compat(artifact: Packed, created: str) -> _Parts:
    def reading() -> Chunks:
        with VerifyingReader(artifact.open_layer(), artifact.layer) as file:
            yield from file

    modified = int(datetime.fromisoformat(created).timestamp())
    wrapped = FileLayer(PLUGIN, artifact.layer.size, modified, reading)
    layer, inner = wrapped.measured(IMAGE_LAYER)
    said = {
        "os": "wasi",
        "config": {"Entrypoint": [f"/{PLUGIN}"]},
        "rootfs": {"type": "layers", "diff_ids": [str(inner)]},
        "history": [{"created": created, "created_by": "wasmbuild"}],
    }
    return _Parts(said, layer, wrapped.open, {VARIANT: "compat"})


def _shim(artifact: Packed) -> _Parts:
    layer = replace(artifact.layer, media_type=SHIM_LAYER)
    # No layer is one of the file system's: without this the configs of all files would be the same.
    unique = Digest.of(layer.digest.encoded.encode()).encoded
    said = {
        "os": "wasip1",
        "config": {"Entrypoint": [layer.annotations.get(TITLE, PLUGIN)], "Labels": {_SHIM_LABEL: unique}},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return _Parts(said, layer, artifact.open_layer, {})
