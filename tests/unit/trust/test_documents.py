import base64
import contextlib
import copy
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import OCI_MANIFEST, Descriptor, Manifest, parse_document
from wasmbuild.trust.bundle import MAX_BUNDLE, Bundle, material_of
from wasmbuild.trust.dsse import Envelope, pae
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign, sign_statement
from wasmbuild.trust.statement import COSIGN_SIGN, Statement, Subject

KEY = PrivateKey.generate()
SUBJECT = Descriptor(OCI_MANIFEST, Digest.of(b"an artifact"), 11, annotations={"left": "out"}, artifact_type="a/b")
NAME = "127.0.0.1:5000/demo/hello"
SIGNED = sign(SUBJECT, NAME, KEY, "1970-01-01T00:00:00Z")


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def test_a_signature_field_by_field():
    bundle = json.loads(SIGNED.bundle_bytes)
    assert list(bundle) == ["mediaType", "verificationMaterial", "dsseEnvelope"]
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": KEY.public.hint}}
    envelope = bundle["dsseEnvelope"]
    assert list(envelope) == ["payload", "payloadType", "signatures"]
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [list(signature) for signature in envelope["signatures"]] == [["sig"]]
    payload = base64.b64decode(envelope["payload"])
    assert payload == compact(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": NAME, "digest": {"sha256": SUBJECT.digest.encoded}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        }
    )
    signed = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    serialization.load_pem_public_key(KEY.public.pem).verify(
        base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(hashes.SHA256())
    )


def test_the_referrer_to_the_byte():
    bundle_digest = str(Digest.of(SIGNED.bundle_bytes))
    bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert SIGNED.manifest_bytes == compact(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": bundle_type,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2,
                "artifactType": bundle_type,
            },
            "layers": [{"mediaType": bundle_type, "digest": bundle_digest, "size": len(SIGNED.bundle_bytes)}],
            "subject": {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT.digest), "size": 11},
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
                "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
            },
        }
    )
    assert SIGNED.manifest.digest == Digest.of(SIGNED.manifest_bytes)
    assert isinstance(parse_document(SIGNED.manifest_bytes, SIGNED.manifest.media_type), Manifest)


def test_attach_depends_on_nothing_but_what_it_is_given():
    assert attach(b"{}", SUBJECT, "x", "t") == attach(b"{}", SUBJECT.plain(), "x", "t")


def test_a_bundle_round_trip():
    bundle = Bundle.parse(SIGNED.bundle_bytes)
    assert bundle.encode() == SIGNED.bundle_bytes
    assert Statement.parse(bundle.envelope.payload) == Statement.signature_of(SUBJECT.digest, NAME)


def test_pae_counts_bytes():
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


def mutated(*path, value=None, drop=False):
    bundle = copy.deepcopy(json.loads(SIGNED.bundle_bytes))
    node = bundle
    for name in path[:-1]:
        node = node[name]
    if drop:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return compact(bundle)


SIGNATURE = json.loads(SIGNED.bundle_bytes)["dsseEnvelope"]["signatures"][0]
BROKEN_BUNDLES = {
    "not-json": b"{",
    "no-object": b"[]",
    "version-0.4": mutated("mediaType", value="application/vnd.dev.sigstore.bundle.v0.4+json"),
    "version-0.1": mutated("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.1"),
    "no-version": mutated("mediaType", drop=True),
    "version-a-list": mutated("mediaType", value=[]),
    "message-signature": mutated("messageSignature", value={}),
    "no-envelope": mutated("dsseEnvelope", drop=True),
    "no-material": mutated("verificationMaterial", drop=True),
    "unknown-field": mutated("extra", value=1),
    "unknown-material": mutated("verificationMaterial", "x509CertificateChain", value={}),
    "key-and-certificate": mutated("verificationMaterial", "certificate", value={"rawBytes": "AAAA"}),
    "neither-key-nor-certificate": mutated("verificationMaterial", value={}),
    "hint-a-number": mutated("verificationMaterial", "publicKey", "hint", value=1),
    "33-log-entries": mutated("verificationMaterial", "tlogEntries", value=[{}] * 33),
    "log-entries-an-object": mutated("verificationMaterial", "tlogEntries", value={}),
    "33-timestamps": mutated(
        "verificationMaterial", "timestampVerificationData", value={"rfc3161Timestamps": [{}] * 33}
    ),
    "two-signatures": mutated("dsseEnvelope", "signatures", value=[SIGNATURE, SIGNATURE]),
    "signatures-an-object": mutated("dsseEnvelope", "signatures", value={"0": SIGNATURE}),
    "no-signature": mutated("dsseEnvelope", "signatures", value=[]),
    "signature-a-text": mutated("dsseEnvelope", "signatures", value=["x"]),
    "signature-with-more": mutated("dsseEnvelope", "signatures", 0, "extra", value=1),
    "signature-not-base64": mutated("dsseEnvelope", "signatures", 0, "sig", value="*"),
    "payload-url-safe": mutated("dsseEnvelope", "payload", value="-_-_"),
    "payload-unpadded": mutated("dsseEnvelope", "payload", value="QQ"),
    "payload-with-spare-bits": mutated("dsseEnvelope", "payload", value="QR=="),
    "payload-with-line-end": mutated("dsseEnvelope", "payload", value="QQ==\n"),
    "payload-a-number": mutated("dsseEnvelope", "payload", value=1),
    "payload-type-a-number": mutated("dsseEnvelope", "payloadType", value=1),
    "envelope-with-more": mutated("dsseEnvelope", "extra", value=1),
    "same-key-twice": SIGNED.bundle_bytes[:-1] + b',"mediaType":"x"}',
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("defect", BROKEN_BUNDLES)
def test_refuses_broken_bundles(defect):
    with pytest.raises(InvalidDocument):
        Bundle.parse(BROKEN_BUNDLES[defect])


def test_reads_what_other_tools_write():
    assert Bundle.parse(mutated("verificationMaterial", "tlogEntries", value=[])).material.key_hint == KEY.public.hint
    assert (
        Bundle.parse(mutated("dsseEnvelope", "signatures", 0, "keyid", value="")).material.key_hint == KEY.public.hint
    )
    assert Bundle.parse(mutated("verificationMaterial", "publicKey", value={})).material.key_hint == ""
    keyless = Bundle.parse(mutated("verificationMaterial", value={"certificate": {"rawBytes": "AAAA"}}))
    assert (keyless.material.key_hint, keyless.material.chain) == (None, (b"\0\0\0",))
    with pytest.raises(ValueError, match="key hint"):
        keyless.encode()
    spelled = mutated("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.3")
    assert Bundle.parse(spelled).material.key_hint == KEY.public.hint


@given(st.binary(max_size=300))
def test_random_bytes_are_no_bundle(data):
    with pytest.raises(InvalidDocument):
        Bundle.parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    ("mediaType",),
    ("dsseEnvelope", "payloadType"),
    ("verificationMaterial",),
    ("verificationMaterial", "publicKey"),
    ("verificationMaterial", "tlogEntries"),
    ("verificationMaterial", "timestampVerificationData"),
    ("dsseEnvelope",),
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "signatures"),
    ("dsseEnvelope", "signatures", 0),
    ("dsseEnvelope", "signatures", 0, "sig"),
]


@given(st.sampled_from(PLACES), JSON)
def test_any_json_anywhere_is_read_or_refused(place, value):
    with contextlib.suppress(InvalidDocument):
        Bundle.parse(mutated(*place, value=value))


@given(st.binary(max_size=60))
def test_base64_has_one_spelling(data):
    text = base64.b64encode(data).decode()
    assert from_base64(text) == data
    for position in range(len(text)):
        for other in "AQ=/ ":
            spelled = text[:position] + other + text[position + 1 :]
            if spelled == text:
                continue
            try:
                assert from_base64(spelled) != data
            except ValueError:
                continue


STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "n", "digest": {"sha256": "ab" * 32}}],
    "predicateType": "https://example.com/p",
    "predicate": {"a": [1]},
}


def test_a_statement_round_trip():
    data = compact(STATEMENT)
    assert Statement.parse(data).encode() == data


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": COSIGN_SIGN},
        {"_type": "https://in-toto.io/Statement/v0.2"},
        {"_type": None},
        {"_type": {}},
        {"_type": []},
        {"subject": []},
        {"subject": {}},
        {"subject": ["x"]},
        {"subject": [{"digest": {"sha256": "xy"}}]},
        {"subject": [{"digest": {"sha256": "AB"}}]},
        {"subject": [{"digest": {"sha256": "abc"}}]},
        {"subject": [{"digest": {"sha256": 1}}]},
        {"subject": [{"digest": {}}]},
        {"subject": [{"name": "n"}]},
        {"subject": [{"name": 1, "digest": {"sha256": "ab"}}]},
        {"subject": [{"digest": {"sha256": "ab"}}] * 1025},
        {"subject": [{"digest": {f"a{number}": "ab" for number in range(33)}}]},
        {"predicateType": ""},
        {"predicateType": 1},
        {"predicateType": "x" * 5000},
        {"predicate": []},
    ],
)
def test_refuses_broken_statements(change):
    with pytest.raises(InvalidDocument):
        Statement.parse(compact(STATEMENT | change))


def test_unknown_fields_of_a_statement_are_passed_over():
    statement = Statement.parse(compact(STATEMENT | {"extra": 1, "predicate": None}))
    assert statement.predicate == {}
    assert statement.subjects == (Subject({"sha256": "ab" * 32}, "n"),)


def test_a_subject_without_a_name_is_written_without_one():
    statement = Statement((Subject({"sha256": "ab"}),), "p", {"k": 1})
    assert b'"subject":[{"digest"' in statement.encode()
    assert Statement.parse(statement.encode()) == statement


def test_any_statement_can_be_sealed():
    statement = Statement((Subject({"sha256": "ab"}),), "https://slsa.dev/provenance/v1", {"k": 1})
    bundle = Bundle.parse(sign_statement(statement, KEY))
    assert Statement.parse(bundle.envelope.payload) == statement
    assert KEY.public.verify(bundle.envelope.signature, bundle.envelope.signed_bytes)


def test_a_subject_is_its_digest_by_its_own_algorithm():
    digest = Digest.of(b"an artifact", "sha256")
    assert Subject({"sha1": "00", "sha256": digest.encoded}).is_about(digest)
    for other in ({"sha3_256": digest.encoded}, {"sha512": digest.encoded}, {"sha256": "00"}):
        assert not Subject(other).is_about(digest)


def test_what_a_log_says_of_a_certificate_comes_with_its_proof():
    said = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{"logIndex": "1"}]}
    with pytest.raises(InvalidDocument, match="no proof of inclusion"):
        material_of(said)
    said["tlogEntries"][0]["inclusionProof"] = {}
    assert len(material_of(said).log_entries) == 1


def test_a_bundle_that_is_too_large_is_not_parsed():
    with pytest.raises(InvalidDocument, match="is larger than"):
        Bundle.parse(b" " * (MAX_BUNDLE + 1))


def test_a_sha512_subject_is_named_by_sha512():
    digest = Digest.of(b"x", "sha512")
    (subject,) = Statement.signature_of(digest, "n").subjects
    assert subject.is_about(digest)
    assert not subject.is_about(Digest.of(b"x"))


def test_an_envelope_round_trip():
    envelope = Envelope(b"payload", "type", b"signature")
    assert Envelope.from_json(envelope.to_json()) == envelope
