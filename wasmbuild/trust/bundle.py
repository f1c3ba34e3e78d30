"""Bundle: a signed envelope and what is needed to verify it (sigstore bundle, version 0.3).

Only DSSE content is read and written: a bundle that signs a bare digest says nothing about an
artifact in a registry. Certificates, log entries and timestamps are handed on and not looked into.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from registry.errors import InvalidDocument
from registry.strictjson import canonical_json, load_json
from wasmbuild.trust.dsse import Envelope
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.proof import Material

__all__ = ["BUNDLE", "BUNDLE_TYPES", "MAX_BUNDLE", "MEDIA_TYPES", "Bundle", "material_of"]

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

BUNDLE_TYPES = "application/vnd.dev.sigstore.bundle"
"""How the media types of all versions begin."""

MAX_BUNDLE = 24 * 1024 * 1024
"""Bytes of a bundle that we read: one that attests an SBOM of 16 MiB fits. cosign's own bound is 128 MiB."""

MEDIA_TYPES = (BUNDLE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
"""Of version 0.3, now and formerly."""

_MATERIAL = frozenset({"publicKey", "certificate", "tlogEntries", "timestampVerificationData"})
_MAX_LOG_ENTRIES = 32
_MAX_TIMES = 32


@dataclass(frozen=True, slots=True)
class Bundle:
    """An envelope, and what is needed to verify it: the hint of a key, or a certificate."""

    envelope: Envelope
    material: Material = field(default_factory=Material)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a bundle strictly: version 0.3, DSSE, one signature, nothing unknown.

        Raises InvalidDocument.
        """
        if len(data) > MAX_BUNDLE:
            raise InvalidDocument(f"the bundle is larger than {MAX_BUNDLE} bytes")
        value = load_json(data, "the bundle")
        if not isinstance(value, dict):
            raise InvalidDocument("the bundle is not an object")
        if value.get("mediaType") not in MEDIA_TYPES:
            raise InvalidDocument("the bundle is not of version 0.3", cause=repr(value.get("mediaType"))[:100])
        if "messageSignature" in value:
            raise InvalidDocument("the bundle signs a bare digest, and an artifact needs a DSSE envelope")
        if value.keys() != {"mediaType", "verificationMaterial", "dsseEnvelope"}:
            raise InvalidDocument("the bundle has fields that are not known, or lacks some")
        return cls(Envelope.from_json(value["dsseEnvelope"]), material_of(value["verificationMaterial"]))

    def encode(self) -> bytes:
        """The bytes of a bundle that a key signed.

        Raises ValueError when it has no key hint: bundles of certificates are read, not written.
        """
        if self.material.key_hint is None:
            raise ValueError("a bundle without a key hint cannot be written")
        return canonical_json(
            {
                "mediaType": BUNDLE,
                "verificationMaterial": {"publicKey": {"hint": self.material.key_hint}},
                "dsseEnvelope": self.envelope.to_json(),
            }
        )


def material_of(value: Any) -> Material:  # noqa: ANN401  (JSON, read here)
    """What a bundle says of the signer, its ``verificationMaterial``. Raises InvalidDocument."""
    if not isinstance(value, dict) or not value.keys() <= _MATERIAL:
        raise InvalidDocument("the bundle's verification material has fields that are not known")
    if ("publicKey" in value) == ("certificate" in value):
        raise InvalidDocument("the bundle does not have either a public key or a certificate")
    entries = _listed(value.get("tlogEntries"), _MAX_LOG_ENTRIES)
    timestamps = value.get("timestampVerificationData") or {}
    if not isinstance(timestamps, dict) or not timestamps.keys() <= {"rfc3161Timestamps"}:
        raise InvalidDocument("the bundle's timestamps are malformed")
    times = tuple(_bytes(each, "signedTimestamp") for each in _listed(timestamps.get("rfc3161Timestamps"), _MAX_TIMES))
    if "publicKey" in value:
        return Material(_hint(value["publicKey"]), (), entries, times)
    if any(entry.get("inclusionProof") is None for entry in entries):
        raise InvalidDocument("a log entry of the bundle has no proof of inclusion")
    return Material(None, (_bytes(value["certificate"], "rawBytes"),), entries, times)


def _listed(entries: Any, limit: int) -> tuple[dict[str, Any], ...]:  # noqa: ANN401  (JSON, read here)
    if entries is None:
        return ()
    if not isinstance(entries, list) or len(entries) > limit or not all(isinstance(each, dict) for each in entries):
        raise InvalidDocument(f"the bundle has a malformed list, or one of more than {limit} entries")
    return tuple(entries)


def _hint(value: Any) -> str:  # noqa: ANN401  (JSON, read here)
    if not isinstance(value, dict) or not value.keys() <= {"hint"}:
        raise InvalidDocument("the bundle's public key is malformed")
    hint = value.get("hint", "")
    if not isinstance(hint, str) or len(hint) > 1024:
        raise InvalidDocument("the bundle's key hint is malformed")
    return hint


def _bytes(value: Any, name: str) -> bytes:  # noqa: ANN401  (JSON, read here)
    if not isinstance(value, dict) or value.keys() != {name}:
        raise InvalidDocument("the bundle's certificate or timestamp is malformed")
    try:
        return from_base64(value[name])
    except ValueError as error:
        raise InvalidDocument("the bundle's certificate or timestamp is malformed", cause=str(error)) from error
