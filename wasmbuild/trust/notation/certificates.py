"""Certificates that sign code: the rules of the Notary Project for a chain, at one moment (RFC 5280).

From the signer's certificate to a root that is in the chain; whether that root is trusted is
``authority``'s to say. Nobody is asked whether a certificate has been revoked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from registry.errors import Failure
from registry.words import printable
from wasmbuild.trust.algorithms import VerifyingKey, algorithm_of
from wasmbuild.trust.notation.envelope import algorithm_for
from wasmbuild.trust.pem import MAX_CERTIFICATES
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import parse_certificate

__all__ = ["check_chain", "check_valid", "is_self_issued", "read_chain", "signing_key", "subject"]

_Value = TypeVar("_Value", bound=x509.ExtensionType)

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SMALLEST_RSA, _SMALLEST_EC = 2048, 256
_HEEDED = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
"""The critical extensions that are looked into; a certificate with another one is refused."""

_OTHER_USES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.TIME_STAMPING,
    ExtendedKeyUsageOID.OCSP_SIGNING,
}


@contextmanager
def _malformed() -> Iterator[None]:
    """Parts of a certificate are only read when somebody looks at them."""
    try:
        yield
    except (
        CryptographyDeprecationWarning,
        ValueError,
        TypeError,
        OverflowError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        Failure,
    ) as error:
        raise Rejected("a certificate of its chain is malformed, or of a kind that is not known") from error


def read_chain(chain: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Certificates in DER, at most 20. Raises Rejected."""
    if not 1 <= len(chain) <= MAX_CERTIFICATES:
        raise Rejected(f"it does not have 1 to {MAX_CERTIFICATES} certificates")
    return tuple(parse_certificate(each) for each in chain)


def signing_key(certificate: x509.Certificate) -> VerifyingKey:
    """The key that a certificate is for. Raises Rejected for a kind that the Notary Project does not take."""
    with _malformed():
        key = certificate.public_key()
        algorithm_of(key)
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) or algorithm_for(key) is None:
        raise Rejected(
            "its certificate's key is of a kind that is not taken: ECDSA and RSA of 2048, 3072 or 4096 bits are"
        )
    return key


def subject(certificate: x509.Certificate) -> str:
    """Whom a certificate is for, as RFC 4514 writes it, made safe to show. Raises Rejected."""
    with _malformed():
        return printable(certificate.subject.rfc4514_string())


def check_valid(chain: Sequence[x509.Certificate], moment: datetime) -> None:
    """That all certificates are valid at a moment, ends included. Raises Rejected."""
    for each in chain:
        if not each.not_valid_before_utc <= moment <= each.not_valid_after_utc:
            raise Rejected(
                f"the certificate of {subject(each)} is valid from {each.not_valid_before_utc:%Y-%m-%d %H:%M:%S} "
                f"to {each.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC, and not at {moment:%Y-%m-%d %H:%M:%S}"
            )


def check_chain(chain: Sequence[x509.Certificate]) -> None:
    """That a chain, the signer's certificate first and a root last, is one that may sign (but for its times).

    A certificate that signed itself may be all of it. Notary Project, "Certificate Requirements".
    Raises Rejected.
    """
    with _malformed():
        for each in chain:
            _check_kind(each)
        _check_signer(chain[0])
        for above, each in enumerate(chain[1:]):
            _check_authority(each, above)
        for each, issuer in pairwise(chain):
            if each.subject == each.issuer:
                raise Rejected(f"the certificate of {subject(each)} is its own issuer, and not the last of the chain")
            _check_issued(each, issuer)
        _check_issued(chain[-1], chain[-1])


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether a certificate signed itself, so that a chain may end with it."""
    try:
        with _malformed():
            _check_issued(certificate, certificate)
    except Rejected:
        return False
    return True


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, InvalidSignature) as error:
        raise Rejected(f"the certificate of {subject(certificate)} is not issued by {subject(issuer)}") from error


def _check_kind(certificate: x509.Certificate) -> None:
    name = subject(certificate)
    if certificate.version is not x509.Version.v3:
        raise Rejected(f"the certificate of {name} is not of version 3")
    if not isinstance(certificate.signature_hash_algorithm, _HASHES):
        raise Rejected(f"the certificate of {name} is signed with a hash that is not safe")
    key = certificate.public_key()
    large = (isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _SMALLEST_EC) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA
    )
    if not large:
        raise Rejected(f"the certificate of {name} has a key that is too small, or of a kind that is not taken")
    if any(each.critical and each.oid not in _HEEDED for each in certificate.extensions):
        raise Rejected(f"the certificate of {name} has a critical extension that is not known")


def _check_signer(certificate: x509.Certificate) -> None:
    name = subject(certificate)
    signing_key(certificate)
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.value.ca:
        raise Rejected(f"the certificate of {name} is for an authority, and not for who signs")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.critical or _uses(usage.value) != {"digital_signature"}:
        raise Rejected(f"the certificate of {name} is not, by a critical key usage, for digital signatures alone")
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    if extended is None:
        return
    uses = set(extended.value)
    if ExtendedKeyUsageOID.CODE_SIGNING not in uses or uses & _OTHER_USES:
        raise Rejected(f"the certificate of {name} is not for signing code, or for other things, too")


def _check_authority(certificate: x509.Certificate, above: int) -> None:
    """``above``: how many authorities of the chain are between it and who signs."""
    name = subject(certificate)
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.critical or not constraints.value.ca:
        raise Rejected(f"the certificate of {name} is not, by critical basic constraints, for an authority")
    length = constraints.value.path_length
    if length is not None and length < above:
        raise Rejected(f"the certificate of {name} does not allow a chain of this length")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.critical or not usage.value.key_cert_sign:
        raise Rejected(f"the certificate of {name} is not, by a critical key usage, for signing certificates")


def _uses(usage: x509.KeyUsage) -> set[str]:
    """The bits that are set; two of them only mean something beside key agreement."""
    names = {
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    }
    return {name for name in names if getattr(usage, name)}


def _extension(certificate: x509.Certificate, kind: type[_Value]) -> "x509.Extension[_Value] | None":
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
