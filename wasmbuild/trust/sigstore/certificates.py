"""Certificates: the chain above a signer's, at a moment, and what the signer's says of them (RFC 5280).

The chain is the one that a trusted root lists, in its order: nothing is searched for, and nothing that
came with a signature is trusted. The numbers of Fulcio's extensions are from its ``oid-info``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.der import SEQUENCE, UTF8, read
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Rejected

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "CODE_SIGNING",
    "TIME_STAMPING",
    "Named",
    "check_chain",
    "check_usage",
    "is_authority",
    "issued_as",
    "named_in",
    "parse_certificate",
    "public_key_of",
]

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING

_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ISSUER_RAW = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_OTHER_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
_MAX_CERTIFICATE = 64 * 1024
_MAX_NAME = 4096
_VERSION = 0xA0
_MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a certificate is for, and who has seen to that: an OpenID issuer, as a URL."""

    identity: str
    issuer: str


def parse_certificate(der: bytes) -> "Certificate":
    """A certificate, with all its extensions read once. Raises Rejected for a malformed one."""
    if len(der) > _MAX_CERTIFICATE:
        raise Rejected(f"a certificate is larger than {_MAX_CERTIFICATE} bytes")
    try:
        _check_serial(der)
        certificate = x509.load_der_x509_certificate(der)
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in _UNDERSTOOD:
                raise Rejected(
                    f"a certificate has a critical extension that is not known: {extension.oid.dotted_string}"
                )
    except _MALFORMED as error:
        raise Rejected("a certificate is malformed") from error
    return certificate


def _check_serial(der: bytes) -> None:
    """That the serial number is positive (RFC 5280, 4.1.2.2); the library warns of others. Raises ValueError."""
    first, second = read(der).items(SEQUENCE)[0].items(SEQUENCE)[:2]
    if (second if first.tag == _VERSION else first).number() < 1:
        raise ValueError("the serial number is not positive")


def public_key_of(certificate: "Certificate") -> PublicKey:
    """Its key. Raises Rejected for one of a kind that we do not use."""
    try:
        return PublicKey.of(certificate.public_key())
    except (*_MALFORMED, InvalidKey) as error:
        raise Rejected("a certificate has a key of a kind that is not supported") from error


def check_chain(
    leaf: "Certificate", above: Sequence["Certificate"], moment: datetime, purpose: x509.ObjectIdentifier
) -> None:
    """See that each certificate is issued by the next, the last by itself, and all of them valid at a moment.

    The validity of every one counts (CVE-2026-24122), and an authority that says what its certificates
    are for issues none for another ``purpose``. Raises Rejected.
    """
    _check_time(leaf, moment)
    for depth, (below, issuer) in enumerate(zip([leaf, *above], above, strict=False)):
        _check_time(issuer, moment)
        _check_issuer(issuer, depth, purpose)
        _check_issued(below, issuer)
    if not above:
        raise Rejected("nobody stands above the certificate")
    _check_issued(above[-1], above[-1])


def check_usage(leaf: "Certificate", purpose: x509.ObjectIdentifier, what: str) -> None:
    """See that a certificate signs data, for a purpose, and issues none; timestamps alone, if it makes them (RFC 3161).

    Raises Rejected.
    """
    usage = _extension(leaf, x509.KeyUsage)
    if is_authority(leaf):
        raise Rejected("the certificate is an authority's")
    if usage is None or not usage.digital_signature:
        raise Rejected("the certificate is not for signatures")
    if not _is_for(leaf, purpose):
        raise Rejected(f"the certificate is not for {what}")


def _is_for(leaf: "Certificate", purpose: x509.ObjectIdentifier) -> bool:
    """Whether that is a purpose of it; timestamps must be its only one, and critical (RFC 3161, section 2.3)."""
    try:
        extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    if purpose == TIME_STAMPING:
        return extended.critical and list(extended.value) == [purpose]
    return purpose in extended.value


def issued_as(certificate: "Certificate") -> tuple[bytes, int]:
    """The name of its issuer, in DER, and its serial number: what CMS calls it by (RFC 5652, section 10.2.4).

    Raises Rejected.
    """
    try:
        fields = read(certificate.tbs_certificate_bytes).items(SEQUENCE)
    except ValueError as error:
        raise Rejected("a certificate is malformed") from error
    return fields[3 if fields[0].tag == _VERSION else 2].whole, certificate.serial_number


def is_authority(certificate: "Certificate") -> bool:
    """Whether it may issue others."""
    basic = _extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def named_in(leaf: "Certificate") -> Named:
    """Whom a certificate of Fulcio's is for. Raises Rejected when it does not say exactly one, and an issuer."""
    names = _extension(leaf, x509.SubjectAlternativeName)
    if names is None or len(names) != 1:
        raise Rejected("the certificate does not name exactly one identity")
    return Named(_identity(next(iter(names))), _issuer(leaf))


def _identity(name: x509.GeneralName) -> str:
    if isinstance(name, x509.UniformResourceIdentifier | x509.RFC822Name):
        return _bounded(name.value)
    if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME:
        return _bounded(_utf8(name.value))
    raise Rejected("the certificate names an identity of a kind that is not known")


def _issuer(leaf: "Certificate") -> str:
    current, raw = _raw(leaf, _ISSUER), _raw(leaf, _ISSUER_RAW)
    if current is None and raw is None:
        raise Rejected("the certificate does not say who vouches for the identity")
    said = {_utf8(current)} if current is not None else set()
    if raw is not None:
        said.add(_decoded(raw))
    if len(said) != 1:
        raise Rejected("the certificate says in two ways who vouches for the identity, and they differ")
    return _bounded(said.pop())


def _utf8(der: bytes) -> str:
    try:
        return _decoded(read(der).expect(UTF8).content)
    except ValueError as error:
        raise Rejected("the certificate has a malformed text") from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Rejected("the certificate has a malformed text") from error


def _bounded(text: str) -> str:
    if not 0 < len(text) <= _MAX_NAME:
        raise Rejected(f"the certificate has a name that is empty, or longer than {_MAX_NAME}")
    return text


def _raw(leaf: "Certificate", oid: x509.ObjectIdentifier) -> bytes | None:
    try:
        value = leaf.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None


def _extension(certificate: "Certificate", kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _check_time(certificate: "Certificate", moment: datetime) -> None:
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise Rejected(f"a certificate of the chain was not valid at {moment.isoformat()}")


def _check_issuer(issuer: "Certificate", depth: int, purpose: x509.ObjectIdentifier) -> None:
    """That it may issue, with ``depth`` authorities between it and the signer's (RFC 5280, 4.2.1.9)."""
    basic = _extension(issuer, x509.BasicConstraints)
    usage = _extension(issuer, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        raise Rejected("a certificate of the chain is not an authority's")
    extended = _extension(issuer, x509.ExtendedKeyUsage)
    if _extension(issuer, x509.NameConstraints) is not None:
        raise Rejected("a certificate of the chain constrains names, which is not understood")
    if extended is not None and purpose not in extended:
        raise Rejected("a certificate of the chain is an authority's for another purpose")
    if basic.path_length is not None and depth > basic.path_length:
        raise Rejected("the chain is longer than an authority in it allows")


def _check_issued(below: "Certificate", issuer: "Certificate") -> None:
    try:
        below.verify_directly_issued_by(issuer)
    except (*_MALFORMED, InvalidSignature) as error:
        raise Rejected("a certificate is not issued by the one that the trusted root has above it") from error
