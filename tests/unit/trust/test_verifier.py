import base64
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import ContentNotFound, ContentTooLarge, DigestMismatch, GraphTooLarge, Unreachable
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Descriptor, Manifest, describe
from registry.stores.memory import MemoryStore
from wasmbuild.errors import InvalidSignature, Unsigned
from wasmbuild.trust.authority import KeyAuthority, Signer
from wasmbuild.trust.bundle import BUNDLE, MAX_BUNDLE, Bundle
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.discovery import MAX_REFERRERS, all_wanted, found_referrers
from wasmbuild.trust.dsse import Envelope, pae
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.proof import Material
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign, sign_statement
from wasmbuild.trust.statement import COSIGN_SIGN, IN_TOTO, Statement, Subject
from wasmbuild.trust.verifier import Claim, Evidence, Finding, Outcome, Verifier, require

KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()
ARTIFACT = Manifest(EMPTY, ()).encode()
SUBJECT = describe(OCI_MANIFEST, ARTIFACT)
NAME = "127.0.0.1:5000/demo/hello"
CREATED = "1970-01-01T00:00:00Z"
GOOD = sign(SUBJECT, NAME, KEY, CREATED).bundle_bytes
SBOM_TYPE = "https://cyclonedx.org/bom"
SBOM = sign_statement(
    Statement((Subject({"sha256": SUBJECT.digest.encoded}),), SBOM_TYPE, {"bomFormat": "CycloneDX"}),
    KEY,
)


def outcome(*bundles, subject=SUBJECT, key=KEY):
    candidates = [Candidate(SignatureKind.BUNDLE, BUNDLE, each) for each in bundles]
    return Verifier([KeyAuthority(key.public)]).verify(subject, candidates)


def signatures_of(store, subject):
    return [each.content for each in found_referrers(store, subject)]


def signed(payload, payload_type=IN_TOTO, key=KEY, hint=None):
    envelope = Envelope(payload, payload_type, key.sign(pae(payload_type, payload)))
    return Bundle(envelope, Material(hint or key.public.hint)).encode()


def changed(data, position, bit=0):
    copy = bytearray(data)
    copy[position] ^= 1 << bit
    return bytes(copy)


def test_a_signature_verifies():
    evidence = outcome(GOOD)
    fingerprint = KEY.public.fingerprint
    finding = Finding(SignatureKind.BUNDLE, None, COSIGN_SIGN, Signer(fingerprint), Claim(NAME))
    assert evidence == Evidence(SUBJECT.digest, (fingerprint,), (finding,))
    assert evidence.outcome is Outcome.VERIFIED
    require(evidence, "r.io/a@sha256:1")


def test_nothing_is_unsigned():
    evidence = outcome()
    assert evidence.outcome is Outcome.UNSIGNED
    with pytest.raises(Unsigned, match="a@sha256:1 is not signed"):
        require(evidence, "r.io/a@sha256:1")


def test_nobody_is_trusted_by_a_mistake():
    with pytest.raises(ValueError, match="trusts somebody"):
        Verifier([])


def test_an_attestation_is_not_a_signature():
    assert outcome(SBOM).outcome is Outcome.UNSIGNED
    assert outcome(SBOM, GOOD).outcome is Outcome.VERIFIED


def test_one_good_signature_among_bad_ones_is_enough_and_the_bad_ones_are_told():
    bad = sign(SUBJECT, NAME, OTHER_KEY, CREATED).bundle_bytes
    for bundles in ([bad, GOOD], [GOOD, bad]):
        evidence = outcome(*bundles)
        assert evidence.outcome is Outcome.VERIFIED
        assert evidence.reasons == ("a signature does not hold: it was made with another key",)


OTHER_ARTIFACT = describe(OCI_MANIFEST, b"another")
V01 = b'{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":"%b"}}],"predicateType":"%b"}' % (
    SUBJECT.digest.encoded.encode(),
    COSIGN_SIGN.encode(),
)
DECODED = Bundle.parse(GOOD)
CERTIFIED = json.loads(sign(SUBJECT, NAME, OTHER_KEY, CREATED).bundle_bytes)
CERTIFIED["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}}
BAD = {
    "other-key": (sign(SUBJECT, NAME, OTHER_KEY, CREATED).bundle_bytes, "another key"),
    "other-key-posing-as-ours": (
        signed(DECODED.envelope.payload, key=OTHER_KEY, hint=KEY.public.hint),
        "not valid for this key",
    ),
    "other-artifact": (
        sign(OTHER_ARTIFACT, NAME, KEY, CREATED).bundle_bytes,
        f"for {OTHER_ARTIFACT.digest}, not for this artifact",
    ),
    "sha512-of-something": (
        sign(Descriptor(OCI_MANIFEST, Digest.of(b"x", "sha512"), 1), NAME, KEY, CREATED).bundle_bytes,
        "another artifact",
    ),
    "statement-of-version-0.1": (signed(V01), "malformed"),
    "payload-not-a-statement": (signed(b"{}"), "malformed"),
    "payload-of-another-type": (signed(DECODED.envelope.payload, "text/plain"), "'text/plain'"),
    "signature-over-bare-payload": (
        Bundle(
            Envelope(DECODED.envelope.payload, IN_TOTO, KEY.sign(DECODED.envelope.payload)), Material(KEY.public.hint)
        ).encode(),
        "not valid for this key",
    ),
    "empty-signature": (
        Bundle(Envelope(DECODED.envelope.payload, IN_TOTO, b""), Material(KEY.public.hint)).encode(),
        "not valid",
    ),
    "certificate": (json.dumps(CERTIFIED).encode(), "a certificate"),
    "nonsense": (b"nonsense", "malformed"),
    "empty": (b"", "malformed"),
}


@pytest.mark.parametrize("defect", BAD)
def test_says_why_a_signature_does_not_hold(defect):
    bundle, reason = BAD[defect]
    evidence = outcome(bundle)
    assert evidence.outcome is Outcome.INVALID
    assert len(evidence.reasons) == 1
    assert reason in evidence.reasons[0]
    with pytest.raises(InvalidSignature) as caught:
        require(evidence, "r.io/a@sha256:1")
    assert reason in caught.value.cause
    assert KEY.public.fingerprint in caught.value.hint


def test_an_error_is_bounded_however_many_bad_signatures_there_are():
    bundles = [sign(describe("t", bytes([number])), NAME, KEY, CREATED).bundle_bytes for number in range(20)]
    with pytest.raises(InvalidSignature) as caught:
        require(outcome(*bundles), NAME)
    assert caught.value.cause.splitlines()[-1] == "and 15 more"


def test_any_of_several_subjects_will_do():
    subjects = (Subject({"sha256": "ab" * 32}), Subject({"sha512": "cd" * 64, "sha256": SUBJECT.digest.encoded}))
    assert outcome(sign_statement(Statement(subjects, COSIGN_SIGN), KEY)).outcome is Outcome.VERIFIED


def test_a_signature_without_hint_verifies():
    bundle = json.loads(GOOD)
    bundle["verificationMaterial"] = {"publicKey": {}}
    assert outcome(json.dumps(bundle).encode()).outcome is Outcome.VERIFIED


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_no_flipped_bit_of_payload_or_signature_verifies(part):
    envelope = DECODED.envelope
    data = getattr(envelope, part)
    for position in range(len(data)):
        for bit in range(8):
            parts = {"payload": envelope.payload, "signature": envelope.signature}
            parts[part] = changed(data, position, bit)
            bundle = Bundle(Envelope(parts["payload"], IN_TOTO, parts["signature"]), Material(KEY.public.hint))
            assert outcome(bundle.encode()).outcome is not Outcome.VERIFIED


def test_no_flipped_bit_of_the_encoded_envelope_verifies():
    start = GOOD.index(b'"dsseEnvelope"')
    for position in range(start, len(GOOD)):
        assert outcome(changed(GOOD, position, position % 8)).outcome is not Outcome.VERIFIED


def test_no_flipped_bit_anywhere_raises():
    for position in range(len(GOOD)):
        for bit in range(8):
            outcome(changed(GOOD, position, bit))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_invalid(data):
    assert outcome(data).outcome is Outcome.INVALID


@given(st.text(alphabet=st.characters(), max_size=20))
def test_payload_types_of_any_text_never_raise(payload_type):
    value = json.loads(GOOD)
    value["dsseEnvelope"]["payloadType"] = payload_type
    assert outcome(json.dumps(value).encode()).outcome is Outcome.INVALID


def test_a_lone_surrogate_is_just_another_type():
    value = GOOD.replace(b'"application/vnd.in-toto+json"', b'"\\ud800"')
    assert outcome(value).outcome is Outcome.INVALID


# The walk from a store to its bundles.


def push(store, media_type, data):
    descriptor = describe(media_type, data)
    store.push(descriptor, lambda: io.BytesIO(data))
    return descriptor


@pytest.fixture
def store():
    content = MemoryStore()
    push(content, EMPTY.media_type, EMPTY_BYTES)
    push(content, OCI_MANIFEST, ARTIFACT)
    return content


def test_finds_what_was_signed(store):
    assert signatures_of(store, SUBJECT) == []
    first, second = sign(SUBJECT, NAME, KEY, CREATED), sign(SUBJECT, NAME, OTHER_KEY, CREATED)
    first.push_to(store)
    assert signatures_of(store, SUBJECT) == [first.bundle_bytes]
    second.push_to(store)
    assert sorted(signatures_of(store, SUBJECT)) == sorted([first.bundle_bytes, second.bundle_bytes])
    assert outcome(*signatures_of(store, SUBJECT)).outcome is Outcome.VERIFIED


def test_attestations_and_other_artifacts_are_passed_over(store):
    attach(SBOM, SUBJECT, SBOM_TYPE, CREATED).push_to(store)
    sign(describe(OCI_MANIFEST, b"another"), NAME, KEY, CREATED).push_to(store)
    push(store, OCI_MANIFEST, Manifest(EMPTY, (EMPTY,), artifact_type="text/x", subject=SUBJECT).encode())
    assert signatures_of(store, SUBJECT) == []


@pytest.mark.parametrize("layers", [(), (EMPTY,), "twice"])
def test_manifests_of_another_shape_are_passed_over(store, layers):
    bundle = push(store, BUNDLE, GOOD)
    layers = (bundle, bundle) if layers == "twice" else layers
    push(store, OCI_MANIFEST, Manifest(EMPTY, layers, artifact_type=BUNDLE, subject=SUBJECT).encode())
    assert signatures_of(store, SUBJECT) == []


class Lying(MemoryStore):
    """Lists what it is told to, whatever its subject."""

    listed = ()

    def referrers(self, subject, artifact_type=None, /):
        return list(self.listed)


def test_a_listed_manifest_must_name_the_subject_itself():
    store = Lying()
    about_another = sign(describe(OCI_MANIFEST, b"another"), NAME, KEY, CREATED)
    no_subject = Manifest(EMPTY, (push(store, BUNDLE, GOOD),), artifact_type=BUNDLE).encode()
    listed = [about_another.push_to(store), push(store, OCI_MANIFEST, no_subject)]
    store.listed = [replace(each, artifact_type=BUNDLE) for each in listed]
    assert signatures_of(store, SUBJECT) == []
    about_this = sign(SUBJECT, NAME, KEY, CREATED)
    store.listed.append(replace(about_this.push_to(store), artifact_type=BUNDLE))
    assert signatures_of(store, SUBJECT) == [about_this.bundle_bytes]


def test_a_list_that_leaves_out_annotations_is_made_up_for_by_the_manifest():
    store = Lying()
    store.listed = [replace(attach(SBOM, SUBJECT, SBOM_TYPE, CREATED).push_to(store), artifact_type=BUNDLE)]
    assert signatures_of(store, SUBJECT) == []
    assert len(found_referrers(store, SUBJECT, all_wanted)) == 1


def test_a_bundle_whose_bytes_changed_is_an_error_and_not_unsigned(store):
    signature = sign(SUBJECT, NAME, KEY, CREATED)
    signature.push_to(store)
    store._content[signature.bundle.digest] = changed(signature.bundle_bytes, 300)
    with pytest.raises(DigestMismatch):
        signatures_of(store, SUBJECT)


def test_a_missing_bundle_is_an_error_and_not_unsigned(store):
    signature = sign(SUBJECT, NAME, KEY, CREATED)
    signature.push_to(store)
    del store._content[signature.bundle.digest]
    with pytest.raises(ContentNotFound):
        signatures_of(store, SUBJECT)


def test_a_registry_that_cannot_answer_is_an_error_and_not_unsigned():
    class Silent(MemoryStore):
        def referrers(self, subject, artifact_type=None, /):
            raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        signatures_of(Silent(), SUBJECT)


def test_too_many_referrers_are_an_error():
    store = Lying()
    store.listed = [replace(SUBJECT, artifact_type=BUNDLE)] * (MAX_REFERRERS + 1)
    with pytest.raises(GraphTooLarge, match=str(MAX_REFERRERS + 1)):
        signatures_of(store, SUBJECT)


def test_a_huge_bundle_is_not_fetched(store):
    huge = Descriptor(BUNDLE, Digest.of(b"never there"), MAX_BUNDLE + 1)
    push(store, OCI_MANIFEST, Manifest(EMPTY, (huge,), artifact_type=BUNDLE, subject=SUBJECT).encode())
    with pytest.raises(ContentTooLarge):
        signatures_of(store, SUBJECT)


def test_the_payload_is_never_shown_raw():
    payload = base64.b64encode(b"\x1b[2J").decode()
    value = json.loads(GOOD)
    value["dsseEnvelope"]["payload"] = payload
    value["dsseEnvelope"]["payloadType"] = "\x1b[2J"
    (reason,) = outcome(json.dumps(value).encode()).reasons
    assert "\x1b" not in reason
