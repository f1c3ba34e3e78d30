"""Candidate: what a store has that may be a signature or an attestation, as it was found and before it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from registry.model import Descriptor

__all__ = ["Candidate", "SignatureKind"]


class SignatureKind(Enum):
    """In which form something signed is kept, and so for whom."""

    BUNDLE = "bundle"
    """A sigstore bundle that refers to the artifact: cosign 3."""

    LEGACY = "legacy"
    """Under the artifact's ``.sig`` or ``.att`` tag: cosign 2 and podman."""

    NOTATION = "notation"
    """A signature of the Notary Project that refers to the artifact."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The bytes of one layer, with its media type and what it is annotated with.

    ``manifest`` is where it was found, if it comes from a store; content has the digest it is listed with.
    ``declared`` is of which predicate type the manifest says that it is, which nobody has signed.
    """

    kind: SignatureKind
    media_type: str
    content: bytes
    manifest: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    declared: str | None = None
