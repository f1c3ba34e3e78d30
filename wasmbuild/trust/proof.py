"""Proof: a signature over bytes, with what came along for whoever checks it. Nothing in it is trusted yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from wasmbuild.trust.dsse import Envelope

__all__ = ["Material", "Proof", "Rejected", "Scheme"]


class Rejected(Exception):
    """A signature that does not hold; the text is the reason, for a person."""


class Scheme(Enum):
    """How a key signs; it differs for RSA alone."""

    COSIGN = "cosign"
    """As ``algorithms`` has it: RSA as PKCS #1 v1.5 over SHA-256."""

    NOTARY = "notary"
    """As JOSE and COSE have it: RSA as PSS, with the hash that goes with the key's size."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the signer sent along.

    ``key_hint`` is what a bundle calls the key. ``chain`` are certificates in DER, the signer's first.
    ``log_entries`` are entries of transparency logs as a bundle holds them (protobuf JSON of
    ``TransparencyLogEntry``), and ``timestamps`` RFC 3161 responses in DER.
    """

    key_hint: str | None = None
    chain: tuple[bytes, ...] = ()
    log_entries: tuple[Mapping[str, Any], ...] = ()
    timestamps: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """``signature`` is over ``message``: DER for ECDSA. ``envelope`` is what ``message`` encodes, if it is DSSE."""

    message: bytes
    signature: bytes
    material: Material = field(default_factory=Material)
    scheme: Scheme = Scheme.COSIGN
    envelope: Envelope | None = None
