"""What sigstore's public services have signed, from the test data of cosign, verified by the base install."""

import base64
import copy
import json

import pytest

from registry.digest import Digest
from registry.model import OCI_MANIFEST, Descriptor
from tests.interop.peers import BIN
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority
from wasmbuild.trust.sigstore.trusted_root import TrustedRoot
from wasmbuild.trust.verifier import Verifier

FOLDER = BIN / "cosign-vectors"
PREDICATE = "https://cosign.sigstore.dev/attestation/v1"
SIGNER, ISSUER = "cody@soyland.com", "https://github.com/login/oauth"
DIGEST = Digest.parse("sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4")
MATERIAL = ("verificationMaterial",)
ENTRY = (*MATERIAL, "tlogEntries", 0)
PLACES = [
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "signatures", 0, "sig"),
    (*MATERIAL, "certificate", "rawBytes"),
    (*ENTRY, "canonicalizedBody"),
    (*ENTRY, "logId", "keyId"),
    (*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
    (*ENTRY, "inclusionProof", "rootHash"),
    (*ENTRY, "inclusionProof", "hashes", 0),
]


@pytest.fixture(scope="module")
def bundle():
    """The bundle, as an object."""
    if not FOLDER.exists():
        pytest.skip("the vectors are not there: make interop gets them")
    return json.loads((FOLDER / "oci-attestation.sigstore.json").read_bytes())


def finding(bundle, signer=SIGNER, issuer=ISSUER):
    root = TrustedRoot.parse((FOLDER / "trusted_root_pgi.json").read_bytes())
    verifier = Verifier([IdentityAuthority(Expected(signer), Expected(issuer), root)])
    candidate = Candidate(SignatureKind.BUNDLE, BUNDLE, json.dumps(bundle).encode())
    return verifier.verify(Descriptor(OCI_MANIFEST, DIGEST, 1), [candidate]).findings[0]


def test_a_bundle_of_the_public_services_holds(bundle):
    found = finding(bundle)
    assert (found.predicate_type, found.signer.identity, found.signer.issuer) == (PREDICATE, SIGNER, ISSUER)
    assert found.signer.signed_at.isoformat() == "2025-02-28T19:18:11+00:00"
    assert finding(bundle, signer="ada@example.com").signer is None
    assert finding(bundle, issuer="https://accounts.google.com").signer is None


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place[-1]))
def test_every_byte_of_it_counts(bundle, place):
    changed = copy.deepcopy(bundle)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    data = base64.b64decode(inner[place[-1]])
    for position in range(len(data)):
        wrong = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        inner[place[-1]] = base64.b64encode(wrong).decode()
        assert finding(changed).signer is None, position
