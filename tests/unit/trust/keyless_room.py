"""Signatures by an identity of a world that is all made here, whole or with one thing wrong, and what they come to."""

import json

from registry.model import EMPTY, OCI_MANIFEST, Manifest, describe
from tests.keyless import IDENTITY, ISSUER, NOW, Signing, World, said
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority, Thresholds
from wasmbuild.trust.sigstore.trusted_root import TrustedRoot
from wasmbuild.trust.statement import Statement
from wasmbuild.trust.verifier import Outcome, Verifier

WORLD = World()
SUBJECT = describe(OCI_MANIFEST, Manifest(EMPTY, ()).encode())
PAYLOAD = Statement.signature_of(SUBJECT.digest, "127.0.0.1:5000/demo/hello").encode()
SIGNING = Signing.of(WORLD, PAYLOAD)
KINDS1 = [("dsse", "0.0.1"), ("intoto", "0.0.2"), ("hashedrekord", "0.0.1")]
KINDS2 = ["hashedrekord", "dsse"]
ISSUED = (said("1.3.6.1.4.1.57264.1.8", ISSUER),)


def first(signing=SIGNING, world=WORLD, kind=("dsse", "0.0.1"), at=NOW, promise=True, proof=True, **changes):
    return world.entry1(*kind, signing.spec(*kind, **changes), at, promise=promise, proof=proof)


def second(signing=SIGNING, world=WORLD, kind="hashedrekord", **changes):
    return world.entry2(kind, signing.spec(kind, "0.0.2", **changes))


def bundle1(signing=SIGNING, **settings):
    return signing.bundle([first(signing, **settings)])


def bundle2(signing=SIGNING, world=WORLD, at=NOW, **settings):
    return signing.bundle([second(signing, world, **settings)], [world.timestamp(signing.signature, at)])


def authority(world=WORLD, identity=IDENTITY, issuer=ISSUER, pattern=False, thresholds=Thresholds(), **changes):
    root = TrustedRoot.parse(world.trusted_root(**changes))
    return IdentityAuthority(Expected(identity, pattern), Expected(issuer, pattern), root, thresholds)


def evidence(bundle, trusted=None):
    data = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    candidate = Candidate(SignatureKind.BUNDLE, BUNDLE, data)
    return Verifier([trusted or authority()]).verify(SUBJECT, [candidate])


def holds(bundle, trusted=None):
    found = evidence(bundle, trusted)
    assert found.outcome is Outcome.VERIFIED, found.reasons
    return found.signers[0]


def refused(bundle, why, trusted=None):
    found = evidence(bundle, trusted)
    assert found.outcome is Outcome.INVALID
    assert why in found.reasons[0]
