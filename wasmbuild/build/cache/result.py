"""ActionResult: what an action gave, as a small OCI artifact; made and read here, and nothing of it is believed.

A manifest whose config is the action's description, in the very bytes that its key is the digest of,
and whose layers are the outputs. Who has signed it is said in an annotation. Not here: where results
are kept (``store``, ``folder``), and what a signature is made with (``wasmbuild.trust``).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Self

from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument
from registry.model import OCI_MANIFEST, OCTETS, TITLE, Descriptor, Manifest, describe, parse_document
from registry.strictjson import canonical_json, load_json
from registry.words import printable
from wasmbuild.build.action import ActionKey

__all__ = [
    "ACTION_TYPE",
    "DESCRIPTION_TYPE",
    "MAX_DESCRIPTION",
    "MAX_OUTPUT",
    "MAX_OUTPUTS",
    "SIGNATURE",
    "ActionResult",
    "OutputBlob",
    "Sign",
    "Trusted",
]

ACTION_TYPE = "application/vnd.wasmbuild.action.v1"
DESCRIPTION_TYPE = "application/vnd.wasmbuild.action.description.v1+json"
SIGNATURE = "vnd.wasmbuild.action.signature"
"""The annotation that holds a signature, as JSON."""

MAX_DESCRIPTION = 8 * 1024 * 1024
MAX_OUTPUTS = 100
MAX_OUTPUT = 2 * 1024**3
"""Bytes of one output."""

_MAX_NAME = 1000
_MAX_SIGNATURE = 8 * 1024

Sign = Callable[[bytes], Mapping[str, str]]
"""From what is to be signed to a signature, as a JSON object of texts."""

Trusted = Callable[[bytes, Mapping[str, Any]], bool]
"""Whether a signature is one of somebody's who is trusted, over these bytes."""


@dataclass(frozen=True, slots=True)
class OutputBlob:
    """One output of an action: its name, relative to the folder of outputs, and its content."""

    name: str
    descriptor: Descriptor

    @property
    def digest(self) -> Digest:
        """The name of its bytes."""
        return self.descriptor.digest

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.descriptor.size


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action gave. ``description`` is the content that its key is the digest of; ``encoded`` the manifest."""

    key: ActionKey
    outputs: tuple[OutputBlob, ...]
    description: Descriptor
    signature: Mapping[str, Any] | None
    encoded: bytes

    @classmethod
    def of(cls, description: bytes, outputs: Iterable[tuple[str, Digest, int]], sign: Sign | None = None) -> Self:
        """The result of an action that is described by this canonical JSON; outputs are names, digests and sizes.

        Raises ContentTooLarge for what no reader would take.
        """
        config = describe(DESCRIPTION_TYPE, description)
        key = ActionKey(config.digest)
        blobs = tuple(OutputBlob(name, Descriptor(OCTETS, digest, size)) for name, digest, size in sorted(outputs))
        _check_sizes(config, blobs)
        signature = None if sign is None else dict(sign(_payload(key, blobs)))
        layers = tuple(Descriptor(OCTETS, blob.digest, blob.size, annotations={TITLE: blob.name}) for blob in blobs)
        annotations = {} if signature is None else {SIGNATURE: canonical_json(signature).decode()}
        manifest = Manifest(config, layers, artifact_type=ACTION_TYPE, annotations=annotations)
        return cls(key, blobs, config, signature, manifest.encode())

    @classmethod
    def parse(cls, data: bytes, key: ActionKey) -> Self:
        """Read the manifest that somebody keeps under a key.

        Raises InvalidDocument when it is not the result of that action, and ContentTooLarge.
        """
        manifest = parse_document(data, OCI_MANIFEST)
        if not isinstance(manifest, Manifest) or manifest.artifact_type != ACTION_TYPE:
            raise InvalidDocument("it is not the result of an action")
        if manifest.config.digest != key.digest:
            raise InvalidDocument("it is the result of another action", cause=f"its key is {manifest.config.digest}")
        blobs = tuple(_output(layer) for layer in manifest.layers)
        _check_names([blob.name for blob in blobs])
        _check_sizes(manifest.config, blobs)
        return cls(key, blobs, manifest.config.plain(), _signature(manifest), data)

    @property
    def manifest(self) -> Descriptor:
        """The manifest."""
        return describe(OCI_MANIFEST, self.encoded)

    @property
    def signed_bytes(self) -> bytes:
        """What a signature of the result is over: the key, and the name, digest and size of every output."""
        return _payload(self.key, self.outputs)

    def output(self, name: str) -> OutputBlob:
        """The output of a name. Raises KeyError."""
        return next((blob for blob in self.outputs if blob.name == name), None) or _missing(name)

    def has(self, names: Collection[str]) -> bool:
        """Whether there is an output of each of these names."""
        return set(names) <= {blob.name for blob in self.outputs}


def _missing(name: str) -> OutputBlob:
    raise KeyError(name)


def _payload(key: ActionKey, outputs: Sequence[OutputBlob]) -> bytes:
    said = [{"name": blob.name, "digest": str(blob.digest), "size": blob.size} for blob in outputs]
    return canonical_json({"actionKey": str(key), "outputs": sorted(said, key=lambda each: str(each["name"]))})


def _output(layer: Descriptor) -> OutputBlob:
    if layer.digest.algorithm != "sha256":
        raise InvalidDocument("an output has a digest that is not SHA-256")
    return OutputBlob(layer.annotations.get(TITLE, ""), Descriptor(OCTETS, layer.digest, layer.size))


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that would end up elsewhere, or in each other's place."""
    for name in names:
        parts = name.split("/")
        if len(name) > _MAX_NAME or "\\" in name or printable(name, _MAX_NAME) != name:
            raise InvalidDocument(f"{printable(name, 80)!r} is not the name of an output")
        if any(part in {"", ".", ".."} for part in parts):
            raise InvalidDocument(f"{printable(name, 80)!r} is not the name of an output")
    taken = set(names)
    folders = {str(parent) for name in taken for parent in PurePosixPath(name).parents}
    if len(taken) != len(names) or taken & folders:
        raise InvalidDocument("two outputs have the same name")


def _check_sizes(description: Descriptor, outputs: Sequence[OutputBlob]) -> None:
    if description.size > MAX_DESCRIPTION:
        raise ContentTooLarge(
            f"the description of the action has {description.size} bytes", cause=f"at most {MAX_DESCRIPTION} are kept"
        )
    if not 0 < len(outputs) <= MAX_OUTPUTS:
        raise ContentTooLarge(f"the action has {len(outputs)} outputs", cause=f"1 to {MAX_OUTPUTS} are kept")
    for blob in outputs:
        if blob.size > MAX_OUTPUT:
            raise ContentTooLarge(
                f"the output {printable(blob.name, 80)} has {blob.size} bytes", cause=f"at most {MAX_OUTPUT} are kept"
            )


def _signature(manifest: Manifest) -> Mapping[str, Any] | None:
    text = manifest.annotations.get(SIGNATURE)
    if text is None:
        return None
    if len(text) > _MAX_SIGNATURE:
        raise InvalidDocument("the signature of the result is too long")
    value = load_json(text.encode(), "the signature of the result")
    if not isinstance(value, dict):
        raise InvalidDocument("the signature of the result is not an object")
    return value
