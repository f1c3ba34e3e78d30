"""Attacks on those who verify that no other test shows; all that are known are in ``docs/threats.md``."""

import json
import re
from pathlib import Path

import pytest

from registry.model import OCI_MANIFEST, describe
from wasmbuild.errors import InvalidAttestation, Unsigned
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.bundle import BUNDLE, Bundle
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.dsse import Envelope, pae
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.policy.subjects import parse_subject
from wasmbuild.trust.proof import Material
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import IN_TOTO, Statement
from wasmbuild.trust.verifier import Outcome, Verifier, require, require_attestation

CHECKOUT = Path(__file__).parents[3]
KEY = PrivateKey.generate()
SUBJECT = describe(OCI_MANIFEST, b"{}")
PREDICATE = "https://example.com/predicate"


def test_nothing_is_not_enough():
    """CVE-2022-35929: where there is no attestation of a type, none is good."""
    for statement in ((), (Statement.signature_of(SUBJECT.digest, "x"),)):
        candidates = [Candidate(SignatureKind.BUNDLE, BUNDLE, sign_statement(each, KEY)) for each in statement]
        evidence = Verifier([KeyAuthority(KEY.public)]).verify(SUBJECT, candidates)
        with pytest.raises(InvalidAttestation, match="has no attestation"):
            require_attestation(evidence, PREDICATE, "x")
    with pytest.raises(Unsigned):
        require(Verifier([KeyAuthority(KEY.public)]).verify(SUBJECT, ()), "x")


def test_a_name_of_a_subject_is_bounded_before_it_is_parsed():
    """CVE-2023-25656."""
    assert list(parse_subject("O=" + "x" * 60))
    with pytest.raises(ValueError, match="too long"):
        parse_subject(",".join(["O=x"] * 300))


def test_no_browser_is_opened_and_no_flow_of_oauth_is_ours():
    """GHSA-hm8f-75xx-w2vr: what is not there cannot be tricked."""
    for file in (CHECKOUT / "wasmbuild").rglob("*.py"):
        assert not re.search(r"\b(webbrowser|Issuer)\b", file.read_text()), (
            file
        )  # sigstore's flow begins with an Issuer


def test_what_is_verified_are_the_bytes_that_came():
    """The same document in other bytes is another one, whichever of the two was signed."""
    statement = json.loads(Statement.signature_of(SUBJECT.digest, "x").encode())
    ways = [json.dumps(statement, indent=3).encode(), json.dumps(statement).encode()]
    for signed in ways:
        for came in ways:
            envelope = Envelope(came, IN_TOTO, KEY.sign(pae(IN_TOTO, signed)))
            data = Bundle(envelope, Material(key_hint=KEY.public.hint)).encode()
            candidate = Candidate(SignatureKind.BUNDLE, BUNDLE, data)
            found = Verifier([KeyAuthority(KEY.public)]).verify(SUBJECT, [candidate])
            assert (found.outcome is Outcome.VERIFIED) == (signed == came)
