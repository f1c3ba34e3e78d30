"""Signed certificate timestamps: that a certificate is in a public log, by the word of that log (RFC 6962).

They are embedded in the certificate, and are over what it was before they were (section 3.2).
"""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

from wasmbuild.trust.proof import Rejected

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from wasmbuild.trust.sigstore.trusted_root import Log

__all__ = ["check_logged"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIMESTAMPS = 32
_V1, _CERTIFICATE_TIMESTAMP, _PRECERTIFICATE = 0, 0, 1


def check_logged(leaf: "Certificate", issuer: "Certificate", logs: "Mapping[bytes, Log]", needed: int) -> None:
    """See that as many different logs as are ``needed`` have a certificate. Raises Rejected."""
    try:
        listed = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except x509.ExtensionNotFound:
        raise Rejected("the certificate is in no certificate log") from None
    if len(listed) > _MAX_TIMESTAMPS:
        raise Rejected(f"the certificate has more than {_MAX_TIMESTAMPS} timestamps of certificate logs")
    held = {logs[each.log_id].key.der for each in listed if _holds(each, leaf, issuer, logs)}
    if len(held) < needed:
        raise Rejected(f"{len(held)} trusted certificate logs have the certificate, and {needed} must")


def _holds(
    timestamp: SignedCertificateTimestamp, leaf: "Certificate", issuer: "Certificate", logs: "Mapping[bytes, Log]"
) -> bool:
    log = logs.get(timestamp.log_id)
    if log is None:
        return False
    try:
        moment = timestamp.timestamp.replace(tzinfo=UTC)
        signed = _signed(timestamp, moment, leaf, issuer)
    except (ValueError, OverflowError):  # a time that there is not, or no precertificate can be made of it
        return False
    return log.window.holds(moment) and log.key.verify(timestamp.signature, signed)


def _signed(
    timestamp: SignedCertificateTimestamp, moment: datetime, leaf: "Certificate", issuer: "Certificate"
) -> bytes:
    """What the log signed: ``digitally-signed struct`` of RFC 6962, section 3.2."""
    before = leaf.tbs_precertificate_bytes
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    since = (moment - _EPOCH) // timedelta(milliseconds=1)
    head = struct.pack(">BBQH", _V1, _CERTIFICATE_TIMESTAMP, since, _PRECERTIFICATE)
    extensions = timestamp.extension_bytes
    sized = len(before).to_bytes(3) + before + len(extensions).to_bytes(2) + extensions
    return head + sha256(key).digest() + sized
