"""A certificate for development: a key's own, which it has signed itself. Nobody vouches for it.

One certificate is the whole chain: it signs with the key, and who trusts it trusts that key alone. The
key signs through the same small interface as ever, so it may be anywhere.
"""

import re
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wasmbuild.errors import SigningFailed, UsageFailed
from wasmbuild.trust.der import BITS, SEQUENCE, element
from wasmbuild.trust.notation.certificates import is_self_issued
from wasmbuild.trust.notation.signing import check_signs_for_notary
from wasmbuild.trust.pem import CERTIFICATE, write_block
from wasmbuild.trust.signer import Signatory

__all__ = ["DEFAULT_SUBJECT", "make_certificate", "parse_subject"]

DEFAULT_SUBJECT = "C=XX,ST=Development,O=Development,CN=wasmbuild"
"""Who a certificate is for when nobody says it; XX is no country's code (ISO 3166, user-assigned)."""

_ORDER = (
    NameOID.COUNTRY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
_NEEDED = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
}
"""What a trust policy of notation names somebody by."""

_MAX_SUBJECT = 1024
_SPACES = re.compile(r"(?<!\\),\s+")


def parse_subject(text: str) -> x509.Name:
    """Read ``C=…,ST=…,O=…,CN=…`` (RFC 4514), in any order. Raises UsageFailed."""
    hint = f"--subject '{DEFAULT_SUBJECT}'"
    if len(text) > _MAX_SUBJECT:
        raise UsageFailed("the subject is too long", hint=hint)
    try:
        name = x509.Name.from_rfc4514_string(_SPACES.sub(",", text.strip()))
    except (ValueError, TypeError) as error:
        raise UsageFailed(f"{text[:80]!r} is not a subject", cause=str(error)[:200] or None, hint=hint) from error
    missing = [short for oid, short in _NEEDED.items() if not name.get_attributes_for_oid(oid)]
    if missing:
        raise UsageFailed(
            f"the subject has no {' and no '.join(missing)}",
            cause="notation names signers by C, ST and O at least",
            hint=hint,
        )
    last = len(_ORDER)
    return x509.Name(sorted(name, key=lambda each: _ORDER.index(each.oid) if each.oid in _ORDER else last))


def make_certificate(key: Signatory, subject: x509.Name, begins: datetime, days: int) -> bytes:
    """The PEM of a certificate for a key by itself, from ``begins``, which is in whole seconds and has a zone.

    Raises InvalidKey for a key of a kind that the Notary Project does not take, SigningFailed, and what the
    key raises.
    """
    check_signs_for_notary(key.public)
    public = cast("ec.EllipticCurvePublicKey", load_der_public_key(key.public.der))
    template = _signed_by_somebody(public, subject, begins, begins + timedelta(days=days))
    made = _resigned(template, key)
    if not is_self_issued(x509.load_der_x509_certificate(made)):
        raise SigningFailed("what the key signed is not valid for its own certificate")
    return write_block(CERTIFICATE, made)


def _signed_by_somebody(
    public: ec.EllipticCurvePublicKey, subject: x509.Name, begins: datetime, ends: datetime
) -> x509.Certificate:
    """The certificate with a signature by a key that is thrown away: the library signs with no other's."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_digital_signature(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    )
    chosen = hashes.SHA384() if public.key_size > 256 else hashes.SHA256()
    return builder.sign(ec.generate_private_key(public.curve), chosen)


def _resigned(template: x509.Certificate, key: Signatory) -> bytes:
    """The DER of a certificate, signed by ``key`` in place of whoever did (RFC 5280, section 4.1)."""
    body, whole = template.tbs_certificate_bytes, template.public_bytes(Encoding.DER)
    start = whole.index(body) + len(body)
    algorithm = whole[start : start + 2 + whole[start + 1]]
    return element(SEQUENCE, body + algorithm + element(BITS, b"\0" + key.sign(body)))


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
