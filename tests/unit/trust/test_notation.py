"""Envelopes of the Notary Project: what is read, what is refused, and that no byte of them can be changed."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import InvalidDocument
from registry.model import OCI_MANIFEST, describe
from tests.certified import (
    KEYS,
    LABELS,
    LEAF,
    NOW,
    NUMBERS,
    SCHEME,
    certificate,
    chain_of_three,
    cose,
    headers,
    jws,
    pem,
    target_of,
    url64,
)
from wasmbuild.trust.authority import KeyAuthority, Signer
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.keys import PrivateKey, PublicKey
from wasmbuild.trust.notation.authority import CertificateAuthority
from wasmbuild.trust.notation.envelope import COSE, JWS, MAX_ENVELOPE
from wasmbuild.trust.notation.opening import open_envelope, parse_envelope
from wasmbuild.trust.notation.signing import Credential
from wasmbuild.trust.policy.counting import Held, count
from wasmbuild.trust.policy.model import Party
from wasmbuild.trust.proof import Rejected, Scheme
from wasmbuild.trust.statement import NOTARY_SIGN
from wasmbuild.trust.verifier import Verifier

SUBJECT = describe(OCI_MANIFEST, b'{"an":"artifact"}')
OTHER = describe(OCI_MANIFEST, b'{"another":"artifact"}')
PAYLOAD = target_of(SUBJECT)
CHAIN = chain_of_three()
ROOTS = CertificateAuthority.of(pem(CHAIN[-1]))
LEAF_KEY = PublicKey.of(KEYS["leaf"].public_key())
NAME = "CN=leaf,O=acme,ST=WA,C=US"
ROOT_NAME = "CN=root,O=acme,ST=WA,C=US"
TEXT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
BOTH = pytest.mark.parametrize("make", [jws, cose])


def moment(make, time):
    return time if make is cose else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def candidate(envelope, media_type=None):
    kind = COSE if envelope.startswith(b"\xd2") else JWS
    return Candidate(SignatureKind.NOTATION, media_type or kind, envelope, declared=NOTARY_SIGN)


def judged(envelope, authority=ROOTS, subject=SUBJECT, media_type=None):
    (finding,) = Verifier([authority]).verify(subject, [candidate(envelope, media_type)]).findings
    return finding


def made(make, payload=PAYLOAD, chain=CHAIN, key=None, algorithm="ES256", **changes):
    return make(payload, headers(moment(make, NOW), algorithm, **changes), chain, key)


@BOTH
def test_a_certificate_and_a_key_each_verify(make):
    envelope = made(make, target_of(SUBJECT, stage="prod"))
    finding = judged(envelope)
    assert finding.signer == Signer(NAME, ROOT_NAME)
    assert (finding.predicate_type, finding.claim.annotations) == (NOTARY_SIGN, {"stage": "prod"})
    assert judged(envelope, KeyAuthority(LEAF_KEY)).signer == Signer(LEAF_KEY.fingerprint)
    each = [judged(envelope, KeyAuthority(LEAF_KEY)), finding]
    assert count(Held(Party(name, (), ()), one) for name, one in zip("ab", each, strict=True)) == 1


@BOTH
def test_another_root_and_another_key_do_not(make):
    envelope = made(make)
    other = CertificateAuthority.of(pem(certificate("other", "other")))
    assert "which is not trusted" in judged(envelope, other).reason
    same_name = CertificateAuthority.of(pem(certificate("root", "root", by=KEYS["root"])))
    assert "which is not trusted" in judged(envelope, same_name).reason
    key = KeyAuthority(PublicKey.of(KEYS["other"].public_key()))
    assert "not with this key" in judged(envelope, key).reason


@BOTH
@pytest.mark.parametrize(
    "target",
    [
        target_of(OTHER),
        target_of(replace(SUBJECT, size=SUBJECT.size + 1)),
        target_of(replace(SUBJECT, media_type="application/vnd.oci.image.index.v1+json")),
    ],
    ids=["digest", "size", "type"],
)
def test_it_is_for_one_descriptor(make, target):
    assert judged(made(make, target)).signer is None


@BOTH
@pytest.mark.parametrize(
    "payload",
    [
        [],
        {},
        {**PAYLOAD, "more": 1},
        {"targetArtifact": {}},
        {"targetArtifact": "mediaType, digest, size"},
        {"targetArtifact": {**PAYLOAD["targetArtifact"], "artifactType": "x/y"}},
        {"targetArtifact": {**PAYLOAD["targetArtifact"], "size": "3"}},
        {"targetArtifact": {**PAYLOAD["targetArtifact"], "annotations": {"a": 1}}},
    ],
)
def test_a_payload_has_nothing_else(make, payload):
    assert "malformed" in judged(made(make, payload)).reason


KINDS = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "PS256": rsa.generate_private_key(65537, 2048),
}


@BOTH
@pytest.mark.parametrize("algorithm", KINDS)
def test_each_kind_of_key_signs_in_its_own_way(make, algorithm):
    key = KINDS[algorithm]
    chain = (certificate("leaf", "leaf", replace(LEAF, key=key)),)
    roots = CertificateAuthority.of(pem(*chain))
    assert judged(made(make, chain=chain, key=key, algorithm=algorithm), roots).signer
    assert judged(
        made(make, chain=chain, key=key, algorithm=algorithm), KeyAuthority(PublicKey.of(key.public_key()))
    ).signer
    for other in KINDS.keys() - {algorithm}:
        finding = judged(made(make, chain=chain, key=key, algorithm=other), roots)
        assert "its certificate's key signs otherwise" in finding.reason


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "EdDSA", "", None, 7])
def test_no_other_algorithm_is_known(algorithm):
    assert judged(made(jws, algorithm=algorithm)).signer is None


@pytest.mark.parametrize("algorithm", [-8, 5, -257, True, "ES256K", None])
def test_no_other_number_of_an_algorithm_is_known(algorithm):
    assert judged(made(cose, algorithm=algorithm)).signer is None


@BOTH
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cty": "application/json"}, "not over a payload"),
        ({"cty": None}, "not over a payload"),
        ({"signingScheme": "notary.x509.other"}, "scheme is not known"),
        ({"signingScheme": None}, "scheme is not known"),
        ({"crit": None}, "critical"),
        ({"crit": []}, "critical"),
        ({"crit": SCHEME}, "critical"),
        ({"crit": [SCHEME, SCHEME]}, "critical"),
        ({"crit": [SCHEME, 7]}, "critical"),
        ({"crit": [SCHEME, "io.cncf.notary.expiry"]}, "not known to be heeded"),
        ({"crit": [SCHEME, "a.plugin"], "a.plugin": "x"}, "not known to be heeded"),
        ({"signingTime": None}, "does not have the time"),
        ({"signingTime": "2026-13-01T00:00:00Z"}, "time in the envelope is malformed"),
        ({"signingTime": "2026-10-01"}, "time in the envelope is malformed"),
        ({"signingTime": "2026-10-01T00:00:00.5Z"}, "time in the envelope is malformed"),
        ({"signingTime": 1}, "time in the envelope is malformed"),
        ({"authenticSigningTime": NOW}, "does not have the time"),
        ({"expiry": NOW + timedelta(days=1)}, "critical"),
    ],
)
def test_headers_are_understood_or_refused(make, changes, reason):
    if make is jws:
        changes = {k: moment(jws, v) if isinstance(v, datetime) else v for k, v in changes.items()}
    assert reason in judged(made(make, **changes)).reason


@BOTH
@pytest.mark.parametrize("authority", [ROOTS, KeyAuthority(LEAF_KEY)], ids=["root", "key"])
def test_what_has_expired_holds_for_nobody(make, authority):
    critical = [SCHEME, "io.cncf.notary.expiry"]

    def expiring(signed, expires):
        changes = {"signingTime": moment(make, signed), "expiry": moment(make, expires), "crit": critical}
        return judged(made(make, **changes), authority)

    assert expiring(NOW, NOW + timedelta(hours=1)).signer
    assert "it has expired" in expiring(NOW - timedelta(hours=2), NOW - timedelta(hours=1)).reason
    assert "expires before" in expiring(NOW, NOW).reason


def by_authority(make, time):
    critical = [SCHEME, "io.cncf.notary.authenticSigningTime"]
    changes = {"signingScheme": "notary.x509.signingAuthority", "signingTime": None, "crit": critical}
    return made(make, authenticSigningTime=moment(make, time), **changes)


@BOTH
def test_a_signing_authority_vouches_for_the_time_if_it_is_trusted_to(make):
    envelope = by_authority(make, NOW)
    later = lambda: NOW + timedelta(days=30)  # noqa: E731
    telling = CertificateAuthority(ROOTS.roots, tells_time=True, now=later)
    assert judged(envelope).signer == Signer(NAME, ROOT_NAME)
    assert judged(envelope, telling).signer == Signer(NAME, ROOT_NAME, NOW)
    assert "is valid from" in judged(envelope, CertificateAuthority(ROOTS.roots, now=later)).reason
    assert "is valid from" in judged(by_authority(make, NOW - timedelta(days=2)), telling).reason
    assert "is valid from" in judged(made(make), telling).reason
    uncritical = replace_critical(make)
    assert "critical" in judged(uncritical).reason


def replace_critical(make):
    changes = {"signingScheme": "notary.x509.signingAuthority", "signingTime": None}
    return made(make, authenticSigningTime=moment(make, NOW), **changes)


def test_a_bundle_is_not_for_a_certificate_authority():
    from wasmbuild.trust.bundle import BUNDLE
    from wasmbuild.trust.signer import sign_statement
    from wasmbuild.trust.statement import Statement

    bundle = sign_statement(Statement.signature_of(SUBJECT.digest, "x"), PrivateKey.of(KEYS["leaf"]))
    (finding,) = Verifier([ROOTS]).verify(SUBJECT, [Candidate(SignatureKind.BUNDLE, BUNDLE, bundle)]).findings
    assert "not of the Notary Project" in finding.reason


@pytest.mark.parametrize("change", [{"message": b"another"}, {"scheme": Scheme.COSIGN}, {"terms": None}])
def test_an_authority_does_not_rely_on_who_read_the_envelope(change):
    proof = open_envelope(made(jws), JWS)[1]
    assert ROOTS.check(proof).identity == NAME
    with pytest.raises(Rejected):
        ROOTS.check(replace(proof, **change))


ALONE = certificate("leaf", "leaf")


def signed(media_type, chain=CHAIN):
    credential = Credential.of(PrivateKey.of(KEYS["leaf"]), pem(*chain), NOW, media_type)
    return credential.sign(SUBJECT, {"stage": "prod"}).bundle_bytes


@pytest.mark.parametrize("media_type", [JWS, COSE])
@pytest.mark.parametrize(
    ("authority", "chain"),
    [(ROOTS, CHAIN), (CertificateAuthority.of(pem(ALONE)), (ALONE,)), (KeyAuthority(LEAF_KEY), (ALONE,))],
    ids=["root", "alone", "key"],
)
def test_no_byte_of_an_envelope_can_be_changed(media_type, authority, chain):
    envelope = signed(media_type, chain)
    expected = judged(envelope, authority)
    assert expected.signer
    held = 0
    step = 1 if len(chain) == 1 else 3  # every byte of the short ones
    for position in range(0, len(envelope), step):
        changed = bytearray(envelope)
        changed[position] ^= 1 << (position % 8)
        (finding,) = Verifier([authority]).verify(SUBJECT, [candidate(bytes(changed), media_type)]).findings
        held += finding.holds
        assert (finding.signer, finding.claim) in [(None, None), (expected.signer, expected.claim)]
    assert held < len(envelope) / step / 2
    for size in range(0, len(envelope), 7):
        assert not judged(envelope[:size] or b"{", authority).holds


@pytest.mark.parametrize(("media_type", "make"), [(JWS, jws), (COSE, cose)])
def test_what_we_write_to_the_byte(media_type, make):
    """The order of headers is ours, but for COSE's, which is canonical; the content is the specification's."""
    envelope = parse_envelope(signed(media_type), media_type)
    assert json.loads(envelope.payload) == target_of(SUBJECT, stage="prod")
    assert (envelope.algorithm, envelope.chain, len(envelope.signature)) == ("ES256", CHAIN, 64)
    assert envelope.terms == parse_envelope(made(make), media_type).terms
    assert signed(media_type) == signed(media_type)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d | {"signatures": []},
        lambda d: d | {"payload": d["payload"] + "="},
        lambda d: d | {"payload": ""},
        lambda d: d | {"payload": 7},
        lambda d: d | {"protected": url64(b"[]")},
        lambda d: d | {"protected": url64(b'{"alg":"ES256","alg":"ES256"}')},
        lambda d: d | {"header": []},
        lambda d: d | {"header": {}},
        lambda d: d | {"header": d["header"] | {"alg": "ES256"}},
        lambda d: d | {"header": {"x5c": []}},
        lambda d: d | {"header": {"x5c": d["header"]["x5c"] * 7}},
        lambda d: d | {"header": {"x5c": ["!"]}},
        lambda d: d | {"header": {"x5c": [url64(b"not a certificate")]}},
        lambda d: d | {"signature": url64(b"short")},
        lambda d: {name: value for name, value in d.items() if name != "protected"},
    ],
)
def test_a_jws_is_read_strictly(change):
    document = json.loads(made(jws))
    assert judged(json.dumps(document).encode()).holds
    assert not judged(json.dumps(change(document)).encode()).holds


def test_a_signature_is_written_in_one_way():
    """Of several texts that mean the same numbers, one is taken."""
    document = json.loads(made(jws))
    text = document["signature"]
    raw = base64.urlsafe_b64decode(text + "==")
    spare = text[:-1] + chr(ord(text[-1]) + 1)  # the lowest bits of the last letter are none of the signature's
    assert base64.urlsafe_b64decode(spare + "==") == raw
    assert "base64url" in judged(json.dumps(document | {"signature": spare}).encode()).reason
    longer = url64(raw[:32] + b"\0" + raw[32:])
    assert "length" in judged(json.dumps(document | {"signature": longer}).encode()).reason


def test_a_jws_of_an_offset_and_unknown_headers_is_read():
    assert judged(made(jws, signingTime=NOW.strftime("%Y-%m-%dT%H:%M:%S+00:00"), remark="unheeded")).holds
    document = json.loads(made(jws))
    document["header"]["io.cncf.notary.timestampSignature"] = "AAAA"
    assert judged(json.dumps(document).encode()).holds


def parts():
    before, unprotected, payload, signature = cbor2.loads(made(cose)[1:])
    return [before, unprotected, payload, signature]


def encoded(*values):
    return b"\xd2" + cbor2.dumps(list(values))


@pytest.mark.parametrize(
    "change",
    [
        lambda b, u, p, s: encoded(b, u, p),
        lambda b, u, p, s: encoded(b, u, None, s),
        lambda b, u, p, s: encoded(b, [], p, s),
        lambda b, u, p, s: encoded(b"", u, p, s),
        lambda b, u, p, s: encoded(b, {}, p, s),
        lambda b, u, p, s: encoded(b, {33: []}, p, s),
        lambda b, u, p, s: encoded(b, {33: ["x"]}, p, s),
        lambda b, u, p, s: encoded(b, {33: u[33] * 7}, p, s),
        lambda b, u, p, s: encoded(b, u | {1: -7}, p, s),
        lambda b, u, p, s: encoded(b, u | {"io.cncf.notary.timestampSignature": "no bytes"}, p, s),
        lambda b, u, p, s: encoded(b, u, p, s)[1:],
        lambda b, u, p, s: b"\xd2" + encoded(b, u, p, s),
        lambda b, u, p, s: encoded(b, u, p, s) + b"\0",
        lambda b, u, p, s: b"\xd2" + cbor2.dumps([b, u, p, s], indefinite_containers=True),
        lambda b, u, p, s: encoded(b, {}, p, s).replace(b"\xa0", b"\xa2" + (cbor2.dumps({33: u[33]})[1:]) * 2, 1),
        lambda b, u, p, s: b"\xd2" + b"\x81" * 5000,
        lambda b, u, p, s: b"\xd2\x84\xd8\x1c\x80",
    ],
)
def test_a_cose_is_read_strictly(change):
    assert judged(encoded(*parts())).holds
    assert not judged(change(*parts()), media_type=COSE).holds


@pytest.mark.parametrize("label", [1.0, True])
def test_a_label_of_cose_that_is_equal_to_another_one_is_none(label, monkeypatch):
    monkeypatch.setitem(LABELS, "alg", label)
    assert "neither by a number nor by a text" in judged(made(cose)).reason


def test_an_algorithm_of_cose_that_is_equal_to_another_one_is_none(monkeypatch):
    monkeypatch.setitem(NUMBERS, "ES256", -7.0)
    assert "algorithm" in judged(made(cose)).reason


def test_headers_of_cose_that_are_signed_twice_or_with_other_times_are_refused():
    before = cbor2.loads(parts()[0])
    twice = cbor2.dumps(before)[0:1]  # the head of a map of five
    assert twice == b"\xa5"
    for time in (cbor2.CBORTag(0, TEXT), float(NOW.timestamp()), int(NOW.timestamp())):
        assert "malformed" in judged(made(cose, signingTime=time)).reason


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_order(data):
    for media_type in (JWS, COSE):
        with pytest.raises((InvalidDocument, Rejected)):
            parse_envelope(b"\xd2" + data if media_type == COSE else data, media_type)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.just(NOW),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@settings(max_examples=50)
@given(st.lists(VALUES, min_size=2, max_size=4))
def test_any_cbor_is_refused_in_order(values):
    for envelope in (cbor2.dumps(list(values)), cbor2.dumps([cbor2.dumps(values[0]), {33: values[1]}, b"p", b"s"])):
        with pytest.raises((InvalidDocument, Rejected)):
            parse_envelope(b"\xd2" + envelope, COSE)


def test_what_is_too_large_is_not_read():
    for media_type, start in ((JWS, b"{"), (COSE, b"\xd2")):
        with pytest.raises(InvalidDocument, match="larger"):
            parse_envelope(start + bytes(MAX_ENVELOPE), media_type)


def test_a_signature_must_be_by_the_key_of_its_own_certificate():
    """Who has a key, and shows another one's certificate, has not signed with that."""
    for make in (jws, cose):
        envelope = made(make, key=KEYS["other"])
        assert "its own certificate" in judged(envelope).reason
        other = KeyAuthority(PublicKey.of(KEYS["other"].public_key()))
        assert "its own certificate" in judged(envelope, other).reason


def test_the_time_of_the_clock_counts():
    early = CertificateAuthority(ROOTS.roots, now=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert "and not at 2020-01-01" in judged(made(jws), early).reason
