"""Proof: a signature over bytes, with what came along for whoever checks it. Nothing in it is trusted yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from wasmbuild.trust.dsse import Envelope

__all__ = ["Material", "Proof", "Rejected", "Scheme", "Terms"]


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
    ``TransparencyLogEntry``), and ``timestamps`` RFC 3161 responses in DER, or tokens alone where the scheme
    is NOTARY.
    """

    key_hint: str | None = None
    chain: tuple[bytes, ...] = ()
    log_entries: tuple[Mapping[str, Any], ...] = ()
    timestamps: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a signature of the Notary Project says of itself, which its signer has signed.

    ``signed_at`` is the word of a signing authority if it is ``of_authority``, and else of the signer alone.
    """

    signed_at: datetime
    expires_at: datetime | None = None
    of_authority: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """``signature`` is over ``message``: DER for ECDSA. ``envelope`` is what ``message`` encodes, if it is DSSE."""

    message: bytes
    signature: bytes
    material: Material = field(default_factory=Material)
    scheme: Scheme = Scheme.COSIGN
    envelope: Envelope | None = None
    terms: Terms | None = None
