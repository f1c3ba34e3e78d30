"""What entries of a transparency log say: which signature, over what, and made with which certificate.

Every kind that an artifact's signature can have is compared with the signature at hand, field by
field: an entry of another signature proves nothing (CVE-2022-23649, CVE-2022-36056, CVE-2026-22703).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from hashlib import new, sha256
from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import load_json
from wasmbuild.errors import InvalidKey
from wasmbuild.trust.algorithms import Algorithm
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.pem import read_certificates
from wasmbuild.trust.proof import Proof, Rejected

__all__ = ["check_entry"]

_DIGESTS = {Algorithm.P384: "sha384", Algorithm.P521: "sha512"}
_NAMES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}


def check_entry(body: bytes, kind: str, version: str, proof: Proof, key: PublicKey) -> None:
    """See that an entry is of a proof's signature, made with the certificate that came along.

    Raises Rejected.
    """
    compare = _KINDS.get((kind, version))
    if compare is None:
        raise Rejected(f"a log entry is of a kind that is not known: {kind[:50]!r} {version[:50]!r}")
    try:
        value = load_json(body, "the log entry")
        if (value["kind"], value["apiVersion"]) != (kind, version):
            raise Rejected("a log entry is of another kind than it says")
        same = compare(value["spec"], proof, key)
    except (InvalidDocument, InvalidKey, KeyError, TypeError, ValueError, IndexError) as error:
        raise Rejected("a log entry is malformed") from error
    if not same:
        raise Rejected("a log entry is of another signature")


def _hashedrekord_1(spec: Mapping[str, Any], proof: Proof, key: PublicKey) -> bool:
    hashed, signature = spec["data"]["hash"], spec["signature"]
    algorithm = _digest_of(key)
    return (
        hashed["algorithm"] == algorithm
        and hashed["value"] == new(algorithm, proof.message).hexdigest()
        and from_base64(signature["content"]) == proof.signature
        and _is_certificate(signature["publicKey"]["content"], proof)
    )


def _dsse_1(spec: Mapping[str, Any], proof: Proof, _: PublicKey) -> bool:
    (signature,) = spec["signatures"]
    return (
        _is_payload(spec["payloadHash"], proof)
        and from_base64(signature["signature"]) == proof.signature
        and _is_certificate(signature["verifier"], proof)
    )


def _intoto_2(spec: Mapping[str, Any], proof: Proof, _: PublicKey) -> bool:
    content = spec["content"]
    envelope = content["envelope"]
    (signature,) = envelope["signatures"]
    return (
        proof.envelope is not None
        and _is_payload(content["payloadHash"], proof)
        and envelope["payloadType"] == proof.envelope.payload_type
        and _twice(signature["sig"]) == proof.signature
        and _is_certificate(signature["publicKey"], proof)
    )


def _hashedrekord_2(spec: Mapping[str, Any], proof: Proof, key: PublicKey) -> bool:
    only = spec["hashedRekordV002"]
    algorithm = _digest_of(key)
    digest = new(algorithm, proof.message).digest()
    data = only["data"]
    same = data["algorithm"] == _NAMES[algorithm] and from_base64(data["digest"]) == digest
    return same and _is_verifier(only["signature"], proof)


def _dsse_2(spec: Mapping[str, Any], proof: Proof, _: PublicKey) -> bool:
    only = spec["dsseV002"]
    (signature,) = only["signatures"]
    hashed = only["payloadHash"]
    expected = sha256(proof.envelope.payload).digest() if proof.envelope else None
    same = hashed["algorithm"] == "SHA2_256" and from_base64(hashed["digest"]) == expected
    return same and _is_verifier(signature, proof)


_KINDS: dict[tuple[str, str], Callable[[Mapping[str, Any], Proof, PublicKey], bool]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("dsse", "0.0.1"): _dsse_1,
    ("intoto", "0.0.2"): _intoto_2,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.2"): _dsse_2,
}


def _digest_of(key: PublicKey) -> str:
    return _DIGESTS.get(key.algorithm, "sha256")


def _is_payload(hashed: Mapping[str, Any], proof: Proof) -> bool:
    if proof.envelope is None:
        return False
    return bool(hashed["algorithm"] == "sha256" and hashed["value"] == sha256(proof.envelope.payload).hexdigest())


def _is_certificate(text: Any, proof: Proof) -> bool:  # noqa: ANN401  (JSON, read here)
    """Whether base64 of a PEM file is the certificate that came along. Raises InvalidKey, ValueError."""
    return read_certificates(from_base64(text)) == proof.material.chain[:1]


def _is_verifier(signature: Mapping[str, Any], proof: Proof) -> bool:
    certificate = from_base64(signature["verifier"]["x509Certificate"]["rawBytes"])
    return (certificate,) == proof.material.chain[:1] and from_base64(signature["content"]) == proof.signature


def _twice(text: Any) -> bytes:  # noqa: ANN401  (JSON, read here)
    """A signature of an ``intoto`` entry, which is in base64 twice. Raises ValueError."""
    try:
        return base64.b64decode(from_base64(text), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
