"""Timestamps in signatures of the Notary Project: they outlive their certificates with one, and with no other."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import cbor2
import pytest
from cryptography import x509

from registry.model import OCI_MANIFEST, describe
from tests import certified, keyless
from tests.certified import AUTHORITY, LEAF, NOW, chain_of_three, headers, target_of
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.der import SEQUENCE, read
from wasmbuild.trust.notation.authority import CertificateAuthority
from wasmbuild.trust.notation.envelope import COSE, JWS
from wasmbuild.trust.notation.opening import parse_envelope
from wasmbuild.trust.notation.times import stamped_at
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.verifier import Verifier

SUBJECT = describe(OCI_MANIFEST, b'{"an":"artifact"}')
WORLD, OTHER = keyless.World(), keyless.World()
PAST = {"begins": NOW - timedelta(days=20), "ends": NOW - timedelta(days=10)}
THEN = NOW - timedelta(days=15)
CHAIN = chain_of_three(replace(LEAF, **PAST), replace(AUTHORITY, **PAST), replace(AUTHORITY, **PAST))
FRESH = chain_of_three()
NAME = "io.cncf.notary.timestampSignature"


def token(message, at=THEN, world=WORLD, embed=None, **changes):
    leaf = world.times.chain[0]
    response = world.timestamp(message, at, embed=(leaf,) if embed is None else embed, **changes)
    return read(response).items(SEQUENCE)[1].whole


def authority(chain=CHAIN, world=WORLD, **changes):
    roots = (x509.load_der_x509_certificate(chain[-1]),)
    return CertificateAuthority(roots, time_roots=(world.times.chain[-1],), **changes)


def envelope(make, stamp, chain=CHAIN):
    """An envelope, and in it what ``stamp`` gives for its signature."""
    media_type, time = (COSE, THEN) if make is certified.cose else (JWS, THEN.strftime("%Y-%m-%dT%H:%M:%SZ"))
    bare = make(target_of(SUBJECT), headers(time), chain)
    given = stamp(parse_envelope(bare, media_type).signature)
    if make is certified.cose:
        before, unprotected, after, signature = cbor2.loads(bare[1:])
        return b"\xd2" + cbor2.dumps([before, unprotected | {NAME: given}, after, signature])
    document = json.loads(bare)
    document["header"][NAME] = base64.b64encode(given).decode()
    return json.dumps(document).encode()


def judged(data, by):
    media_type = COSE if data.startswith(b"\xd2") else JWS
    (finding,) = Verifier([by]).verify(SUBJECT, [Candidate(SignatureKind.NOTATION, media_type, data)]).findings
    return finding


@pytest.mark.parametrize("make", [certified.jws, certified.cose])
def test_a_signature_outlives_its_certificate_with_a_timestamp(make):
    data = envelope(make, token)
    assert judged(data, authority()).signer.signed_at == THEN
    assert "is valid from" in judged(data, replace(authority(), time_roots=())).reason
    assert "no authority that is trusted" in judged(data, authority(world=OTHER)).reason


STAMPS = {
    "of another signature": (lambda _: token(b"another"), "of another signature"),
    "too late": (lambda s: token(s, NOW), "is valid from"),
    "malformed": (lambda _: b"\x30\x00", "malformed"),
    "without a certificate": (lambda s: token(s, embed=()), "no certificate of who signed"),
    "of another key": (lambda s: token(s, key=OTHER.times.key), "not valid"),
    "of another authority": (lambda s: token(s, world=OTHER), "no authority that is trusted"),
    "by no timestamp authority": (
        lambda s: token(s, chain=WORLD.authority.chain, key=WORLD.authority.key, embed=WORLD.authority.chain[:1]),
        "no authority that is trusted",
    ),
    "with many certificates": (lambda s: token(s, embed=WORLD.times.chain * 11), "more than 20"),
}


@pytest.mark.parametrize("defect", STAMPS)
def test_a_timestamp_that_does_not_hold_says_nothing(defect):
    stamp, reason = STAMPS[defect]
    finding = judged(envelope(certified.jws, stamp), authority())
    assert finding.signer is None
    assert reason in finding.reason
    still_valid = judged(envelope(certified.jws, stamp, FRESH), authority(FRESH))
    assert still_valid.holds
    assert (still_valid.signer.signed_at is None) == (defect != "too late")


def test_the_authority_is_for_timestamps_alone():
    world = keyless.World()
    root_key = keyless.new_key()
    root = keyless.certificate("r", root_key, None, root_key, authority=True, start=NOW - timedelta(days=99), days=200)

    def made(**changes):
        key = keyless.new_key()
        leaf = keyless.certificate("t", key, root, root_key, start=NOW - timedelta(days=99), days=200, **changes)
        world.times = keyless.Authority([leaf, root], key)
        return token(b"signature", world=world)

    assert stamped_at(made(purpose=keyless.TIME), b"signature", (root,)) == THEN
    both = x509.ExtendedKeyUsage([keyless.TIME, keyless.CODE])
    for changes in ({"purpose": keyless.CODE}, {}, {"extensions": ((both, True),)}):
        with pytest.raises(Rejected, match="timestamps"):
            stamped_at(made(**changes), b"signature", (root,))


def test_the_chain_of_an_authority_was_valid_then():
    """CVE-2024-56138: it is checked as every other chain is."""
    for start in (THEN - timedelta(days=9), THEN + timedelta(days=1)):
        world = keyless.World(times=keyless.Authority.of("times", keyless.TIME, start=start, days=8))
        with pytest.raises(Rejected, match="was not valid at"):
            stamped_at(token(b"signature", world=world), b"signature", (world.times.chain[-1],))


def test_a_malformed_header_is_refused():
    document = json.loads(envelope(certified.jws, token, FRESH))
    for wrong in (7, "!", ["AAAA"]):
        document["header"][NAME] = wrong
        assert "malformed" in judged(json.dumps(document).encode(), authority(FRESH)).reason
