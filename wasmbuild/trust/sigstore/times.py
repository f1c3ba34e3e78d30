"""Times: when a signature was there already, by the word of those who are trusted with it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import (
    TIME_STAMPING,
    check_chain,
    check_usage,
    is_authority,
    issued_as,
    parse_certificate,
)
from wasmbuild.trust.sigstore.timestamps import Timestamp

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from wasmbuild.trust.sigstore.trusted_root import CertificateAuthority

__all__ = ["Stamped", "check_timestamp"]

Stamped = tuple[bytes, datetime]
"""What names a timestamp authority (the hash of its root certificate), and the time that it says."""


def check_timestamp(response: bytes, message: bytes, authorities: "Sequence[CertificateAuthority]") -> Stamped:
    """When ``message`` was there, by an RFC 3161 response of one of the authorities. Raises Rejected."""
    stamp = Timestamp.parse_response(response)
    if not stamp.is_over(message):
        raise Rejected("a timestamp is of another signature")
    reasons: list[str] = []
    for authority in authorities:
        try:
            return _check(stamp, authority)
        except Rejected as rejected:
            reasons.append(str(rejected))
    raise Rejected(reasons[0] if len(reasons) == 1 else "a timestamp is of no authority that is trusted")


def _check(stamp: Timestamp, authority: "CertificateAuthority") -> Stamped:
    if not authority.window.holds(stamp.made_at):
        raise Rejected("a timestamp authority was not trusted when it made a timestamp")
    leaf, above = _signer(stamp, authority)
    stamp.check_signed_by(leaf)
    check_usage(leaf, TIME_STAMPING, "timestamps")
    check_chain(leaf, above, stamp.made_at, TIME_STAMPING)
    return sha256(authority.chain[-1].public_bytes(Encoding.DER)).digest(), stamp.made_at


def _signer(stamp: Timestamp, authority: "CertificateAuthority") -> "tuple[Certificate, tuple[Certificate, ...]]":
    """The certificate that signed, and those above it.

    The first one of a trusted root's list, or one that came along when that has only those above it.
    """
    first, *others = authority.chain
    named = (stamp.issuer, stamp.serial)
    if not is_authority(first):
        return first, tuple(others)
    for der in stamp.certificates:
        certificate = parse_certificate(der)
        if issued_as(certificate) == named:
            return certificate, authority.chain
    raise Rejected("a timestamp is signed with another certificate than the trusted root has")
