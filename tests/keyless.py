"""A certificate authority, its certificate log, two transparency logs and a timestamp authority, all made here.

They sign what the real ones sign, and what no real one would: each test says what is wrong with it.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.dsse import Envelope, pae
from wasmbuild.trust.statement import IN_TOTO

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
IDENTITY = "https://example.com/builds/release"
ISSUER = "https://issuer.example.com"
CODE, TIME = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
ORIGIN = "log.example.com"
OID = x509.ObjectIdentifier
SHA256, SIGNED_DATA, TST_INFO = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"


def b64(data):
    return base64.b64encode(data).decode()


def spki(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def ecdsa(key, message):
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def number(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    data = bytearray()
    for part in (40 * first + second, *rest):
        groups = [part & 0x7F]
        while part := part >> 7:
            groups.append(part & 0x7F | 0x80)
        data += bytes(reversed(groups))
    return tlv(6, bytes(data))


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """A chain of certificates, from below to its root, and the key of the first."""

    chain: list
    key: object
    root_key: object = None

    @classmethod
    def of(cls, text, purpose=None, *, issues=None, start=NOW - timedelta(days=300), days=3000, path_length=None):
        root_key, key = new_key(), new_key()
        root = certificate(f"{text} root", root_key, None, root_key, authority=True, start=start, days=days)
        below = certificate(
            text,
            key,
            root,
            root_key,
            authority=purpose is None,
            purpose=purpose or issues,
            start=start,
            days=days,
            path_length=path_length,
        )
        return cls([below, root], key, root_key)


def certificate(
    text,
    key,
    issuer,
    issuer_key,
    *,
    authority=False,
    purpose=None,
    names=None,
    extensions=(),
    start=NOW,
    days=1,
    minutes=0,
    usage=True,
    basic=True,
    path_length=None,
    serial=None,
):
    """A certificate; ``names`` are the alternative ones, and then it has no subject."""
    subject = x509.Name([]) if names is not None else name(text)
    builder = (
        x509.CertificateBuilder(subject_name=subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + (timedelta(minutes=minutes) if minutes else timedelta(days=days)))
    )
    if basic:
        limit = path_length if authority else None
        builder = builder.add_extension(x509.BasicConstraints(authority, limit), critical=True)
    if usage:
        parts = (not authority, False, False, False, False, authority, authority, False, False)
        builder = builder.add_extension(x509.KeyUsage(*parts), critical=True)
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=purpose == TIME)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def said(dotted, text, *, raw=False):
    """One of Fulcio's extensions."""
    return x509.UnrecognizedExtension(OID(dotted), text.encode() if raw else tlv(12, text.encode())), False


@dataclass
class World:
    """Everybody whom a trusted root names, and what it says of when they are trusted."""

    authority: Authority = field(default_factory=lambda: Authority.of("authority"))
    times: Authority = field(default_factory=lambda: Authority.of("times", TIME))
    certificate_log: object = field(default_factory=new_key)
    rekor1: object = field(default_factory=new_key)
    rekor2: object = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    windows: dict = field(default_factory=dict)

    def trusted_root(self, **changes):
        """The file; ``changes`` are lists in place of its own."""
        value = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                self._log(self.rekor1, "PKIX_ECDSA_P256_SHA_256", sha256(spki(self.rekor1)).digest(), "rekor1"),
                self._log(self.rekor2, "PKIX_ED25519", named_id(self.rekor2), "rekor2"),
            ],
            "ctlogs": [
                self._log(
                    self.certificate_log, "PKIX_ECDSA_P256_SHA_256", sha256(spki(self.certificate_log)).digest(), "ct"
                )
            ],
            "certificateAuthorities": [self._authority(self.authority, "authority")],
            "timestampAuthorities": [self._authority(self.times, "times")],
        }
        return json.dumps(value | changes).encode()

    def _log(self, key, kind, log_id, window):
        public = {"rawBytes": b64(spki(key)), "keyDetails": kind, "validFor": self._window(window)}
        return {"hashAlgorithm": "SHA2_256", "publicKey": public, "logId": {"keyId": b64(log_id)}}

    def _authority(self, authority, window):
        chain = {"certificates": [{"rawBytes": b64(der(each))} for each in authority.chain]}
        return {"uri": "https://example.com", "certChain": chain, "validFor": self._window(window)}

    def _window(self, key):
        start, end = self.windows.get(key, (NOW - timedelta(days=365), None))
        return {"start": start.isoformat()} | ({"end": end.isoformat()} if end else {})

    def leaf(self, key, *, names=None, issuer=(said("1.3.6.1.4.1.57264.1.8", ISSUER),), logs=None, **changes):
        """A certificate as Fulcio makes them, ten minutes long, with what the certificate logs say of it.

        ``logs`` are the keys of those that do, or what makes the extension out of what they sign.
        """
        names = [x509.UniformResourceIdentifier(IDENTITY)] if names is None else names
        settings = {"purpose": CODE, "start": NOW - timedelta(minutes=1), "minutes": 10, "serial": 12345} | changes
        above = self.authority.chain[0]
        bare = certificate("", key, above, self.authority.key, names=names, extensions=issuer, **settings)
        logs = (self.certificate_log,) if logs is None else logs
        if logs == ():
            return bare
        make = logs if callable(logs) else lambda *parts: self.certificate_timestamp(*parts, *logs)
        extensions = (*issuer, (make(bare.tbs_certificate_bytes, spki_of(above)), False))
        return certificate("", key, above, self.authority.key, names=names, extensions=extensions, **settings)

    def certificate_timestamp(self, tbs, issuer_spki, *keys, since=NOW, version=b"\0", entry=b"\0\1"):
        """The extension with a signed certificate timestamp of each log (RFC 6962, section 3.3)."""
        since = since if isinstance(since, bytes) else int(since.timestamp() * 1000).to_bytes(8)
        body = b"\0\0" + since + entry + sha256(issuer_spki).digest() + len(tbs).to_bytes(3) + tbs + b"\0\0"
        listed = b""
        for key in keys:
            made = ecdsa(key, body)
            one = version + sha256(spki(key)).digest() + since + b"\0\0\4\3" + len(made).to_bytes(2) + made
            listed += len(one).to_bytes(2) + one
        return x509.UnrecognizedExtension(OID("1.3.6.1.4.1.11129.2.4.2"), tlv(4, len(listed).to_bytes(2) + listed))

    def timestamp(self, message, at=NOW, *, key=None, chain=None, embed=(), status=0, signers=1, **changes):
        """A ``TimeStampResp`` (RFC 3161) over a message; ``changes`` are parts that are to be other ones."""
        leaf = (chain or self.times.chain)[0]
        use = stamped(leaf, message, at) | changes
        info = tlv(0x30, *use["info"])
        of_attribute = {"content_type": oid(TST_INFO), "message_digest": tlv(4, sha256(info).digest())}
        attributes = b"".join(
            tlv(0x30, oid(kind), tlv(0x31, (of_attribute | use)[what])) for kind, what in use["attributes"]
        )
        signer = tlv(
            0x30,
            number(1),
            tlv(0x30, leaf.issuer.public_bytes(), number(use["serial"])),
            use["algorithm"],
            tlv(0xA0, attributes),
            *signed_as(key or self.times.key, tlv(0x31, attributes)),
        )
        content = tlv(0x30, oid(use["inside"]), tlv(0xA0, tlv(4, info)))
        certificates = (tlv(0xA0, *map(der, embed)),) if embed else ()
        data = tlv(0x30, number(3), tlv(0x31, use["algorithm"]), content, *certificates, tlv(0x31, signer * signers))
        token = tlv(0x30, oid(use["outside"]), tlv(0xA0, data))
        return tlv(0x30, tlv(0x30, number(status)), token)

    def entry1(self, kind, version, spec, at=NOW, *, promise=True, proof=True):
        """An entry of Rekor's first version, the second of two."""
        body = json.dumps({"apiVersion": version, "kind": kind, "spec": spec}).encode()
        log_id = sha256(spki(self.rekor1)).digest()
        since = int(at.timestamp())
        entry = {
            "logIndex": "4711",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(since),
            "canonicalizedBody": b64(body),
        }
        if promise:
            signed = {"body": b64(body), "integratedTime": since, "logID": log_id.hex(), "logIndex": 4711}
            text = json.dumps(signed, separators=(",", ":")).encode()
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64(ecdsa(self.rekor1, text))}
        if proof:
            entry["inclusionProof"] = included(
                body, f"{ORIGIN} - 99", lambda text: log_id[:4] + ecdsa(self.rekor1, text)
            )
        return entry

    def entry2(self, kind, spec):
        """An entry of Rekor's second version, the second of two."""
        body = json.dumps({"apiVersion": "0.0.2", "kind": kind, "spec": spec}).encode()
        log_id = named_id(self.rekor2)
        return {
            "logIndex": "1",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": kind, "version": "0.0.2"},
            "inclusionProof": included(body, ORIGIN, lambda text: log_id[:4] + self.rekor2.sign(text)),
            "canonicalizedBody": b64(body),
        }


SIGNED_ATTRIBUTES = (
    ("1.2.840.113549.1.9.3", "content_type"),
    ("1.2.840.113549.1.9.4", "message_digest"),
    ("1.2.840.113549.1.9.16.2.47", "named"),
)


def stamped(leaf, message, at):
    """The parts of a timestamp."""
    algorithm = tlv(0x30, oid(SHA256))
    imprint = tlv(0x30, algorithm, tlv(4, sha256(message).digest()))
    made = tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())
    return {
        "info": [number(1), oid("1.3.6.1.4.1.57264.2"), imprint, number(77), made],
        "attributes": SIGNED_ATTRIBUTES,
        "named": tlv(0x30, tlv(0x30, tlv(0x30, tlv(4, sha256(der(leaf)).digest())))),
        "serial": leaf.serial_number,
        "algorithm": algorithm,
        "inside": TST_INFO,
        "outside": SIGNED_DATA,
    }


def signed_as(key, message):
    """The name of an algorithm and a signature, as CMS has them."""
    if isinstance(key, rsa.RSAPrivateKey):
        made = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return tlv(0x30, oid("1.2.840.113549.1.1.11"), tlv(5)), tlv(4, made)
    return tlv(0x30, oid("1.2.840.10045.4.3.2")), tlv(4, ecdsa(key, message))


def spki_of(certificate):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(serialization.Encoding.DER, form)


def named_id(key):
    return sha256(ORIGIN.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()


def included(body, origin, sign):
    """The proof that an entry is the second of two, under a checkpoint."""
    first = sha256(b"\0the first entry").digest()
    root = sha256(b"\1" + first + sha256(b"\0" + body).digest()).digest()
    text = f"{origin}\n2\n{b64(root)}\n"
    note = f"{text}\n\u2014 {ORIGIN} {b64(sign(text.encode()))}\n"
    return {
        "logIndex": "1",
        "rootHash": b64(root),
        "treeSize": "2",
        "hashes": [b64(first)],
        "checkpoint": {"envelope": note},
    }


@dataclass
class Signing:
    """A statement that is signed with a certificate, and what a log says of that in each way there is."""

    payload: bytes
    signature: bytes
    leaf: object
    payload_type: str = IN_TOTO

    @classmethod
    def of(cls, world, payload, **changes):
        key = new_key()
        return cls(payload, ecdsa(key, pae(IN_TOTO, payload)), world.leaf(key, **changes))

    @property
    def message(self):
        return pae(self.payload_type, self.payload)

    @property
    def pem(self):
        return self.leaf.public_bytes(serialization.Encoding.PEM)

    def spec(self, kind, version, **changes):
        """What an entry says; ``changes`` name the part that is to be wrong."""
        given = {"payload": self.payload, "message": self.message, "signature": self.signature, "leaf": self.leaf}
        use = given | changes
        pem = b64(use["leaf"].public_bytes(serialization.Encoding.PEM))
        digest, signature = sha256(use["payload"]), use["signature"]
        hashed = {"algorithm": "sha256", "value": digest.hexdigest()}
        verifier = {"x509Certificate": {"rawBytes": b64(der(use["leaf"]))}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        made = {"content": b64(signature), "verifier": verifier}
        return {
            ("dsse", "0.0.1"): {
                "envelopeHash": hashed,
                "payloadHash": hashed,
                "signatures": [{"signature": b64(signature), "verifier": pem}],
            },
            ("intoto", "0.0.2"): {
                "content": {
                    "envelope": {
                        "payloadType": self.payload_type,
                        "signatures": [{"publicKey": pem, "sig": b64(b64(signature).encode())}],
                    },
                    "hash": hashed,
                    "payloadHash": hashed,
                }
            },
            ("hashedrekord", "0.0.1"): {
                "data": {"hash": {"algorithm": "sha256", "value": sha256(use["message"]).hexdigest()}},
                "signature": {"content": b64(signature), "publicKey": {"content": pem}},
            },
            ("hashedrekord", "0.0.2"): {
                "hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": b64(sha256(use["message"]).digest())},
                    "signature": made,
                }
            },
            ("dsse", "0.0.2"): {
                "dsseV002": {
                    "payloadHash": {"algorithm": "SHA2_256", "digest": b64(digest.digest())},
                    "signatures": [made],
                }
            },
        }[kind, version]

    def bundle(self, entries, timestamps=()):
        """The bundle as an object."""
        return {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(der(self.leaf))},
                "tlogEntries": list(entries),
                "timestampVerificationData": {
                    "rfc3161Timestamps": [{"signedTimestamp": b64(each)} for each in timestamps]
                },
            },
            "dsseEnvelope": Envelope(self.payload, self.payload_type, self.signature).to_json(),
        }
