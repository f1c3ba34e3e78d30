"""Makes the files in ``tests/assets/trust``: signed things, each with one defect that its name says.

    python scripts/trust_assets.py

The keys come from fixed numbers and the signatures from the keys alone, so that the files are the same
each time; a test makes them anew and compares. Each file holds a candidate as JSON: the media type and
annotations of its layer, its content in base64, and what a verifier must come to: ``outcome``, and in
``reason`` a part of what it must say. ``subject.json`` is the artifact, ``trusted.pub`` the key.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from registry.digest import Digest
from registry.model import EMPTY, OCI_MANIFEST, Descriptor, Manifest, describe
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.dsse import DSSE, pae
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.simplesigning import CERTIFICATE, SIGNATURE, SIMPLE_SIGNING, Payload
from wasmbuild.trust.statement import COSIGN_SIGN, IN_TOTO, STATEMENT_V1

FOLDER = Path(__file__).parent.parent / "tests" / "assets" / "trust"
NAME = "registry.example/demo/hello"
CYCLONEDX = "https://cyclonedx.org/bom"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (SEC 2, section 2.4.2)."""

MANIFEST = Manifest(EMPTY, ()).encode()
SUBJECT = describe(OCI_MANIFEST, MANIFEST)
OTHER = Descriptor(OCI_MANIFEST, Digest.of(b"another artifact"), 16)

Json = dict[str, Any]


def key(name: str) -> PrivateKey:
    """A key that depends on its name alone, and is nobody's secret."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % (ORDER - 1) + 1
    return PrivateKey.of(ec.derive_private_key(number, ec.SECP256R1()))


TRUSTED, STRANGER = key("trusted"), key("stranger")


def b64(data: bytes) -> str:
    """As signed documents have it."""
    return base64.b64encode(data).decode()


def compact(value: Json) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def statement(about: Descriptor = SUBJECT, predicate_type: str = COSIGN_SIGN, **changes: Any) -> bytes:  # noqa: ANN401
    """The signed sentence."""
    item = {"name": NAME, "digest": {about.digest.algorithm: about.digest.encoded}}
    return compact(
        {"_type": STATEMENT_V1, "subject": [item], "predicateType": predicate_type, "predicate": {}} | changes
    )


def envelope(payload: bytes, signer: PrivateKey = TRUSTED, payload_type: str = IN_TOTO) -> Json:
    """A payload, signed."""
    signature = signer.sign(pae(payload_type, payload))
    return {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(signature)}]}


def bundle(content: Json, hint: str = TRUSTED.public.hint, **changes: Any) -> bytes:  # noqa: ANN401
    """A bundle of version 0.3."""
    material = {"publicKey": {"hint": hint}}
    return compact({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": content} | changes)


def resigned(change: Callable[[bytes], bytes]) -> bytes:
    """A bundle with another signature in place of the right one."""
    content = envelope(statement())
    content["signatures"][0]["sig"] = b64(change(TRUSTED.sign(pae(IN_TOTO, statement()))))
    return bundle(content)


def twin(signature: bytes) -> bytes:
    """The other signature that is as valid: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, ORDER - s)


def with_zero(signature: bytes) -> bytes:
    """A signature in which both numbers are 0, which is accepted where nobody looks (CVE-2022-21449)."""
    assert signature
    return encode_dss_signature(0, 0)


def asset(media_type: str, content: bytes, outcome: str, reason: str = "", **annotations: str) -> Json:
    """What is written."""
    fields = {"mediaType": media_type, "annotations": annotations, "outcome": outcome, "reason": reason}
    return {**fields, "content": b64(content)}


def bundles() -> dict[str, Json]:
    """Bundles, by what is wrong with them."""
    good = envelope(statement())
    twice = {**good, "signatures": good["signatures"] * 2}
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(MANIFEST).digest())}
    bare = {"messageDigest": digest, "signature": b64(TRUSTED.sign(MANIFEST))}
    message = compact({"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {}}, "messageSignature": bare})
    elsewhere = {"name": NAME, "digest": {"sha256": OTHER.digest.encoded}}
    own = {"digest": {"sha256": SUBJECT.digest.encoded}}
    either = {"sha512": hashlib.sha512(MANIFEST).hexdigest()}
    doubled = bundle(good).replace(b'{"mediaType"', b'{"mediaType":"x","mediaType"', 1)
    inner = statement().replace(b'{"_type"', b'{"subject":[],"_type"', 1)
    refused = {
        "other-key": (bundle(envelope(statement(), STRANGER), STRANGER.public.hint), "another key"),
        "other-key-with-our-hint": (bundle(envelope(statement(), STRANGER)), "not valid for this key"),
        "other-artifact": (bundle(envelope(statement(OTHER))), "not for this artifact"),
        "other-algorithm": (bundle(envelope(statement(subject=[{"digest": either}]))), "artifact"),
        "statement-v0.1": (bundle(envelope(statement(_type="https://in-toto.io/Statement/v0.1"))), "version 1"),
        "statement-not-an-object": (bundle(envelope(b"[]")), "in-toto"),
        "payload-type-text": (bundle(envelope(statement(), payload_type="text/plain")), "not an in-toto statement"),
        "signature-over-bare-payload": (resigned(lambda _: TRUSTED.sign(statement())), "not valid"),
        "signature-empty": (resigned(lambda _: b""), "not valid"),
        "signature-zero": (resigned(with_zero), "not valid"),
        "signature-cut": (resigned(lambda signature: signature[:-1]), "not valid"),
        "signature-and-more": (resigned(lambda signature: signature + b"\0"), "not valid"),
        "two-signatures": (bundle(twice), "exactly one signature"),
        "no-signature": (bundle({**good, "signatures": []}), "exactly one signature"),
        "message-signature": (message, "bare digest"),
        "version-0.4": (bundle(good, mediaType=BUNDLE.replace("0.3", "0.4")), "version 0.3"),
        "field-unknown": (bundle(good, more=1), "not known"),
        "field-twice": (doubled, "malformed"),
        "field-twice-in-the-statement": (bundle(envelope(inner)), "malformed"),
        "subjects-none": (bundle(envelope(statement(subject=[]))), "subjects"),
        "digest-not-hex": (bundle(envelope(statement(subject=[{"digest": {"gitCommit": "HEAD"}}]))), "not hex"),
        "log-entries-33": (bundle(good, verificationMaterial={"publicKey": {}, "tlogEntries": [{}] * 33}), "32"),
    }  # fmt: skip
    held = {
        "plain": bundle(good),
        "twin": resigned(twin),
        "no-hint": bundle(good, ""),
        "second-subject": bundle(envelope(statement(subject=[elsewhere, own]))),
    }
    attested = {
        "attestation": bundle(envelope(statement(predicate_type=CYCLONEDX))),
        "attestation-v0.1": bundle(envelope(statement(predicate_type=CYCLONEDX, _type="https://in-toto.io/Statement/v0.1"))),
    }  # fmt: skip
    return {
        **{f"bundle-{name}": asset(BUNDLE, data, "invalid", reason) for name, (data, reason) in refused.items()},
        **{f"bundle-{name}": asset(BUNDLE, data, "verified") for name, data in held.items()},
        **{f"bundle-{name}": asset(BUNDLE, data, "unsigned") for name, data in attested.items()},
    }


def simple() -> dict[str, Json]:
    """Simple signatures, by what is wrong with them."""
    payload = Payload(SUBJECT.digest, NAME).encode()
    other = Payload(OTHER.digest, NAME).encode()
    capital = payload.replace(b"docker-manifest-digest", b"Docker-manifest-digest")
    kind = payload.replace(b"cosign container image signature", b"atomic container signature")
    twice = payload.replace(b'{"critical"', b'{"optional":null,"critical"', 1)

    def made(data: bytes, reason: str = "", signature: bytes | None = None, **more: str) -> Json:
        said = {SIGNATURE: b64(TRUSTED.sign(data) if signature is None else signature), **more}
        return asset(SIMPLE_SIGNING, data, "invalid" if reason else "verified", reason, **said)

    return {
        "legacy-plain": made(payload),
        "legacy-twin": made(payload, signature=twin(TRUSTED.sign(payload))),
        "legacy-other-key": made(payload, "not valid for this key", STRANGER.sign(payload)),
        "legacy-other-artifact": made(other, "not for this artifact"),
        "legacy-other-type": made(kind, "another type"),
        "legacy-capital-d": made(capital, "malformed"),
        "legacy-field-twice": made(twice, "malformed"),
        "legacy-signature-zero": made(payload, "not valid", with_zero(b"-")),
        "legacy-not-base64": asset(SIMPLE_SIGNING, payload, "invalid", "not base64", **{SIGNATURE: "?"}),
        "legacy-no-signature": asset(SIMPLE_SIGNING, payload, "invalid", "malformed"),
        "legacy-certificate-not-pem": made(payload, "malformed", **{CERTIFICATE: "nonsense"}),
    }


def envelopes() -> dict[str, Json]:
    """What is under an ``.att`` tag: never a signature of the artifact, unless it says that it is one."""
    attested = compact(envelope(statement(predicate_type=CYCLONEDX)))
    posing = compact(envelope(statement()))
    return {
        "att-plain": asset(DSSE, attested, "unsigned", predicateType=CYCLONEDX),
        "att-other-key": asset(DSSE, compact(envelope(statement(predicate_type=CYCLONEDX), STRANGER)), "unsigned"),
        "att-declares-another-type": asset(DSSE, posing, "verified", predicateType=CYCLONEDX),
        "unknown-media-type": asset("application/octet-stream", posing, "invalid", "not known"),
    }


def files() -> dict[str, bytes]:
    """All files, by name."""
    assets = {**bundles(), **simple(), **envelopes()}
    written = {f"{name}.json": json.dumps(value, indent=1).encode() + b"\n" for name, value in assets.items()}
    subject = json.dumps(SUBJECT.to_json(), indent=1).encode() + b"\n"
    return {**written, "subject.json": subject, "trusted.pub": TRUSTED.public.pem}


def main() -> int:
    """Write them, and remove what is no longer made."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = files()
    for path in FOLDER.iterdir():
        if path.name not in made:
            path.unlink()
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
