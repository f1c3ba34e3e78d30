"""Candidate: what a registry has that may be a signature, as it was found and before it is judged."""

from dataclasses import dataclass
from enum import Enum

from registry.model import Descriptor

__all__ = ["Candidate", "SignatureKind"]


class SignatureKind(Enum):
    """In which form a signature is written, and so for whom."""

    BUNDLE = "bundle"
    """A sigstore bundle that refers to the artifact: cosign 3."""

    LEGACY = "legacy"
    """A simple signature under the artifact's ``.sig`` tag: cosign 2 and podman."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bundle, or the payload of a simple signature with what its layer is annotated with.

    ``manifest`` is where it was found, if it comes from a store; content has the digest it is listed with.
    """

    kind: SignatureKind
    content: bytes
    manifest: Descriptor | None = None
    signature: str | None = None
    certified: bool = False
