"""Timestamps: that bytes were there at a time, by the word of a timestamp authority (RFC 3161).

A token is CMS (RFC 5652) with one signer. It is read by a strict reader of DER, and the signer is the
certificate that its issuer and serial number name, never another one (CVE-2026-39984).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.algorithms import algorithm_of
from wasmbuild.trust.der import BOOLEAN, INTEGER, OBJECT, OCTETS, SEQUENCE, SET, TIME, Element, read
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import issued_as

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["MAX_TIMESTAMP", "Timestamp"]

MAX_TIMESTAMP = 64 * 1024
"""Bytes of a timestamp that we read."""

_CONTEXT_0 = 0xA0

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")
_HASHES = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_RSA = frozenset(bytes.fromhex(f"2a864886f70d0101{last}") for last in ("01", "0b", "0c", "0d"))
_ECDSA = frozenset(bytes.fromhex(f"2a8648ce3d0403{last}") for last in ("02", "03", "04"))
_TIME = re.compile(rb"(\d{14})(?:\.(\d{1,6}\d*))?Z")
_GRANTED = (0, 1)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A timestamp, parsed, and believed by nobody yet.

    ``imprint`` is the hash of what was there at ``made_at``; ``certificates`` came along, in DER.
    ``issuer`` (DER) and ``serial`` name the certificate that signed.
    """

    imprint: bytes
    imprint_hash: hashes.HashAlgorithm
    made_at: datetime
    certificates: tuple[bytes, ...]
    issuer: bytes
    serial: int
    _signer: "_SignerInfo"

    @classmethod
    def parse_response(cls, der: bytes) -> Self:
        """Read a ``TimeStampResp`` that was granted. Raises Rejected."""
        try:
            parts = _bounded(der).items(SEQUENCE)
            status = parts[0].items(SEQUENCE)[0].number()
            if status not in _GRANTED or len(parts) != 2:
                raise Rejected("the timestamp was not granted")
            return cls._of(parts[1])
        except (ValueError, IndexError) as error:
            raise Rejected("a timestamp is malformed") from error

    @classmethod
    def parse_token(cls, der: bytes) -> Self:
        """Read a ``TimeStampToken`` alone, as signatures of the Notary Project hold it. Raises Rejected."""
        try:
            return cls._of(_bounded(der))
        except (ValueError, IndexError) as error:
            raise Rejected("a timestamp is malformed") from error

    @classmethod
    def _of(cls, token: Element) -> Self:
        kind, wrapped = token.items(SEQUENCE)
        if kind.expect(OBJECT).content != _SIGNED_DATA:
            raise ValueError("it is not signed data")
        fields = wrapped.only(_CONTEXT_0).items(SEQUENCE)
        content = _content(fields[2])
        (info,) = fields[-1].items(SET)
        certificates = [
            each.whole for field in fields[3:-1] if field.tag == _CONTEXT_0 for each in field.items(_CONTEXT_0)
        ]
        imprint_hash, imprint, made_at = _info(content)
        signer = _SignerInfo.parse(info, content)
        return cls(imprint, imprint_hash, made_at, tuple(certificates), signer.issuer, signer.serial, signer)

    def is_over(self, message: bytes) -> bool:
        """Whether it is a timestamp of these bytes."""
        return _digest(self.imprint_hash, message) == self.imprint

    def check_signed_by(self, certificate: "Certificate") -> None:
        """See that it was signed with a certificate, which it names. Raises Rejected.

        Whether the certificate may be trusted, and was valid then, is the caller's to see to.
        """
        if issued_as(certificate) != (self.issuer, self.serial):
            raise Rejected("a timestamp is signed with another certificate")
        self._signer.check(certificate)


@dataclass(frozen=True, slots=True)
class _SignerInfo:
    """Who signed, and what: ``signed`` are the attributes as they are signed, ``named`` the hash of the certificate."""

    issuer: bytes
    serial: int
    algorithm: bytes
    hash: hashes.HashAlgorithm
    signed: bytes
    signature: bytes
    named: tuple[str, bytes]

    @classmethod
    def parse(cls, info: Element, content: bytes) -> Self:
        """Read the signer's part, and see that it is over ``content``. Raises ValueError, IndexError, Rejected."""
        _, sid, digest_algorithm, attributes, algorithm, signature, *_ = info.items(SEQUENCE)
        issuer, serial = sid.items(SEQUENCE)
        chosen = _hash(digest_algorithm)
        found = _attributes(attributes)
        if found[_CONTENT_TYPE].expect(OBJECT).content != _TST_INFO:
            raise ValueError("what is signed is not a timestamp")
        if found[_MESSAGE_DIGEST].expect(OCTETS).content != _digest(chosen, content):
            raise Rejected("a timestamp was changed after it was signed")
        signed = bytes([SET]) + attributes.whole[1:]  # RFC 5652, section 5.4
        name = algorithm.items(SEQUENCE)[0].expect(OBJECT).content
        made = signature.expect(OCTETS).content
        return cls(issuer.whole, serial.number(), name, chosen, signed, made, _named(found))

    def check(self, certificate: "Certificate") -> None:
        """See that the signature is one of a certificate's key. Raises Rejected."""
        algorithm, expected = self.named
        if hashlib.new(algorithm, _der(certificate), usedforsecurity=False).digest() != expected:
            raise Rejected("a timestamp is signed with another certificate")
        try:
            self._check(certificate)
        except InvalidKey as error:
            raise Rejected(f"a timestamp is signed with a key that does not count: {error}") from error
        except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
            raise Rejected("the signature of a timestamp is not valid") from error

    def _check(self, certificate: "Certificate") -> None:
        key = certificate.public_key()
        algorithm_of(key)
        if isinstance(key, rsa.RSAPublicKey) and self.algorithm in _RSA:
            key.verify(self.signature, self.signed, padding.PKCS1v15(), self.hash)
        elif isinstance(key, ec.EllipticCurvePublicKey) and self.algorithm in _ECDSA:
            key.verify(self.signature, self.signed, ec.ECDSA(self.hash))
        else:
            raise Rejected("a timestamp is signed in a way that is not known")


def _bounded(der: bytes) -> Element:
    if len(der) > MAX_TIMESTAMP:
        raise Rejected(f"a timestamp is larger than {MAX_TIMESTAMP} bytes")
    return read(der)


def _content(encapsulated: Element) -> bytes:
    """The TSTInfo that is signed, in DER."""
    kind, wrapped = encapsulated.items(SEQUENCE)
    if kind.expect(OBJECT).content != _TST_INFO:
        raise ValueError("what is signed is not a timestamp")
    return wrapped.only(_CONTEXT_0).expect(OCTETS).content


def _info(content: bytes) -> tuple[hashes.HashAlgorithm, bytes, datetime]:
    """The hash and the time of a ``TSTInfo`` (RFC 3161, section 2.4.2)."""
    version, policy, imprint, serial, made, *rest = read(content).items(SEQUENCE)
    policy.expect(OBJECT)
    serial.expect(INTEGER)
    if version.number() != 1 or any(each.tag not in {SEQUENCE, BOOLEAN, INTEGER, _CONTEXT_0} for each in rest):
        raise ValueError("it is not of version 1")
    algorithm, digest = imprint.items(SEQUENCE)
    return _hash(algorithm), digest.expect(OCTETS).content, _time(made.expect(TIME).content)


def _time(text: bytes) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("the time is malformed")
    moment = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return moment.replace(microsecond=int((found[2] or b"0")[:6].ljust(6, b"0")))


def _attributes(element: Element) -> dict[bytes, Element]:
    """The signed attributes, each of which may be there once and has one value."""
    found: dict[bytes, Element] = {}
    for attribute in element.items(_CONTEXT_0):
        kind, values = attribute.items(SEQUENCE)
        if kind.expect(OBJECT).content in found:
            raise ValueError("an attribute is there twice")
        found[kind.content] = values.only(SET)
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= found.keys():
        raise ValueError("an attribute is missing")
    return found


def _named(attributes: dict[bytes, Element]) -> tuple[str, bytes]:
    """The hash of the signer's certificate and its name (RFC 5816, RFC 2634): one of the two must be there."""
    current, old = attributes.get(_SIGNING_CERTIFICATE_V2), attributes.get(_SIGNING_CERTIFICATE)
    if current is not None:
        first, *rest = current.items(SEQUENCE)[0].items(SEQUENCE)[0].items(SEQUENCE)
        if first.tag == SEQUENCE:
            return _hash(first).name, rest[0].expect(OCTETS).content
        return "sha256", first.expect(OCTETS).content
    if old is not None:
        return "sha1", old.items(SEQUENCE)[0].items(SEQUENCE)[0].items(SEQUENCE)[0].expect(OCTETS).content
    raise ValueError("it does not name the certificate")


def _hash(algorithm: Element) -> hashes.HashAlgorithm:
    name = algorithm.items(SEQUENCE)[0].expect(OBJECT).content
    if name not in _HASHES:
        raise Rejected("a timestamp has a hash of a kind that is not accepted")
    return _HASHES[name]


def _digest(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    return hashlib.new(algorithm.name, data).digest()


def _der(certificate: "Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  (used here alone)

    return certificate.public_bytes(Encoding.DER)
