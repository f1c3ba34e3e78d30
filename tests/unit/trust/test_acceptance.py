"""What is said of other people's verifiers; ``tests/interop`` asks some of them whether it is so."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from registry.model import OCI_MANIFEST, describe
from wasmbuild.trust.acceptance import Basis, Facts, verdicts
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.evidence import Claim, Finding
from wasmbuild.trust.keys import PrivateKey, PublicKey
from wasmbuild.trust.statement import COSIGN_SIGN, NOTARY_SIGN

PLACE = "r.io/a/hello"
KEY = PrivateKey.generate().public
SBOM = "https://cyclonedx.org/bom"


def finding(kind, predicate_type=COSIGN_SIGN, *, holds=True, name=PLACE, signer=None, number=0):
    manifest = describe(OCI_MANIFEST, bytes([number]))
    if not holds:
        return Finding(kind, manifest, predicate_type, reason="it was made with another key")
    return Finding(kind, manifest, predicate_type, signer or Signer(KEY.fingerprint), Claim(name))


def accepted(*findings, keys=(KEY,), unreadable=()):
    known = {key.fingerprint: key for key in keys}
    return {each.verifier: each for each in verdicts(Facts(PLACE, findings, known, frozenset(unreadable)))}


def takers(said):
    return {name for name, verdict in said.items() if verdict.accepts}


BUNDLE, LEGACY = finding(SignatureKind.BUNDLE), finding(SignatureKind.LEGACY)
NEW = {"cosign 3", "cosign 2.6"}
ATTESTATIONS = {f"{name} verify-attestation" for name in NEW}
OF_TAG = {"cosign 2.0 to 2.5", "podman, skopeo (policy.json)", "policy-controller", "Kyverno (Cosign)"}


def test_nobody_takes_what_is_not_signed():
    said = accepted()
    assert takers(said) == set()
    assert all(verdict.reason.startswith("there is no ") for verdict in said.values())
    assert said["notation 1"].basis is Basis.TESTED
    assert said["Kyverno (Cosign)"].basis is Basis.DOCUMENTED


def test_each_form_has_its_verifiers():
    assert takers(accepted(BUNDLE)) == NEW
    assert takers(accepted(LEGACY)) == NEW | OF_TAG
    assert "--trusted-root" in accepted(BUNDLE)["cosign 2.6"].reason
    assert takers(accepted(BUNDLE, LEGACY)) == NEW | OF_TAG
    assert takers(accepted(finding(SignatureKind.NOTATION, NOTARY_SIGN))) == {"notation 1", "Kyverno (Notary)"}


def test_bundles_of_keys_are_not_for_the_controllers():
    said = accepted(BUNDLE)
    assert "takes certificates alone" in said["Kyverno (SigstoreBundle)"].reason
    certified = finding(SignatureKind.BUNDLE, signer=Signer("ada@example.com", "https://example.com"))
    assert takers(accepted(certified)) == NEW | {"Kyverno (SigstoreBundle)", "policy-controller (bundle)"}


def test_a_bundle_hides_the_tag_from_cosign_3():
    said = accepted(finding(SignatureKind.BUNDLE, holds=False), LEGACY)
    assert takers(said) == OF_TAG
    assert said["cosign 3"].reason.endswith("a bundle of any kind hides the .sig tag")
    unreadable = finding(SignatureKind.BUNDLE, holds=False)
    assert "cosign 3" in takers(accepted(unreadable, LEGACY, unreadable=[unreadable.manifest.digest]))


def test_an_attestation_in_one_form_is_for_those_who_read_that():
    sbom, tagged = finding(SignatureKind.BUNDLE, SBOM), finding(SignatureKind.LEGACY, SBOM, number=1)
    said = accepted(sbom)
    assert takers(said) == NEW | ATTESTATIONS
    assert "which it takes for a signature" in said["cosign 3"].reason
    assert takers(accepted(tagged)) == ATTESTATIONS | {"cosign 2.0 to 2.5 verify-attestation"}
    both = accepted(BUNDLE, tagged)
    assert "hides the .att tag" in both["cosign 3 verify-attestation"].reason
    assert takers(both) == NEW | {"cosign 2.0 to 2.5 verify-attestation"}


def test_who_is_for_notation_alone_says_nothing_of_cosign():
    findings = (finding(SignatureKind.BUNDLE, holds=False), finding(SignatureKind.NOTATION, NOTARY_SIGN, holds=False))
    said = {each.verifier: each.reason for each in verdicts(Facts(PLACE, findings, {}, notation_only=True))}
    assert "name a key or an identity" in said["cosign 3"]
    assert said["notation 1"] == "it was made with another key"


def test_podman_wants_the_name_of_where_it_pulls_from():
    said = accepted(finding(SignatureKind.LEGACY, name="r.io/elsewhere\x1b"))
    assert takers(said) == NEW | OF_TAG - {"podman, skopeo (policy.json)"}
    assert "names r.io/elsewhere\\x1b, and not r.io/a/hello" in said["podman, skopeo (policy.json)"].reason
    assert "podman, skopeo (policy.json)" in takers(accepted(finding(SignatureKind.LEGACY, name="r.io/b"), LEGACY))


def test_kinds_of_keys_that_a_verifier_does_not_take():
    key = PublicKey.of(ec.generate_private_key(ec.SECP384R1()).public_key())
    held = finding(SignatureKind.LEGACY, signer=Signer(key.fingerprint))
    said = accepted(held, keys=[key])
    assert "it does not take keys of the kind" in said["podman, skopeo (policy.json)"].reason
    assert "--signature-digest-algorithm sha384" in said["cosign 2.6"].reason


@pytest.mark.parametrize("kind", list(SignatureKind))
def test_what_does_not_hold_is_taken_by_nobody(kind):
    said = accepted(finding(kind, NOTARY_SIGN if kind is SignatureKind.NOTATION else COSIGN_SIGN, holds=False))
    assert takers(said) == set()
    assert "it was made with another key" in {verdict.reason for verdict in said.values()}
