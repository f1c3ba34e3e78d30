"""Envelope: what a Notary Project signature says, whichever way it is encoded (``jws``, ``cose``).

The rules on headers are the same for both encodings and are here (Notary Project, "Signature
Specification", "Signature Envelope"); what the payload says is ``payload``'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from registry.errors import InvalidDocument
from wasmbuild.trust.algorithms import VerifyingKey
from wasmbuild.trust.pem import MAX_CERTIFICATES
from wasmbuild.trust.proof import Rejected, Terms
from wasmbuild.trust.statement import NOTARY_SIGN

__all__ = [
    "AGENT",
    "ALGORITHM",
    "AUTHENTIC_TIME",
    "CONTENT_TYPE",
    "COSE",
    "CRITICAL",
    "EXPIRY",
    "JWS",
    "MAX_ENVELOPE",
    "SCHEME",
    "SIGNING_TIME",
    "TIMESTAMP",
    "X509",
    "X509_AUTHORITY",
    "Envelope",
    "algorithm_for",
    "from_der",
    "read_chain_header",
    "read_terms",
    "read_timestamp_header",
    "to_der",
]

JWS = "application/jose+json"
COSE = "application/cose"

MAX_ENVELOPE = 1024 * 1024
"""Bytes of an envelope that we read; one has a chain of certificates, and perhaps a timestamp."""

ALGORITHM, CRITICAL, CONTENT_TYPE = "alg", "crit", "cty"
SCHEME = "io.cncf.notary.signingScheme"
SIGNING_TIME = "io.cncf.notary.signingTime"
AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime"
EXPIRY = "io.cncf.notary.expiry"
AGENT = "io.cncf.notary.signingAgent"
TIMESTAMP = "io.cncf.notary.timestampSignature"
X509 = "notary.x509"
X509_AUTHORITY = "notary.x509.signingAuthority"

_UNDERSTOOD = frozenset({SCHEME, EXPIRY, AUTHENTIC_TIME})
"""What may be marked as critical."""

_EC = {256: "ES256", 384: "ES384", 521: "ES512"}
_RSA = {2048: "PS256", 3072: "PS384", 4096: "PS512"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, and a signature of it.

    ``signature`` is as JOSE and COSE have it (r and s of ECDSA beside each other) and over ``message``;
    ``algorithm`` is called as JOSE calls it; ``chain`` are certificates in DER, the signer's first;
    ``timestamp`` is a token over the signature (RFC 3161), not looked into.
    """

    payload: bytes
    message: bytes
    signature: bytes
    algorithm: str
    terms: Terms
    chain: tuple[bytes, ...]
    timestamp: bytes | None = None


def algorithm_for(key: VerifyingKey) -> str | None:
    """How a key signs for the Notary Project; None for a key that it does not take."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _EC.get(key.key_size)
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA.get(key.key_size)
    return None


def read_terms(headers: Mapping[str, Any], read_time: Callable[[Any], datetime]) -> Terms:
    """What protected headers say of the signature; all that must be marked as critical is, and nothing unknown is.

    ``read_time`` raises InvalidDocument, as this does; Rejected is for what cannot be taken.
    """
    if headers.get(CONTENT_TYPE) != NOTARY_SIGN:
        raise Rejected("it is not over a payload of the Notary Project")
    scheme = headers.get(SCHEME)
    if scheme not in (X509, X509_AUTHORITY):
        raise Rejected("its signing scheme is not known")
    of_authority = scheme == X509_AUTHORITY
    _check_critical(headers, {SCHEME, *([AUTHENTIC_TIME] if of_authority else []), *({EXPIRY} & headers.keys())})
    wanted, other = (AUTHENTIC_TIME, SIGNING_TIME) if of_authority else (SIGNING_TIME, AUTHENTIC_TIME)
    if wanted not in headers or other in headers:
        raise InvalidDocument(f"the envelope does not have the time that goes with {scheme}")
    signed_at = read_time(headers[wanted])
    expires_at = read_time(headers[EXPIRY]) if EXPIRY in headers else None
    if expires_at is not None and expires_at <= signed_at:
        raise InvalidDocument("the envelope expires before it is signed")
    return Terms(signed_at, expires_at, of_authority)


def _check_critical(headers: Mapping[str, Any], required: set[str]) -> None:
    named = headers.get(CRITICAL)
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise InvalidDocument("the envelope does not say which of its headers are critical")
    if len(set(named)) != len(named) or not required <= set(named):
        raise InvalidDocument("the envelope does not mark as critical what must be")
    if not set(named) <= _UNDERSTOOD & headers.keys():
        raise Rejected("it asks for a header that is not known to be heeded")


def read_chain_header(value: Any, decode: Callable[[Any], bytes]) -> tuple[bytes, ...]:  # noqa: ANN401  (JSON or CBOR)
    """The certificates of a header, each by ``decode``, which raises ValueError. Raises InvalidDocument."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CERTIFICATES:
        raise InvalidDocument(f"the envelope does not have 1 to {MAX_CERTIFICATES} certificates")
    try:
        return tuple(decode(each) for each in value)
    except ValueError as error:
        raise InvalidDocument("a certificate in the envelope is malformed", cause=str(error)) from error


def read_timestamp_header(header: Mapping[Any, Any], decode: Callable[[Any], bytes]) -> bytes | None:
    """The timestamp of an unprotected header, if it has one; ``decode`` as above. Raises InvalidDocument."""
    if TIMESTAMP not in header:
        return None
    try:
        return decode(header[TIMESTAMP])
    except ValueError as error:
        raise InvalidDocument("the timestamp in the envelope is malformed", cause=str(error)) from error


def from_der(signature: bytes, key: VerifyingKey) -> bytes:
    """A signature by our signers, as an envelope has it."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    size = (key.key_size + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def to_der(signature: bytes, key: VerifyingKey) -> bytes:
    """A signature of an envelope, as our verifiers take it. Raises Rejected for one of another length."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    size = (key.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise Rejected("its signature does not have the length that goes with its key")
    return encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
