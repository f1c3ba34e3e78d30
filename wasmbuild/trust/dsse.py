"""DSSE: an envelope that signs a payload together with its type (Dead Simple Signing Envelope v1)."""

from dataclasses import dataclass
from typing import Any, Self

from registry.errors import InvalidDocument
from wasmbuild.trust.encoding import from_base64, to_base64

__all__ = ["DSSE", "Envelope", "pae"]

DSSE = "application/vnd.dsse.envelope.v1+json"
"""The media type of an envelope as a layer."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: the bytes that are really signed (DSSE protocol, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and its one signature (a bundle has no more)."""

    payload: bytes
    payload_type: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return pae(self.payload_type, self.payload)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (JSON, read here)
        """Read an envelope of exactly one signature, with nothing in it that is not known.

        Raises InvalidDocument.
        """
        if not isinstance(value, dict) or value.keys() != {"payload", "payloadType", "signatures"}:
            raise InvalidDocument("the envelope does not have payload, payloadType and signatures alone")
        signatures = value["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise InvalidDocument("the envelope does not have exactly one signature")
        signature = signatures[0]
        if not isinstance(signature, dict) or not {"sig"} <= signature.keys() <= {"sig", "keyid"}:
            raise InvalidDocument("the envelope's signature is malformed")
        if not isinstance(value["payloadType"], str):
            raise InvalidDocument("the envelope has a malformed payloadType")
        try:
            return cls(from_base64(value["payload"]), value["payloadType"], from_base64(signature["sig"]))
        except ValueError as error:
            raise InvalidDocument("the envelope's payload or signature is malformed", cause=str(error)) from error

    def to_json(self) -> dict[str, Any]:
        """The object for a bundle."""
        return {
            "payload": to_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": to_base64(self.signature)}],
        }
