"""Signing for the Notary Project, and finding what is signed: manifests, forms, and what is not said twice."""

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from registry.errors import GraphTooLarge
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Descriptor, Manifest, describe
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from tests.certified import KEYS, NOW, certificate, chain_of_three, pem
from wasmbuild.errors import InvalidKey, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.discovery import MAX_REFERRERS, all_wanted, attestations_wanted, found
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.notation.authority import CertificateAuthority
from wasmbuild.trust.notation.envelope import COSE, JWS
from wasmbuild.trust.notation.layout import NOTARY_SIGNATURE
from wasmbuild.trust.notation.signing import Credential
from wasmbuild.trust.verifier import Outcome, Verifier
from wasmbuild.workflows.beside import Attached
from wasmbuild.workflows.sign import ALL_KINDS, Certificates, Wish, attach_signatures

KEY = PrivateKey.of(KEYS["leaf"])
CHAIN = chain_of_three()
ARTIFACT = Manifest(EMPTY, ()).encode()
SUBJECT = describe(OCI_MANIFEST, ARTIFACT)
REFERENCE = Reference.parse(f"127.0.0.1:5000/demo/hello@{SUBJECT.digest}")
CREATED = "1970-01-01T00:00:00Z"
EVERY_KIND = (*ALL_KINDS, SignatureKind.NOTATION)
ONLY = (SignatureKind.NOTATION,)


@pytest.fixture
def store():
    content = MemoryStore()
    push(content, OCI_MANIFEST, ARTIFACT)
    return content


def push(store, media_type, data):
    descriptor = describe(media_type, data)
    store.push(descriptor, lambda: io.BytesIO(data))
    return descriptor


def credential(chain=CHAIN, signed_at=NOW, media_type=JWS, key=KEY):
    return Credential.of(key, pem(*chain), signed_at, media_type)


def sign(store, by=None, kinds=ONLY, **annotations):
    wish = Wish(KEY, CREATED, kinds, annotations, by or credential())
    return attach_signatures(Attached(store, REFERENCE, SUBJECT), wish, ignore)


def verified(store, authority, wanted=None):
    candidates = found(store, SUBJECT, wanted) if wanted else found(store, SUBJECT)
    return Verifier([authority]).verify(SUBJECT, candidates)


def test_one_command_signs_for_everybody(store):
    assert [each.added for each in sign(store, kinds=EVERY_KIND)] == [True] * 3
    evidence = verified(store, KeyAuthority(KEY.public))
    assert {each.kind for each in evidence.signatures if each.holds} == set(EVERY_KIND)
    by_root = verified(store, CertificateAuthority.of(pem(CHAIN[-1])))
    assert [each.kind for each in by_root.signatures if each.holds] == [SignatureKind.NOTATION]


def test_what_is_said_is_not_said_again(store):
    def added(by, **annotations):
        (signature,) = sign(store, by, **annotations)
        assert signature.is_new_referrer == signature.added
        return signature.added

    assert added(credential())
    assert not added(credential())
    assert not added(credential(signed_at=NOW + timedelta(hours=1)))
    assert added(credential(), stage="prod")
    assert added(credential(media_type=COSE))
    assert not added(credential(media_type=COSE))
    renewed = chain_of_three()
    assert added(credential(renewed))
    assert not added(credential(renewed))
    assert len(store.referrers(SUBJECT)) == 4


def test_the_manifest_is_as_released_versions_have_it(store):
    (signature,) = sign(store, credential(media_type=COSE))
    (entry,) = store.referrers(SUBJECT, NOTARY_SIGNATURE)
    with store.fetch(signature.manifest) as reader:
        document = json.loads(reader.read())
    assert entry.digest == signature.manifest.digest
    assert document.keys() == {"schemaVersion", "mediaType", "config", "layers", "subject", "annotations"}
    assert document["config"] == {**EMPTY.to_json(), "mediaType": NOTARY_SIGNATURE}
    assert [layer["mediaType"] for layer in document["layers"]] == ["application/cose"]
    assert document["subject"] == SUBJECT.to_json()
    thumbprints = json.loads(document["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"])
    assert [len(each) for each in thumbprints] == [64, 64, 64]
    assert document["annotations"]["org.opencontainers.image.created"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


def put(store, config, artifact_type, layers=1, subject=SUBJECT):
    """A signature that holds, in a manifest of another layout."""
    made = credential().sign(SUBJECT)
    store.push(EMPTY, lambda: io.BytesIO(EMPTY_BYTES))
    layer = push(store, JWS, made.bundle_bytes)
    config = replace(EMPTY, media_type=config)
    manifest = Manifest(config, (layer,) * layers, artifact_type=artifact_type, subject=subject)
    return push(store, OCI_MANIFEST, manifest.encode())


@pytest.mark.parametrize(
    ("config", "artifact_type", "outcome"),
    [
        (NOTARY_SIGNATURE, None, Outcome.VERIFIED),
        (EMPTY.media_type, NOTARY_SIGNATURE, Outcome.VERIFIED),
        (NOTARY_SIGNATURE, NOTARY_SIGNATURE, Outcome.UNSIGNED),
        (NOTARY_SIGNATURE, "application/vnd.example", Outcome.UNSIGNED),
        ("application/vnd.example", NOTARY_SIGNATURE, Outcome.UNSIGNED),
        ("application/vnd.example", None, Outcome.UNSIGNED),
    ],
)
def test_two_layouts_are_read_and_no_mixture(store, config, artifact_type, outcome):
    put(store, config, artifact_type)
    assert verified(store, KeyAuthority(KEY.public)).outcome is outcome


def test_several_layers_and_other_subjects_are_passed_over(store):
    put(store, NOTARY_SIGNATURE, None, layers=2)
    other = push(store, OCI_MANIFEST, Manifest(EMPTY, (), annotations={"a": "b"}).encode())
    put(store, NOTARY_SIGNATURE, None, subject=other)
    assert verified(store, KeyAuthority(KEY.public)).outcome is Outcome.UNSIGNED


def test_an_envelope_of_another_type_is_no_signature(store):
    made = credential().sign(SUBJECT)
    layer = push(store, "application/json", made.bundle_bytes)
    config = Descriptor(NOTARY_SIGNATURE, EMPTY.digest, EMPTY.size)
    push(store, OCI_MANIFEST, Manifest(config, (layer,), subject=SUBJECT).encode())
    evidence = verified(store, KeyAuthority(KEY.public))
    assert evidence.outcome is Outcome.INVALID
    assert "of a kind that is not known" in evidence.reasons[0]


def test_no_more_than_a_hundred_are_looked_at(store):
    for number in range(MAX_REFERRERS + 1):
        config = Descriptor(NOTARY_SIGNATURE, EMPTY.digest, EMPTY.size)
        push(store, OCI_MANIFEST, Manifest(config, (), subject=SUBJECT, annotations={"n": str(number)}).encode())
    with pytest.raises(GraphTooLarge, match="101"):
        found(store, SUBJECT)


def test_it_is_never_taken_for_an_attestation(store):
    sign(store)
    assert found(store, SUBJECT, attestations_wanted) == []
    assert verified(store, KeyAuthority(KEY.public), all_wanted).attestations == ()


def test_annotations_of_notations_own_are_refused(store):
    with pytest.raises(UsageFailed, match="own"):
        sign(store, **{"io.cncf.notary.x": "1"})
    assert store.referrers(SUBJECT) == []
    with pytest.raises(ValueError, match="credential"):
        attach_signatures(Attached(store, REFERENCE, SUBJECT), Wish(KEY, CREATED, ONLY), ignore)


def test_the_time_is_that_of_the_sources_or_now():
    certificates = Certificates(pem(certificate("leaf", "leaf")), JWS)
    assert certificates.credential(KEY, {"SOURCE_DATE_EPOCH": "86400"}).signed_at.isoformat().startswith("1970-01-02")
    assert NOW <= certificates.credential(KEY, {}).signed_at <= NOW + timedelta(hours=1)
    with pytest.raises(InvalidKey):
        Certificates(b"nothing", JWS).credential(KEY, {})
