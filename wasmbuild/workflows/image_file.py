"""Image file: the one WebAssembly file of an artifact, also where it is in the file system of an image.

That is how crun, Istio and most shims have it, whoever made the image. Not here: what is a layer itself
(``artifact.wasm_layer``), and how a file system is unpacked (``image_unpacking``).
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from registry.content import Fetcher, read_all
from registry.model import Descriptor, Manifest, load_json
from wasmbuild.artifact import wasm_layer
from wasmbuild.errors import UnknownArtifact
from wasmbuild.image.names import DOCKER_CONFIG, DOCKER_LAYER, IMAGE_CONFIG, IMAGE_LAYER, PLUGIN

__all__ = ["WasmFile", "wasm_file"]

_CONFIGS = frozenset({IMAGE_CONFIG, DOCKER_CONFIG})
_LAYERS = frozenset({IMAGE_LAYER, DOCKER_LAYER, IMAGE_LAYER.removesuffix("+gzip"), DOCKER_LAYER.removesuffix(".gzip")})
_ARCHITECTURES = ("wasm", "wasm32")
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class WasmFile:
    """What the file is, and where its bytes come from: the layer of a store, or what was unpacked of one."""

    descriptor: Descriptor
    source: Fetcher


def wasm_file(store: Fetcher, manifest: Manifest) -> WasmFile:
    """Find the one WebAssembly file of a manifest, whoever wrote it; a file system is fetched for that, and verified.

    Raises UnknownArtifact where there is none or more than one, ContentTooLarge, StorageFailed, what the store raises.
    """
    try:
        return WasmFile(wasm_layer(manifest), store)
    except UnknownArtifact:
        entrypoint = _entrypoint(store, manifest)
        if entrypoint is None:
            raise
    from wasmbuild.workflows.image_unpacking import unpacked  # noqa: PLC0415  (few artifacts are images)

    return WasmFile(*unpacked(store, manifest.layers[-1], tuple(filter(None, (entrypoint, PLUGIN)))))


def _entrypoint(store: Fetcher, manifest: Manifest) -> str | None:
    """The path that an image for WebAssembly starts, without a leading slash; empty if it names none.

    None for what is no such image. Raises InvalidDocument, and what the store raises.
    """
    if manifest.config.media_type not in _CONFIGS or not manifest.layers:
        return None
    if manifest.layers[-1].media_type not in _LAYERS:
        return None
    said = load_json(read_all(store, manifest.config), "the config")
    if not isinstance(said, dict) or said.get("architecture") not in _ARCHITECTURES:
        return None
    config = said.get("config")
    return _started(config) if isinstance(config, dict) else ""


def _started(config: dict[str, Any]) -> str:
    lists = [config.get(key) for key in ("Entrypoint", "Cmd")]
    first = next((words[0] for words in lists if isinstance(words, list) and words), None)
    folder = config.get("WorkingDir")
    if not isinstance(first, str) or len(first) > _LONGEST_NAME:
        return ""
    # A shim takes what follows a # as the name of an export.
    return str(PurePosixPath("/", folder if isinstance(folder, str) else "", first.partition("#")[0])).lstrip("/")
