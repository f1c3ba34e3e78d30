"""ResourceDescriptor: how in-toto names something that took part, by where it is from and its digests.

Source of the fields: in-toto attestation, "ResourceDescriptor". What we neither write nor need is passed over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from wasmbuild.errors import InvalidAttestation

__all__ = ["MAX_TEXT", "Resource", "texts_of"]

MAX_TEXT = 4096
"""Characters of any text in it."""

_MAX_DIGESTS = 16
_MAX_ANNOTATIONS = 64
_DIGEST = re.compile(r"[0-9A-Za-z+/=:_-]{1,512}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing: a URI, a name, digests by algorithm, and what else is said of it, texts by name."""

    uri: str | None = None
    name: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (JSON, read here)
        """Read one. Raises InvalidAttestation."""
        if not isinstance(value, dict):
            raise InvalidAttestation("the provenance names a dependency that is no object")
        uri, name = value.get("uri"), value.get("name")
        if not all(each is None or (isinstance(each, str) and len(each) <= MAX_TEXT) for each in (uri, name)):
            raise InvalidAttestation("the provenance names a dependency with a malformed uri or name")
        digests = texts_of(value.get("digest", {}), "digest", _MAX_DIGESTS)
        if not all(map(_DIGEST.fullmatch, digests.values())):
            raise InvalidAttestation("the provenance names a dependency with a malformed digest")
        if uri is None and not digests:
            raise InvalidAttestation("the provenance names a dependency with neither uri nor digest")
        return cls(uri, name, digests, texts_of(value.get("annotations", {}), "annotations", _MAX_ANNOTATIONS))

    def to_json(self) -> dict[str, Any]:
        """The object, without the fields that are empty."""
        said = {
            "uri": self.uri,
            "name": self.name,
            "digest": dict(self.digests),
            "annotations": dict(self.annotations),
        }
        return {name: value for name, value in said.items() if value not in (None, {})}


def texts_of(value: Any, what: str, most: int) -> dict[str, str]:  # noqa: ANN401  (JSON, read here)
    """Texts by name, at most ``most`` of them. Raises InvalidAttestation."""
    if not isinstance(value, dict) or len(value) > most:
        raise InvalidAttestation(f"the provenance has a malformed {what}")
    if not all(isinstance(text, str) and max(len(name), len(text)) <= MAX_TEXT for name, text in value.items()):
        raise InvalidAttestation(f"the provenance has a malformed {what}")
    return dict(value)
