"""Simple signing: the text that cosign 2, podman and Harbor verify, and the layer that holds it.

The text is cosign's SIGNATURE_SPEC in the bytes that its Go code writes. Where the layers are kept is
``sigtag``'s, and who is trusted ``verifier``'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from registry.digest import Digest
from registry.errors import InvalidDigest, InvalidDocument
from registry.model import Descriptor, describe
from registry.strictjson import canonical_json, load_json
from wasmbuild.trust.encoding import to_base64

__all__ = ["CERTIFICATE", "CHAIN", "MAX_PAYLOAD", "SIGNATURE", "SIMPLE_SIGNING", "Payload", "signed_layer"]

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
"""The media type of a layer that is a payload."""

SIGNATURE = "dev.cosignproject.cosign/signature"
"""The annotation of that layer that is the signature, in base64."""

CERTIFICATE = "dev.sigstore.cosign/certificate"
"""The annotation that is there when the signature was made with a certificate: that one, as PEM."""

CHAIN = "dev.sigstore.cosign/chain"
"""The annotation with the certificates above it."""

MAX_PAYLOAD = 64 * 1024
"""Bytes of a payload that we read and write; it holds two names, a digest and a few annotations."""

_TYPE = "cosign container image signature"
_ESCAPED = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Payload:
    """What is said of ``digest``: under which name it was signed, and what the signer added.

    ``name`` is ``host/repository`` when we write it. ``optional`` holds texts when we write it, and any
    JSON when others do.
    """

    digest: Digest
    name: str
    optional: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a payload of cosign's type, with nothing in its critical part that is not known.

        Raises InvalidDocument.
        """
        if len(data) > MAX_PAYLOAD:
            raise InvalidDocument(f"the payload is larger than {MAX_PAYLOAD} bytes")
        value = load_json(data, "the payload")
        if not isinstance(value, dict) or not {"critical"} <= value.keys() <= {"critical", "optional"}:
            raise InvalidDocument("the payload does not have critical and optional alone")
        critical = _object(value["critical"], "the critical part", "identity", "image", "type")
        identity = _object(critical["identity"], "the identity", "docker-reference")
        image = _object(critical["image"], "the image", "docker-manifest-digest")
        if critical["type"] != _TYPE:
            raise InvalidDocument("the payload is of another type", cause=repr(critical["type"])[:100])
        optional = value.get("optional")
        if optional is not None and not isinstance(optional, dict):
            raise InvalidDocument("the payload's optional part is not an object")
        name = identity["docker-reference"]
        if not isinstance(name, str):
            raise InvalidDocument("the payload has a malformed docker-reference")
        return cls(_digest(image["docker-manifest-digest"]), name, optional or {})

    def encode(self) -> bytes:
        """The bytes to sign: in the order, and with the escapes, of Go's ``encoding/json``."""
        critical = {
            "identity": {"docker-reference": self.name},
            "image": {"docker-manifest-digest": str(self.digest)},
            "type": _TYPE,
        }
        optional = dict(sorted(self.optional.items())) or None
        return canonical_json({"critical": critical, "optional": optional}).decode().translate(_ESCAPED).encode()


def signed_layer(payload: bytes, signature: bytes) -> Descriptor:
    """The layer that holds a payload and the signature over exactly its bytes."""
    plain = describe(SIMPLE_SIGNING, payload)
    return Descriptor(plain.media_type, plain.digest, plain.size, annotations={SIGNATURE: to_base64(signature)})


def _object(value: Any, what: str, *names: str) -> dict[str, Any]:  # noqa: ANN401  (JSON, read here)
    if not isinstance(value, dict) or value.keys() != set(names):
        raise InvalidDocument(f"{what} of the payload does not have {', '.join(names)} alone")
    return value


def _digest(value: Any) -> Digest:  # noqa: ANN401  (JSON, read here)
    try:
        return Digest.parse(value)
    except (InvalidDigest, TypeError, AttributeError) as error:
        raise InvalidDocument("the payload has a malformed digest") from error
