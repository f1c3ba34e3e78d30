"""Payload: the JSON that a Notary Project signature is over, which names one artifact by its descriptor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from registry.errors import InvalidDocument
from registry.model import Descriptor
from registry.strictjson import canonical_json, load_json

__all__ = ["RESERVED", "Payload"]

RESERVED = "io.cncf.notary"
"""How no annotation that a person signs may begin."""

_FIELDS = {"mediaType", "digest", "size"}


@dataclass(frozen=True, slots=True)
class Payload:
    """The artifact that is signed, and what its signer adds to it."""

    target: Descriptor
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one that has nothing else in it. Raises InvalidDocument."""
        value = load_json(data, "the signed payload")
        if not isinstance(value, dict) or value.keys() != {"targetArtifact"}:
            raise InvalidDocument("the signed payload does not have a target artifact alone")
        target = value["targetArtifact"]
        if not isinstance(target, dict) or not _FIELDS <= target.keys() <= _FIELDS | {"annotations"}:
            raise InvalidDocument("the target artifact does not have mediaType, digest and size alone")
        descriptor = Descriptor.from_json(target, "the target artifact")
        return cls(descriptor.plain(), descriptor.annotations)

    def encode(self) -> bytes:
        """The bytes to sign."""
        target: dict[str, Any] = self.target.plain().to_json()
        if self.annotations:
            target["annotations"] = dict(sorted(self.annotations.items()))
        return canonical_json({"targetArtifact": target})
