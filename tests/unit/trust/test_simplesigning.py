import base64
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import (
    ContentNotFound,
    ContentTooLarge,
    DigestMismatch,
    GraphTooLarge,
    InvalidDocument,
    UnexpectedAnswer,
    Unreachable,
)
from registry.model import DOCKER_MANIFEST, EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, Index, Manifest, describe
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.errors import UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.companion import MAX_LAYERS, add_layer, companion_tag, read_tagged
from wasmbuild.trust.discovery import MAX_PAYLOADS, found, found_under_tag
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign_payload
from wasmbuild.trust.simplesigning import CERTIFICATE, MAX_PAYLOAD, SIGNATURE, SIMPLE_SIGNING, Payload, signed_layer
from wasmbuild.trust.verifier import Claim, Outcome, Verifier
from wasmbuild.workflows.beside import Attached
from wasmbuild.workflows.sign import Wish, attach_signatures, parse_kinds

KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()
ARTIFACT = Manifest(EMPTY, ()).encode()
SUBJECT = describe(OCI_MANIFEST, ARTIFACT)
REFERENCE = Reference.parse("127.0.0.1:5000/demo/hello")
NAME = REFERENCE.name
PAYLOAD = Payload(SUBJECT.digest, NAME)
TAG = f"sha256-{SUBJECT.digest.encoded}.sig"
CREATED = "1970-01-01T00:00:00Z"
LEGACY, BUNDLE = (SignatureKind.LEGACY,), (SignatureKind.BUNDLE,)


def changed(data, position, bit=0):
    copy = bytearray(data)
    copy[position] ^= 1 << bit
    return bytes(copy)


def candidate(payload=PAYLOAD, key=KEY):
    data = payload if isinstance(payload, bytes) else payload.encode()
    return simple(data, base64.b64encode(key.sign(data)).decode())


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def simple(payload, signature, **annotations):
    said = {SIGNATURE: signature, **annotations}
    return Candidate(SignatureKind.LEGACY, SIMPLE_SIGNING, payload, annotations=said)


def verified(candidates, key=KEY):
    return Verifier([KeyAuthority(key.public)]).verify(SUBJECT, candidates)


def judged(*candidates):
    return verified(candidates)


def push(store, media_type, data):
    descriptor = describe(media_type, data)
    store.push(descriptor, lambda: io.BytesIO(data))
    return descriptor


@pytest.fixture
def store():
    content = MemoryStore()
    push(content, OCI_MANIFEST, ARTIFACT)
    return content


def sign(store, key=KEY, kinds=LEGACY, reference=REFERENCE, **annotations):
    wish = Wish(key, CREATED, kinds, annotations)
    return attach_signatures(Attached(store, reference, SUBJECT), wish, ignore)


def tagged(store):
    found = read_tagged(store, SUBJECT.digest)
    return found[1]


def put(store, *layers, media_type=OCI_MANIFEST):
    """A ``.sig`` manifest of layers, whatever is behind them."""
    manifest = Manifest(EMPTY, layers, media_type=media_type).encode()
    store.tag(push(store, media_type, manifest), TAG)


def test_the_payload_to_the_byte():
    head = (
        b'{"critical":{"identity":{"docker-reference":"127.0.0.1:5000/demo/hello"},"image":{"docker-manifest-digest":"'
    )
    middle = str(SUBJECT.digest).encode() + b'"},"type":"cosign container image signature"},"optional":'
    assert PAYLOAD.encode() == head + middle + b"null}"
    more = Payload(SUBJECT.digest, NAME, {"b": "<&>\u2028", "a": 'é"\x01'})
    expected = b'{"a":"\xc3\xa9\\"\\u0001","b":"\\u003c\\u0026\\u003e\\u2028"}}'
    assert more.encode() == head + middle + expected


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=4))
def test_a_payload_is_read_as_it_was_written(optional):
    payload = Payload(SUBJECT.digest, NAME, optional)
    assert Payload.parse(payload.encode()) == payload


def with_changes(path, value):
    document = json.loads(PAYLOAD.encode())
    *parents, last = path
    place = document
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document).encode()


MALFORMED = {
    "nonsense": b"nonsense",
    "list": b"[]",
    "another-type": with_changes(["critical", "type"], "atomic container signature"),
    "no-type": with_changes(["critical", "type"], None),
    "no-digest": with_changes(["critical", "image"], None),
    "capital-d": PAYLOAD.encode().replace(b"docker-manifest-digest", b"Docker-manifest-digest"),
    "digest-not-text": with_changes(["critical", "image", "docker-manifest-digest"], 5),
    "digest-in-capitals": PAYLOAD.encode().replace(b"sha256:", b"SHA256:"),
    "name-not-text": with_changes(["critical", "identity", "docker-reference"], 5),
    "more-in-critical": with_changes(["critical", "more"], 1),
    "more-in-image": with_changes(["critical", "image", "more"], 1),
    "more": with_changes(["more"], 1),
    "optional-not-an-object": with_changes(["optional"], 1),
    "same-key-twice": PAYLOAD.encode().replace(b'{"critical"', b'{"optional":{},"critical"'),
    "too-large": Payload(SUBJECT.digest, NAME, {"a": "x" * MAX_PAYLOAD}).encode(),
}


@pytest.mark.parametrize("defect", MALFORMED)
def test_a_malformed_payload_does_not_hold_whoever_signed_it(defect):
    with pytest.raises(InvalidDocument):
        Payload.parse(MALFORMED[defect])
    evidence = judged(candidate(MALFORMED[defect]))
    assert evidence.outcome is Outcome.INVALID
    assert "under the .sig tag does not hold: it is malformed" in evidence.reasons[0]


def test_a_simple_signature_verifies():
    evidence = judged(candidate(Payload(SUBJECT.digest, NAME, {"a": "1"})))
    assert evidence.outcome is Outcome.VERIFIED
    assert evidence.findings[0].claim == Claim(NAME, {"a": "1"})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (candidate(key=OTHER_KEY), "not valid for this key"),
        (Candidate(SignatureKind.LEGACY, SIMPLE_SIGNING, PAYLOAD.encode()), "malformed: it is not a text"),
        (simple(PAYLOAD.encode(), "?"), "malformed: it is not base64"),
        (simple(PAYLOAD.encode(), ""), "not valid for this key"),
        (simple(PAYLOAD.encode(), "AAAA", **{CERTIFICATE: PEM}), "a certificate"),
        (candidate(Payload(Digest.of(b"x"), NAME)), f"is for {Digest.of(b'x')}, not for this artifact"),
        (candidate(Payload(Digest.of(b"x", "sha512"), NAME)), "not for this artifact"),
    ],
)
def test_says_why_a_simple_signature_does_not_hold(given, reason):
    evidence = judged(given)
    assert evidence.outcome is Outcome.INVALID
    assert reason in evidence.reasons[0]


def test_no_flipped_bit_of_payload_or_signature_verifies():
    data, signature = PAYLOAD.encode(), KEY.sign(PAYLOAD.encode())
    text = base64.b64encode(signature)

    def outcome(payload, said):
        return judged(simple(payload, said)).outcome

    assert outcome(data, text.decode()) is Outcome.VERIFIED
    for position in range(len(data)):
        assert outcome(changed(data, position, position % 8), text.decode()) is Outcome.INVALID
    for bit in range(len(signature) * 8):
        flipped = changed(signature, bit // 8, bit % 8)
        assert outcome(data, base64.b64encode(flipped).decode()) is Outcome.INVALID
    for bit in range(len(text) * 8):
        assert outcome(data, changed(text, bit // 8, bit % 8).decode("latin-1")) is Outcome.INVALID


# The tag, and what is behind it.


def test_the_manifest_under_the_tag(store):
    (signature,) = sign(store)
    manifest = tagged(store)
    assert store.resolve(TAG) == signature.manifest
    (layer,) = manifest.layers
    assert layer.plain() == describe(SIMPLE_SIGNING, PAYLOAD.encode())
    assert list(layer.annotations) == ["dev.cosignproject.cosign/signature"]
    assert (manifest.subject, manifest.artifact_type) == (None, None)
    assert manifest.config.media_type == "application/vnd.oci.image.config.v1+json"
    config = json.loads(store.fetch(manifest.config).read())
    assert config["rootfs"] == {"type": "layers", "diff_ids": [str(layer.digest)]}


def test_signatures_stand_beside_each_other_and_none_is_written_twice(store):
    assert [sign(store, key)[0].added for key in (KEY, OTHER_KEY, KEY, OTHER_KEY)] == [True, True, False, False]
    assert len(tagged(store).layers) == 2
    for key in (KEY, OTHER_KEY):
        assert verified(found_under_tag(store, SUBJECT), key).outcome is Outcome.VERIFIED


@pytest.mark.parametrize("kinds", [LEGACY, BUNDLE])
def test_another_statement_is_another_signature(store, kinds):
    added = [sign(store, kinds=kinds, **each)[0].added for each in ({}, {"a": "1"}, {"a": "1"}, {"a": "2"}, {})]
    assert added == [True, True, False, True, False]
    evidence = verified(found(store, SUBJECT))
    assert [finding.kind for finding in evidence.findings] == [*kinds] * 3
    assert {str(dict(finding.claim.annotations)) for finding in evidence.findings} == {"{}", "{'a': '1'}", "{'a': '2'}"}


def test_the_name_under_the_tag_counts_and_that_of_a_bundle_does_not(store):
    elsewhere = Reference.parse("127.0.0.1:5000/other/place")
    sign(store, kinds=BUNDLE + LEGACY)
    bundle, legacy = sign(store, kinds=BUNDLE + LEGACY, reference=elsewhere)
    assert (bundle.added, legacy.added) == (False, True)


def test_all_signatures_are_found_with_their_kind_and_place(store):
    bundle, legacy = sign(store, kinds=BUNDLE + LEGACY)
    assert [(each.kind, each.manifest.digest) for each in found(store, SUBJECT)] == [
        (SignatureKind.BUNDLE, bundle.manifest.digest),
        (SignatureKind.LEGACY, legacy.manifest.digest),
    ]


def test_what_others_wrote_stays(store):
    payload = PAYLOAD.encode()
    push(store, SIMPLE_SIGNING, payload)
    theirs = Descriptor(
        SIMPLE_SIGNING,
        Digest.of(payload),
        len(payload),
        annotations={SIGNATURE: "AAAA", "dev.sigstore.cosign/bundle": "{}"},
        extra={"urls": ["https://example.com"]},
    )
    odd = Manifest(EMPTY, (theirs,), media_type=DOCKER_MANIFEST, annotations={"a": "b"}, extra={"x": 1})
    store.tag(push(store, DOCKER_MANIFEST, odd.encode()), TAG)
    sign(store)
    after = tagged(store)
    assert after.layers[0] == theirs
    assert (after.media_type, after.annotations, after.extra) == (DOCKER_MANIFEST, {"a": "b"}, {"x": 1})
    assert after.config.media_type == "application/vnd.docker.container.image.v1+json"


class Contested(MemoryStore):
    """Somebody else writes right after us, from what was there before; as often as told."""

    times = 0

    def tag(self, descriptor, name, /):
        before = self._tags.get(name)
        super().tag(descriptor, name)
        if self.times and name == TAG:
            self.times -= 1
            data = Payload(SUBJECT.digest, f"{NAME}/{self.times}").encode()
            push(self, SIMPLE_SIGNING, data)
            layer = signed_layer(data, OTHER_KEY.sign(data))
            known = () if before is None else tagged_layers(self, before)
            theirs = Manifest(EMPTY, (*known, layer)).encode()
            super().tag(push(self, OCI_MANIFEST, theirs), name)


def tagged_layers(store, descriptor):
    return Manifest(
        EMPTY, tuple(map(Descriptor.from_json, json.loads(store.fetch(descriptor).read())["layers"]))
    ).layers


def test_a_signature_that_was_overwritten_is_written_again_beside_the_other():
    store = Contested()
    push(store, OCI_MANIFEST, ARTIFACT)
    store.times = 3
    (signature,) = sign(store)
    layers = tagged(store).layers
    assert len(layers) == 4
    assert store.resolve(TAG) == signature.manifest
    names = {Payload.parse(each.content).name for each in found_under_tag(store, SUBJECT)}
    assert names == {NAME, f"{NAME}/0", f"{NAME}/1", f"{NAME}/2"}


class Hurried(MemoryStore):
    """Somebody else signs, once, when we have read the tag and are about to write it."""

    rival = None

    def push(self, descriptor, body, /):
        super().push(descriptor, body)
        rival, mine = self.rival, descriptor.media_type == OCI_MANIFEST and self._tags == {}
        if rival and mine:
            self.rival = None
            rival()


def test_what_somebody_wrote_since_we_read_is_not_overwritten():
    store = Hurried()
    push(store, OCI_MANIFEST, ARTIFACT)
    store.rival = lambda: sign(store, OTHER_KEY)
    sign(store)
    assert len(tagged(store).layers) == 2
    for key in (KEY, OTHER_KEY):
        assert verified(found_under_tag(store, SUBJECT), key).outcome is Outcome.VERIFIED


def test_who_is_overwritten_for_ever_is_told():
    store = Contested()
    push(store, OCI_MANIFEST, ARTIFACT)
    store.times = 1000
    with pytest.raises(UnexpectedAnswer, match="did not keep the signature"):
        sign(store)


def test_layers_of_another_type_are_passed_over(store):
    layer, _ = sign_payload(PAYLOAD, KEY)
    put(store, Descriptor(f"{SIMPLE_SIGNING}x", layer.digest, layer.size, annotations=layer.annotations))
    assert found(store, SUBJECT) == []


def test_something_else_under_the_tag_is_an_error_and_is_not_overwritten(store):
    store.tag(push(store, OCI_INDEX, Index(()).encode()), TAG)
    before = store.resolve(TAG)
    for action in (found, lambda have, _: sign(have)):
        with pytest.raises(InvalidDocument, match="is an index"):
            action(store, SUBJECT)
    assert store.resolve(TAG) == before


def test_a_registry_that_takes_the_tag_for_the_digest_has_no_signature(store):
    store.tag(SUBJECT, TAG)
    assert read_tagged(store, SUBJECT.digest) is None
    assert found(store, SUBJECT) == []


def test_a_registry_that_cannot_answer_is_an_error_and_not_unsigned(store):
    class Silent(MemoryStore):
        def resolve(self, name, /):
            raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        found(Silent(), SUBJECT)


def test_a_payload_that_is_missing_or_changed_is_an_error_and_not_unsigned(store):
    layer, data = sign_payload(PAYLOAD, KEY)
    put(store, layer)
    with pytest.raises(ContentNotFound):
        found(store, SUBJECT)
    store._content[layer.digest] = changed(data, 40)
    with pytest.raises(DigestMismatch):
        found(store, SUBJECT)


def test_bounds(store):
    simple = [Descriptor(SIMPLE_SIGNING, Digest.of(bytes([number])), 1) for number in range(MAX_PAYLOADS + 1)]
    put(store, *simple)
    with pytest.raises(GraphTooLarge, match="101 signed contents"):
        found(store, SUBJECT)
    put(store, Descriptor(SIMPLE_SIGNING, Digest.of(b"never there"), MAX_PAYLOAD + 1))
    with pytest.raises(ContentTooLarge):
        found(store, SUBJECT)
    put(store, *[EMPTY] * (MAX_LAYERS + 1))
    with pytest.raises(GraphTooLarge, match="1001"):
        found(store, SUBJECT)


def test_a_full_manifest_takes_no_more_and_stays(store):
    put(store, *[EMPTY] * MAX_LAYERS)
    before = store.resolve(TAG)
    with pytest.raises(GraphTooLarge, match="1001"):
        sign(store)
    assert store.resolve(TAG) == before


def test_a_digest_too_long_for_a_tag_is_signed_as_a_bundle_alone():
    store, data = MemoryStore(), ARTIFACT
    subject = describe(OCI_MANIFEST, data, "sha512")
    store.push(subject, lambda: io.BytesIO(data))
    assert companion_tag(subject.digest) is None
    where = Attached(store, REFERENCE, subject)
    (signature,) = attach_signatures(where, Wish(KEY, CREATED), ignore)
    assert signature.kind is SignatureKind.BUNDLE
    assert Verifier([KeyAuthority(KEY.public)]).verify(subject, found(store, subject)).outcome is Outcome.VERIFIED
    with pytest.raises(UsageFailed, match=r"cannot have a \.sig tag"):
        attach_signatures(where, Wish(KEY, CREATED, LEGACY), ignore)
    with pytest.raises(ValueError, match="sha512"):
        add_layer(store, subject.digest, *sign_payload(PAYLOAD, KEY))


def test_annotations_that_are_too_long(store):
    with pytest.raises(UsageFailed, match="too long"):
        sign(store, a="x" * MAX_PAYLOAD)
    assert store.tags() == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (None, BUNDLE + LEGACY),
        ("bundle,legacy", BUNDLE + LEGACY),
        ("legacy, bundle", BUNDLE + LEGACY),
        ("legacy", LEGACY),
        ("bundle,bundle", BUNDLE),
    ],
)
def test_forms(text, kinds):
    assert parse_kinds(text) == kinds


@pytest.mark.parametrize("text", ["", "bundle,", "Bundle", "all,bundle", "cosign"])
def test_what_is_no_form(text):
    with pytest.raises(UsageFailed, match="is not a form of signatures"):
        parse_kinds(text, certified=True)


@pytest.mark.parametrize("text", ["notation", "all", "bundle,notation"])
def test_the_form_of_notation_needs_a_certificate(text):
    with pytest.raises(UsageFailed, match="needs a certificate"):
        parse_kinds(text)
    assert parse_kinds(text, certified=True)[-1] is SignatureKind.NOTATION
