"""Certificates, and envelopes of the Notary Project by hand, with whatever defect a test wants."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wasmbuild.trust.pem import write_block

NOW = datetime.now(UTC).replace(microsecond=0)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "middle", "root", "other")}
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
SCHEME = "io.cncf.notary.signingScheme"


def named(common):
    attributes = {
        NameOID.COUNTRY_NAME: "US",
        NameOID.STATE_OR_PROVINCE_NAME: "WA",
        NameOID.ORGANIZATION_NAME: "acme",
        NameOID.COMMON_NAME: common,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


def usage(*bits):
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in bits for name in names})


@dataclass(frozen=True)
class Form:
    """What a certificate says; that of a leaf, unless changed."""

    key: object = None
    ca: bool | None = False
    ca_critical: bool = True
    path_length: int | None = None
    bits: tuple = ("digital_signature",)
    bits_critical: bool = True
    uses: tuple = CODE
    begins: datetime = NOW - timedelta(days=1)
    ends: datetime = NOW + timedelta(days=1)
    chosen: object = None
    more: tuple = ()


LEAF = Form()
AUTHORITY = Form(ca=True, bits=("key_cert_sign", "crl_sign"), uses=())


def certificate(subject, issuer, form=LEAF, by=None):
    """The DER of a certificate for the key of ``subject``, by that of ``issuer``."""
    key = form.key or KEYS[subject]
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(form.begins)
        .not_valid_after(form.ends)
    )
    if form.ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(form.ca, form.path_length), form.ca_critical)
    if form.bits:
        builder = builder.add_extension(usage(*form.bits), form.bits_critical)
    if form.uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(form.uses), critical=False)
    for extension, critical in form.more:
        builder = builder.add_extension(extension, critical)
    signer = by or (form.key if subject == issuer and form.key else KEYS[issuer])
    return builder.sign(signer, form.chosen or hashes.SHA256()).public_bytes(Encoding.DER)


def chain_of_three(leaf=LEAF, middle=AUTHORITY, root=AUTHORITY):
    """A leaf's certificate, an authority's, and the root's."""
    return (
        certificate("leaf", "middle", leaf),
        certificate("middle", "root", middle),
        certificate("root", "root", root),
    )


def pem(*chain):
    return b"".join(write_block("CERTIFICATE", each) for each in chain)


def target_of(descriptor, **annotations):
    said = {"annotations": annotations} if annotations else {}
    return {"targetArtifact": {**descriptor.plain().to_json(), **said}}


def headers(time, algorithm="ES256", **changes):
    """Protected headers by the names of JOSE; None takes one away."""
    plain = {
        "alg": algorithm,
        "crit": [SCHEME],
        "cty": PAYLOAD_TYPE,
        SCHEME: "notary.x509",
        "io.cncf.notary.signingTime": time,
    }
    given = {f"io.cncf.notary.{name}" if name in _OURS else name: value for name, value in changes.items()}
    return {name: value for name, value in (plain | given).items() if value is not None}


_OURS = {"signingScheme", "signingTime", "authenticSigningTime", "expiry"}


def raw_signature(key, message):
    if isinstance(key, rsa.RSAPrivateKey):
        chosen = {2048: hashes.SHA256(), 3072: hashes.SHA384(), 4096: hashes.SHA512()}[key.key_size]
        return key.sign(message, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
    chosen = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]
    size = (key.curve.key_size + 7) // 8
    return b"".join(
        number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(message, ec.ECDSA(chosen)))
    )


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jws(payload, protected, chain, key=None, **header):
    """An envelope of any payload (JSON) and headers, signed by the leaf's key, or another."""
    signed = f"{url64(json.dumps(protected).encode())}.{url64(json.dumps(payload).encode())}"
    signature = raw_signature(key or KEYS["leaf"], signed.encode())
    before, after = signed.split(".")
    certificates = [base64.b64encode(each).decode() for each in chain]
    document = {"payload": after, "protected": before, "header": {"x5c": certificates, **header}}
    return json.dumps(document | {"signature": url64(signature)}).encode()


LABELS = {"alg": 1, "crit": 2, "cty": 3}
NUMBERS = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39}


def cose(payload, protected, chain, key=None, encode=cbor2.dumps, **header):
    """The same in COSE; times are datetimes."""
    labelled = {LABELS.get(name, name): NUMBERS.get(value, value) if name == "alg" else value
                for name, value in protected.items()}  # fmt: skip
    before = cbor2.dumps(labelled, datetime_as_timestamp=True)
    after = json.dumps(payload).encode()
    signature = raw_signature(key or KEYS["leaf"], cbor2.dumps(["Signature1", before, b"", after]))
    return b"\xd2" + encode([before, {33: list(chain), **header}, after, signature])
