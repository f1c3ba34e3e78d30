"""Types of attestations by name, and statements that are signed once for both forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.model import OCI_MANIFEST, Descriptor
from wasmbuild.errors import InvalidAttestation, UsageFailed
from wasmbuild.trust.attesting import attest, essence
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.dsse import DSSE
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CYCLONEDX, PREDICATE_TYPES, PROVENANCE, parse_predicate_type, short_name
from wasmbuild.trust.statement import COSIGN_SIGN, NOTARY_SIGN, Statement, Subject
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows.attest import required_attestations

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
ARTIFACT = Descriptor(OCI_MANIFEST, Digest.of(b"artifact"), 8)
SUBJECT = Subject({"sha256": ARTIFACT.digest.encoded}, "example.com/hello")
BOM = Statement((SUBJECT,), CYCLONEDX, {"bomFormat": "CycloneDX"})


def candidates(statement, key=KEY):
    said = attest(statement, key)
    return [
        Candidate(SignatureKind.BUNDLE, BUNDLE, said.bundle),
        Candidate(SignatureKind.LEGACY, DSSE, said.envelope, annotations=said.layer.annotations),
    ]


def verified(*found):
    return Verifier([KeyAuthority(KEY.public)]).verify(ARTIFACT, found)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("cyclonedx", "https://cyclonedx.org/bom"),
        ("spdxjson", "https://spdx.dev/Document"),
        ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
        ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
        ("openvex", "https://openvex.dev/ns"),
        ("custom", "https://cosign.sigstore.dev/attestation/v1"),
        ("https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
        ("urn:example:x", "urn:example:x"),
    ],
)
def test_types_by_name_and_as_a_whole(name, uri):
    assert parse_predicate_type(name) == uri


@pytest.mark.parametrize(
    "text", ["", "sbom", "cyclonedx ", "https:", "a b:c", "x:\n", "x:\udcff", "x:é", "://x", COSIGN_SIGN, NOTARY_SIGN]
)
def test_what_is_no_type_of_attestations(text):
    with pytest.raises(UsageFailed, match="type of"):
        parse_predicate_type(text)


@given(st.text(max_size=30))
def test_a_type_is_known_or_a_uri(text):
    try:
        found = parse_predicate_type(text)
    except UsageFailed:
        return
    assert found in PREDICATE_TYPES.values() or (found == text and ":" in found and found.isascii())


def test_a_type_is_shown_by_its_name():
    assert short_name(PROVENANCE) == "slsaprovenance1"
    assert short_name("https://example.com/x") == "https://example.com/x"


def test_both_forms_hold_for_the_key_and_say_the_same():
    evidence = verified(*candidates(BOM))
    assert [finding.holds for finding in evidence.attestations] == [True, True]
    assert {essence(finding.claim.statement) for finding in evidence.attestations} == {essence(BOM)}
    assert evidence.signatures == ()


def test_the_same_statement_is_signed_to_the_same_bytes():
    assert attest(BOM, KEY) == attest(BOM, KEY)
    assert json.loads(attest(BOM, KEY).envelope)["signatures"][0].keys() == {"keyid", "sig"}


def test_names_and_times_make_no_difference_and_all_else_does():
    def provenance(started, definition, builder="https://example.com/ci"):
        run = {"builder": {"id": builder}, "metadata": {"startedOn": started}}
        return essence(Statement((SUBJECT,), PROVENANCE, {"buildDefinition": definition, "runDetails": run}))

    elsewhere = Subject(SUBJECT.digests, "example.com/copy")
    assert essence(BOM) == essence(Statement((elsewhere,), CYCLONEDX, BOM.predicate))
    assert provenance("1", {"a": 1}) == provenance("2", {"a": 1})
    different = [
        provenance("1", {"a": 1}),
        provenance("1", {"a": 2}),
        provenance("1", {"a": 1}, "https://example.com/laptop"),
        essence(BOM),
        essence(Statement((SUBJECT,), CYCLONEDX, {})),
        essence(Statement((SUBJECT,), "urn:x", BOM.predicate)),
        essence(Statement((SUBJECT, Subject({"sha256": "00" * 32})), CYCLONEDX, BOM.predicate)),
    ]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ((), "has no attestation of type"),
        (candidates(BOM, OTHER), "is valid"),
        (candidates(Statement((SUBJECT,), "urn:x", {})), "has no attestation of type"),
        (candidates(Statement.signature_of(ARTIFACT.digest, "example.com/hello")), "has no attestation of type"),
        (candidates(Statement((Subject({"sha256": "00" * 32}),), CYCLONEDX, {})), "is valid"),
    ],
    ids=["none", "another-key", "another-type", "a-signature", "another-artifact"],
)
def test_no_attestation_that_holds_is_a_failure(found, why):
    with pytest.raises(InvalidAttestation, match=why):
        required_attestations(verified(*found), CYCLONEDX)


def test_an_attestation_that_holds_is_enough_beside_others():
    held = required_attestations(verified(*candidates(BOM, OTHER), *candidates(BOM)), CYCLONEDX)
    assert [finding.kind for finding in held] == [SignatureKind.BUNDLE, SignatureKind.LEGACY]
