"""Image file: the one WebAssembly file of an artifact, also where it is in the file system of an image.

That is how crun, Istio and most shims have it, whoever made the image. Not here: what is a layer itself
(``artifact.wasm_layer``), and how a file system is unpacked (``image_unpacking``).
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from registry.content import Fetcher, read_all
from registry.errors import InvalidDocument
from registry.model import Descriptor, Manifest
from registry.strictjson import load_json
from wasmbuild.artifact import wasm_layer
from wasmbuild.errors import UnknownArtifact
from wasmbuild.image.names import DOCKER_CONFIG, DOCKER_LAYER, IMAGE_CONFIG, IMAGE_LAYER, PLUGIN

__all__ = ["WasmFile", "holds_wasm", "wasm_file"]

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
        layer = wasm_layer(manifest)
    except UnknownArtifact:
        entrypoint = _entrypoint(store, manifest)
        if entrypoint is None:
            raise
    else:
        _check_alone(manifest)
        return WasmFile(layer, store)
    from wasmbuild.workflows.image_unpacking import unpacked  # noqa: PLC0415  (few artifacts are images)

    return WasmFile(*unpacked(store, manifest.layers[-1], entrypoint or PLUGIN))


def _check_alone(manifest: Manifest) -> None:
    """Insist that no other runtime finds something to start in a file system beside. Raises UnknownArtifact."""
    other = next((layer for layer in manifest.layers if layer.media_type in _LAYERS), None)
    if manifest.config.media_type in _CONFIGS and other is not None:
        raise UnknownArtifact(
            "the image has a WebAssembly file and a file system",
            cause=f"what runs depends on who reads it: {other.digest} is {other.media_type}",
        )


def holds_wasm(store: Fetcher, manifest: Manifest) -> bool:
    """Whether a manifest is one of WebAssembly, also where it is not clear which file it means, or how it is packed.

    Raises InvalidDocument, and what the store raises.
    """
    return any(layer.media_type.endswith("wasm") for layer in manifest.layers) or _config(store, manifest) is not None


def _entrypoint(store: Fetcher, manifest: Manifest) -> str | None:
    """The path that an image for WebAssembly starts, without a leading slash; empty if it names none.

    None for what is no such image. Raises InvalidDocument, and what the store raises.
    """
    if not manifest.layers or manifest.layers[-1].media_type not in _LAYERS:
        return None
    said = _config(store, manifest)
    if said is None:
        return None
    config = _fields(said.get("config"))
    return "" if config is None else _started(config)


def _config(store: Fetcher, manifest: Manifest) -> dict[str, Any] | None:
    """The config of an image for WebAssembly; None for everything else."""
    if manifest.config.media_type not in _CONFIGS:
        return None
    said = _fields(load_json(read_all(store, manifest.config), "the config"))
    return said if said is not None and said.get("architecture") in _ARCHITECTURES else None


def _fields(value: object) -> dict[str, Any] | None:
    """The fields of an object by their names in small letters, as those know them who run images; else None.

    Raises InvalidDocument where two names are the same to them.
    """
    if not isinstance(value, dict):
        return None
    fields = {name.casefold(): each for name, each in value.items()}
    if len(fields) < len(value):
        raise InvalidDocument("the config has two fields of one name", cause="they differ in capital letters alone")
    return fields


def _started(config: dict[str, Any]) -> str:
    lists = [config.get(key) for key in ("entrypoint", "cmd")]
    first = next((words[0] for words in lists if isinstance(words, list) and words), None)
    folder = config.get("workingdir")
    if not isinstance(first, str) or len(first) > _LONGEST_NAME:
        return ""
    # A shim takes what follows a # as the name of an export.
    return str(PurePosixPath("/", folder if isinstance(folder, str) else "", first.partition("#")[0])).lstrip("/")
