"""Descriptor, Manifest, Index: the documents of the OCI image-spec 1.1, frozen.

Parsed at the edge and strictly; fields that we do not know survive a round trip. The bytes of a
document are decided by :func:`registry.strictjson.canonical_json` and by nothing else. What was received keeps the
bytes it came with: stores hold those, and never what a parsed document would be written as.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from registry.digest import Digest
from registry.errors import InvalidDigest, InvalidDocument
from registry.strictjson import Json, canonical_json, load_json

__all__ = [
    "CREATED",
    "DOCKER_LIST",
    "DOCKER_MANIFEST",
    "EMPTY",
    "EMPTY_BYTES",
    "INDEX_TYPES",
    "MANIFEST_TYPES",
    "MAX_MANIFEST",
    "OCI_EMPTY",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "OCTETS",
    "TITLE",
    "Descriptor",
    "Index",
    "Manifest",
    "describe",
    "is_document",
    "parse_document",
]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
OCTETS = "application/octet-stream"
"""The media type of what nothing else is known about (RFC 2046 section 4.5.1)."""
CREATED = "org.opencontainers.image.created"
TITLE = "org.opencontainers.image.title"

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes of a manifest or index that we read; what registries must accept (distribution-spec 1.1)."""

_MAX_ENTRIES = 10_000
_MAX_SIZE = 2**63 - 1
_PROPERTIES = frozenset(
    {
        *("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"),
        *("digest", "size", "urls", "data", "platform", "architecture", "os", "os.version", "os.features", "variant"),
    }
)
"""The names that the image-spec gives a meaning to: manifest.md, image-index.md, descriptor.md."""
_FOLDED = {name.casefold(): name for name in _PROPERTIES}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Which bytes, how many, of which kind (image-spec, descriptor.md). ``size`` is in bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Json, where: str = "descriptor") -> Self:
        """Read one descriptor; ``where`` names it in an error.

        Raises InvalidDocument.
        """
        fields = _Fields(value, where)
        try:
            digest = Digest.parse(fields.text("digest"))
        except InvalidDigest as error:
            raise InvalidDocument(f"{where} has a malformed digest", cause=str(error)) from error
        return cls(
            media_type=fields.text("mediaType"),
            digest=digest,
            size=fields.size("size"),
            annotations=fields.annotations(),
            artifact_type=fields.optional_text("artifactType"),
            extra=fields.rest(),
        )

    def to_json(self) -> dict[str, Json]:
        """The object for a manifest or an index."""
        value: dict[str, Json] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(sorted(self.annotations.items()))
        return value | dict(self.extra)

    def plain(self) -> "Descriptor":
        """Type, digest and size alone: what a ``subject`` holds."""
        return Descriptor(self.media_type, self.digest, self.size)


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest: a config, layers, perhaps a subject (image-spec, manifest.md)."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = OCI_MANIFEST
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What a referrers list calls the artifact type: ours, else the config's media type."""
        return self.artifact_type or self.config.media_type

    @property
    def successors(self) -> tuple[Descriptor, ...]:
        """What it needs to be whole: config and layers. The subject is not among them."""
        return (self.config, *self.layers)

    def encode(self) -> bytes:
        """The bytes of a manifest that we make."""
        value = _head(self.media_type, self.artifact_type)
        value["config"] = self.config.to_json()
        value["layers"] = [layer.to_json() for layer in self.layers]
        return canonical_json(value | _tail(self.subject, self.annotations, self.extra))


@dataclass(frozen=True, slots=True)
class Index:
    """An image index: a list of manifests (image-spec, image-index.md)."""

    manifests: tuple[Descriptor, ...]
    media_type: str = OCI_INDEX
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """What a referrers list calls the artifact type; None when it has none."""
        return self.artifact_type

    @property
    def successors(self) -> tuple[Descriptor, ...]:
        """The manifests it lists."""
        return self.manifests

    def encode(self) -> bytes:
        """The bytes of an index that we make."""
        value = _head(self.media_type, self.artifact_type)
        value["manifests"] = [manifest.to_json() for manifest in self.manifests]
        return canonical_json(value | _tail(self.subject, self.annotations, self.extra))


def is_document(media_type: str) -> bool:
    """Whether content of this type is a manifest or an index, and so has successors."""
    return media_type in MANIFEST_TYPES or media_type in INDEX_TYPES


def describe(media_type: str, data: bytes, algorithm: str = "sha256") -> Descriptor:
    """The descriptor of bytes held in memory."""
    return Descriptor(media_type, Digest.of(data, algorithm), len(data))


EMPTY_BYTES = b"{}"
EMPTY = describe(OCI_EMPTY, EMPTY_BYTES)
"""The empty descriptor of the image-spec ("Guidance for an Empty Descriptor")."""


def parse_document(data: bytes, media_type: str) -> Manifest | Index:
    """Read a manifest or an index that is said to be of ``media_type``.

    Raises InvalidDocument when it is neither, when it names another type than it came with, or when
    it could be read as both (CVE-2021-41190).
    """
    if media_type not in MANIFEST_TYPES | INDEX_TYPES:
        raise InvalidDocument(f"{media_type!r} is not the type of a manifest or an index")
    if len(data) > MAX_MANIFEST:
        raise InvalidDocument(f"the manifest has {len(data)} bytes, more than {MAX_MANIFEST}")
    fields = _Fields(load_json(data, "the manifest"), "the manifest")
    if fields.take("schemaVersion") != 2:
        raise InvalidDocument("the manifest does not have schemaVersion 2")
    declared = fields.optional_text("mediaType")
    if declared not in (None, media_type):
        raise InvalidDocument("the manifest is of another type than it came with", cause=f"{declared} in {media_type}")
    return _manifest(fields, media_type) if media_type in MANIFEST_TYPES else _index(fields, media_type)


def _manifest(fields: "_Fields", media_type: str) -> Manifest:
    if "manifests" in fields.left:
        raise InvalidDocument("the manifest has 'manifests', as only an index may")
    return Manifest(
        config=Descriptor.from_json(fields.take("config"), "the config's descriptor"),
        layers=fields.descriptors("layers", "layer"),
        media_type=media_type,
        artifact_type=fields.optional_text("artifactType"),
        subject=fields.subject(),
        annotations=fields.annotations(),
        extra=fields.rest(),
    )


def _index(fields: "_Fields", media_type: str) -> Index:
    if fields.left.keys() & {"config", "layers"}:
        raise InvalidDocument("the index has a config or layers, as only a manifest may")
    return Index(
        manifests=fields.descriptors("manifests", "manifest"),
        media_type=media_type,
        artifact_type=fields.optional_text("artifactType"),
        subject=fields.subject(),
        annotations=fields.annotations(),
        extra=fields.rest(),
    )


def _head(media_type: str, artifact_type: str | None) -> dict[str, Json]:
    value: dict[str, Json] = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type is not None:
        value["artifactType"] = artifact_type
    return value


def _tail(subject: Descriptor | None, annotations: Mapping[str, str], extra: Mapping[str, Json]) -> dict[str, Json]:
    value: dict[str, Json] = {}
    if subject is not None:
        value["subject"] = subject.to_json()
    if annotations:
        value["annotations"] = dict(sorted(annotations.items()))
    return value | dict(extra)


class _Fields:
    """The fields of one JSON object, taken one by one, so that what is left over is unknown."""

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise InvalidDocument(f"{where} is not an object")
        self.left: dict[str, Json] = dict(value)
        self.where = where
        self._check_names(value)
        if isinstance(platform := value.get("platform"), dict):
            self._check_names(platform)

    def _check_names(self, names: Iterable[str]) -> None:
        # Readers in Go take "Layers" for "layers", and the last of both: what we verify, another would not run.
        for name in names:
            if name not in _PROPERTIES and (meant := _FOLDED.get(name.casefold())):
                raise InvalidDocument(
                    f"{self.where} has {name!r}, which some readers take for {meant!r}",
                    cause="only its letters' case differs",
                )

    def take(self, name: str) -> Json:
        return self.left.pop(name, None)

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text")
        return value

    def optional_text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value or None

    def size(self, name: str) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_SIZE:
            raise self._wrong(name, "a number of bytes")
        return value

    def annotations(self) -> dict[str, str]:
        value = self.take("annotations")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self._wrong("annotations", "an object of texts")
        return value

    def subject(self) -> Descriptor | None:
        value = self.take("subject")
        return None if value is None else Descriptor.from_json(value, "the subject's descriptor")

    def descriptors(self, name: str, each: str) -> tuple[Descriptor, ...]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        if len(value) > _MAX_ENTRIES:
            raise InvalidDocument(f"{self.where} lists more than {_MAX_ENTRIES} {name}")
        return tuple(Descriptor.from_json(item, f"{each} {number}") for number, item in enumerate(value, start=1))

    def rest(self) -> dict[str, Json]:
        return self.left

    def _wrong(self, name: str, expected: str) -> InvalidDocument:
        return InvalidDocument(f"{self.where} has a malformed '{name}'", cause=f"it must be {expected}")
