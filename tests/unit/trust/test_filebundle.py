import base64
import hashlib
import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model import describe
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.bundle import BUNDLE, MAX_BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.dsse import pae
from wasmbuild.trust.filebundle import open_beside
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.simplesigning import Payload
from wasmbuild.trust.statement import IN_TOTO, Statement, Subject
from wasmbuild.trust.verifier import Outcome, Verifier

KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()
FILE = b"\0asm\1\0\0\0"


def encoded(data):
    return base64.b64encode(data).decode()


def bare(file=FILE, key=KEY, algorithm="SHA2_256", **more):
    digest = hashlib.new(algorithm.lower().replace("2_", ""), file).digest()
    return {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public.hint}},
        "messageSignature": {
            "messageDigest": {"algorithm": algorithm, "digest": encoded(digest)},
            "signature": encoded(key.sign(file)),
        },
        **more,
    }


def verified(content, file=FILE, key=KEY):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    verifier = Verifier([KeyAuthority(key.public)], opening=partial(open_beside, file))
    return verifier.verify(describe("application/wasm", file), [Candidate(SignatureKind.BUNDLE, BUNDLE, data)])


def without_digest(bundle):
    del bundle["messageSignature"]["messageDigest"]
    return bundle


def with_message(bundle, **fields):
    return {**bundle, "messageSignature": {**bundle["messageSignature"], **fields}}


@pytest.mark.parametrize("bundle", [bare(), bare(algorithm="SHA2_512"), without_digest(bare())])
def test_a_signature_over_the_file_verifies(bundle):
    evidence = verified(bundle)
    assert evidence.outcome is Outcome.VERIFIED
    assert evidence.signers[0].identity == KEY.public.fingerprint


BAD = {
    "another file": (bare(b"another"), "for another file"),
    "another file without its digest": (without_digest(bare(b"another")), "not valid for this key"),
    "the digest of this file, the signature of another": (
        with_message(bare(b"another"), messageDigest=bare()["messageSignature"]["messageDigest"]),
        "not valid for this key",
    ),
    "another key": (bare(key=OTHER_KEY), "another key"),
    "an unknown field": (bare(more=1), "not known"),
    "another version": (bare(mediaType="application/vnd.dev.sigstore.bundle.v0.2+json"), "version 0.3"),
    "an envelope as well": (bare(dsseEnvelope={}), "not known"),
    "an unknown hash": (with_message(bare(), messageDigest={"algorithm": "MD5", "digest": "AAAA"}), "malformed"),
    "a hash that is a list": (with_message(bare(), messageDigest={"algorithm": [], "digest": "AAAA"}), "malformed"),
    "no signature": (with_message(bare(), signature=None), "malformed"),
    "nothing signed": ({**bare(), "messageSignature": []}, "malformed"),
    "no material": ({**bare(), "verificationMaterial": {}}, "public key or a certificate"),
    "a duplicate key": (
        json.dumps(bare()).replace('"signature"', '"signature": "", "signature"').encode(),
        "malformed",
    ),
    "nonsense": (b"nonsense", "malformed"),
    "too large": (b" " * (MAX_BUNDLE + 1), "is larger than"),
}


@pytest.mark.parametrize("defect", BAD)
def test_says_why_a_bundle_does_not_hold(defect):
    bundle, reason = BAD[defect]
    evidence = verified(bundle)
    assert evidence.outcome is Outcome.INVALID
    assert reason in evidence.reasons[0]


def test_the_text_of_another_signature_is_no_signed_file():
    """The key has signed these very bytes, as what they say and not as a file."""
    statement = Statement.signature_of(describe("t", FILE).digest, "a.wasm").encode()
    payload = Payload(describe("t", FILE).digest, "a.wasm").encode()
    for text in (pae(IN_TOTO, statement), payload, b"eyJ.eyJ", b"any other text"):
        evidence = verified(bare(text), text)
        assert evidence.outcome is Outcome.INVALID
        assert "not WebAssembly" in evidence.reasons[0]


def test_a_statement_about_the_file_verifies():
    digest = describe("t", FILE).digest
    assert verified(sign_statement(Statement.signature_of(digest, "a.wasm"), KEY)).outcome is Outcome.VERIFIED
    assert verified(sign_statement(Statement.signature_of(digest, "a.wasm"), KEY), b"b").outcome is Outcome.INVALID
    attested = sign_statement(Statement((Subject({"sha256": digest.encoded}),), "https://example.com/a"), KEY)
    assert verified(attested).outcome is Outcome.UNSIGNED
    assert verified(attested).outcome_of("https://example.com/a") is Outcome.VERIFIED


GOOD = json.dumps(bare()).encode()


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_no_changed_bit_makes_it_say_something_else(position, bit):
    data = bytearray(GOOD)
    data[position] ^= 1 << bit
    evidence = verified(bytes(data))
    if evidence.outcome is Outcome.VERIFIED:
        assert evidence.signers[0].identity == KEY.public.fingerprint


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    assert verified(data).outcome is Outcome.INVALID


JSON = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=3))


@given(JSON, st.sampled_from(["mediaType", "verificationMaterial", "messageSignature"]))
def test_no_value_raises(value, name):
    assert verified({**bare(), name: value}).outcome is Outcome.INVALID
