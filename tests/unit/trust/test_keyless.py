import base64
import copy
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidDocument
from registry.model import OCI_MANIFEST, describe
from tests.keyless import (
    CODE,
    IDENTITY,
    ISSUER,
    NOW,
    TIME,
    Authority,
    Signing,
    World,
    b64,
    certificate,
    ecdsa,
    included,
    named_id,
    new_key,
    said,
    spki_of,
    tlv,
)
from tests.unit.trust.keyless_room import (
    ISSUED,
    KINDS1,
    KINDS2,
    PAYLOAD,
    SIGNING,
    SUBJECT,
    WORLD,
    authority,
    bundle1,
    bundle2,
    evidence,
    first,
    holds,
    refused,
    second,
)
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.der import SEQUENCE, read
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.sigstore.authority import Expected, Thresholds
from wasmbuild.trust.sigstore.merkle import Checkpoint
from wasmbuild.trust.sigstore.timestamps import Timestamp
from wasmbuild.trust.sigstore.trusted_root import TrustedRoot
from wasmbuild.trust.simplesigning import SIGNATURE, SIMPLE_SIGNING, Payload
from wasmbuild.trust.statement import COSIGN_SIGN, Statement
from wasmbuild.trust.verifier import Outcome, Verifier


@pytest.mark.parametrize("kind", KINDS1)
def test_an_entry_of_the_first_log_is_enough(kind):
    signer = holds(bundle1(kind=kind))
    assert (signer.identity, signer.issuer, signer.signed_at) == (IDENTITY, ISSUER, NOW)
    assert str(signer.key).startswith("SHA256:")


@pytest.mark.parametrize("kind", KINDS2)
def test_an_entry_of_the_second_log_is_enough_with_a_timestamp(kind):
    signer = holds(bundle2(kind=kind))
    assert (signer.identity, signer.issuer, signer.signed_at) == (IDENTITY, ISSUER, NOW)


def test_an_entry_of_the_second_log_needs_a_timestamp():
    refused(SIGNING.bundle([second()]), "0 times are vouched for, and 1 must")


def test_a_time_that_no_promise_holds_dates_nothing():
    refused(bundle1(promise=False), "0 times are vouched for")
    timestamp = WORLD.timestamp(SIGNING.signature)
    holds(SIGNING.bundle([first(promise=False)], [timestamp]))


def test_a_timestamp_alone_is_not_a_log():
    refused(SIGNING.bundle([], [WORLD.timestamp(SIGNING.signature)]), "0 transparency logs have it, and 1 must")


OTHER = Signing.of(WORLD, PAYLOAD)
WRONG = [
    {"payload": b"another"},
    {"message": b"another"},
    {"signature": OTHER.signature},
    {"leaf": OTHER.leaf},
]


@pytest.mark.parametrize("kind", [*KINDS1, *((each, "0.0.2") for each in KINDS2)])
def test_an_entry_must_be_of_this_signature(kind):
    """CVE-2022-23649, CVE-2022-36056, CVE-2026-22703."""
    for wrong in WRONG:
        if SIGNING.spec(*kind, **wrong) == SIGNING.spec(*kind):
            continue
        old = kind in KINDS1
        bundle = bundle1(kind=kind, **wrong) if old else bundle2(kind=kind[0], **wrong)
        refused(bundle, "a log entry is of another signature")


def test_an_entry_of_another_kind_is_refused():
    entry = first()
    entry["kindVersion"]["version"] = "0.0.9"
    refused(SIGNING.bundle([entry]), "of a kind that is not known")
    entry = first()
    entry["kindVersion"]["kind"] = "hashedrekord"
    refused(SIGNING.bundle([entry]), "of another kind than it says")


def test_whom_it_is_for_is_compared_exactly():
    for identity, issuer in ((f"{IDENTITY}/x", ISSUER), (IDENTITY[:-1], ISSUER), (IDENTITY, f"{ISSUER}/")):
        refused(bundle1(), "it was made by", authority(identity=identity, issuer=issuer))


def test_who_is_trusted_is_told_as_it_was_said():
    assert authority().name == f"{IDENTITY} by {ISSUER}"
    assert authority(identity=".*", issuer="a|b", pattern=True).name == "any that matches .* by any that matches a|b"


def test_an_expression_must_match_all_of_it():
    holds(bundle1(), authority(identity=r"https://example\.com/builds/.*", issuer=r"https://[a-z.]+", pattern=True))
    refused(bundle1(), "it was made by", authority(identity=r"https://example\.com/", issuer=".*", pattern=True))


@pytest.mark.parametrize(
    ("names", "identity"),
    [
        ([x509.RFC822Name("ada@example.com")], "ada@example.com"),
        ([x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), tlv(12, b"ada!local"))], "ada!local"),
    ],
)
def test_an_identity_may_be_an_address_or_a_name(names, identity):
    assert holds(bundle1(Signing.of(WORLD, PAYLOAD, names=names)), authority(identity=identity)).identity == identity


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([x509.RFC822Name("ada@example.com"), x509.UniformResourceIdentifier(IDENTITY)], "exactly one identity"),
        ([], "exactly one identity"),
        ([x509.DNSName("example.com")], "of a kind that is not known"),
        ([x509.OtherName(x509.ObjectIdentifier("1.2.3"), tlv(12, IDENTITY.encode()))], "of a kind that is not known"),
        ([x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x01\xff")], "malformed"),
    ],
)
def test_a_certificate_names_one_identity(names, why):
    refused(bundle1(Signing.of(WORLD, PAYLOAD, names=names)), why)


@pytest.mark.parametrize(
    "issuer",
    [
        (said("1.3.6.1.4.1.57264.1.1", ISSUER, raw=True),),
        (said("1.3.6.1.4.1.57264.1.1", ISSUER, raw=True), *ISSUED),
    ],
)
def test_an_issuer_may_be_in_the_old_place(issuer):
    assert holds(bundle1(Signing.of(WORLD, PAYLOAD, issuer=issuer))).issuer == ISSUER


@pytest.mark.parametrize(
    ("issuer", "why"),
    [
        ((), "does not say who vouches"),
        ((said("1.3.6.1.4.1.57264.1.1", "https://other", raw=True), *ISSUED), "they differ"),
        ((said("1.3.6.1.4.1.57264.1.8", ISSUER, raw=True),), "malformed text"),
        ((said("1.3.6.1.4.1.57264.1.8", ""),), "empty"),
    ],
)
def test_an_issuer_is_said_once(issuer, why):
    refused(bundle1(Signing.of(WORLD, PAYLOAD, issuer=issuer)), why)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"purpose": TIME}, "not for signing code"),
        ({"purpose": None}, "not for signing code"),
        ({"usage": False}, "not for signatures"),
        ({"authority": True}, "an authority's"),
        ({"logs": ()}, "in no certificate log"),
        (
            {"issuer": (*ISSUED, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True))},
            "critical",
        ),
    ],
)
def test_a_certificate_is_for_signing_code(changes, why):
    refused(bundle1(Signing.of(WORLD, PAYLOAD, **changes)), why)


@pytest.mark.parametrize("minutes", [-3, 30])
def test_the_time_is_within_the_life_of_the_certificate(minutes):
    at = NOW + timedelta(minutes=minutes)
    refused(bundle1(at=at), "was not valid at")
    refused(bundle2(at=at), "was not valid at")
    refused(SIGNING.bundle([first()], [WORLD.timestamp(SIGNING.signature, at)]), "was not valid at")


def test_every_certificate_of_the_chain_is_valid_at_the_time():
    """CVE-2026-24122."""
    for place in (0, 1):
        world = World()
        expired = Authority.of("authority", start=NOW - timedelta(days=10), days=9)
        if place == 0:
            world.authority.chain[0] = expired_below(world, expired)
        else:
            world.authority = Authority.of("authority", start=NOW - timedelta(days=10), days=9)
        refused(bundle1(Signing.of(world, PAYLOAD), world=world), "was not valid at", authority(world))


def expired_below(world, expired):
    root_key = new_key()
    root = certificate("r", root_key, None, root_key, authority=True, start=NOW - timedelta(days=300), days=900)
    world.authority.chain[1] = root
    key = world.authority.key
    settings = {"start": expired.chain[0].not_valid_before_utc, "days": 9}
    return certificate("authority", key, root, root_key, authority=True, **settings)


def test_the_chain_is_the_one_of_the_trusted_root():
    stranger = World()
    signing = Signing.of(stranger, PAYLOAD)
    refused(bundle1(signing), "not issued by the one", authority())
    assert holds(bundle1(signing, world=stranger), authority(stranger))


def test_an_authority_that_constrains_names_is_not_understood():
    world = World()
    root_key, key = new_key(), new_key()
    long = {"start": NOW - timedelta(days=9), "days": 99, "authority": True}
    root = certificate("root", root_key, None, root_key, **long)
    only = (x509.NameConstraints([x509.RFC822Name("example.com")], None), False)
    world.authority = Authority([certificate("below", key, root, root_key, extensions=[only], **long), root], key)
    refused(bundle1(Signing.of(world, PAYLOAD), world=world), "constrains names", authority(world))


def test_an_authority_issues_only_for_its_purpose():
    world = World(authority=Authority.of("authority", issues=CODE))
    assert holds(bundle1(Signing.of(world, PAYLOAD), world=world), authority(world))
    world = World(authority=Authority.of("authority", issues=TIME))
    refused(bundle1(Signing.of(world, PAYLOAD), world=world), "for another purpose", authority(world))


def test_an_authority_issues_only_as_far_as_it_may():
    world = World()
    root_key, key = new_key(), new_key()
    long = {"start": NOW - timedelta(days=9), "days": 99, "authority": True}
    root = certificate("root", root_key, None, root_key, path_length=0, **long)
    world.authority = Authority([certificate("below", key, root, root_key, **long), root], key)
    refused(bundle1(Signing.of(world, PAYLOAD), world=world), "longer than an authority", authority(world))
    world.authority = Authority([certificate("leaf", key, root, root_key, **(long | {"authority": False})), root], key)
    refused(bundle1(Signing.of(world, PAYLOAD), world=world), "not an authority's", authority(world))


@pytest.mark.parametrize(
    ("who", "make", "why"),
    [
        ("authority", bundle1, "a certificate authority was not trusted at"),
        ("ct", bundle1, "0 trusted certificate logs"),
        ("rekor1", bundle1, "a log was not trusted when"),
        ("rekor2", bundle2, "a log was not trusted when"),
        ("times", bundle2, "a timestamp authority was not trusted when"),
    ],
)
def test_each_is_trusted_only_in_its_time(who, make, why):
    bundle = make()
    for window in ((NOW - timedelta(days=9), NOW - timedelta(days=1)), (NOW + timedelta(days=1), None)):
        WORLD.windows[who] = window
        try:
            refused(bundle, why)
        finally:
            del WORLD.windows[who]
    holds(bundle)


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_a_trusted_root_without_somebody_trusts_nothing(part):
    assert evidence(bundle1(), authority(**{part: []})).outcome is Outcome.INVALID


def test_a_timestamp_of_another_signature_counts_for_nothing():
    refused(SIGNING.bundle([second()], [WORLD.timestamp(b"another")]), "a timestamp is of another signature")


def test_a_timestamp_is_signed_by_the_one_it_names():
    """CVE-2026-39984: not by another certificate that is there too."""
    stranger = Authority.of("times", TIME)
    made = WORLD.timestamp(SIGNING.signature, key=stranger.key, chain=stranger.chain, embed=stranger.chain[:1])
    refused(SIGNING.bundle([second()], [made]), "a timestamp is signed with another certificate")
    made = WORLD.timestamp(SIGNING.signature, serial=99, embed=WORLD.times.chain[:1])
    refused(SIGNING.bundle([second()], [made]), "a timestamp is signed with another certificate")
    made = WORLD.timestamp(SIGNING.signature, key=stranger.key)
    refused(SIGNING.bundle([second()], [made]), "the signature of a timestamp is not valid")


def test_the_certificate_of_a_timestamp_may_come_along():
    world = World()
    leaf, root = world.times.chain
    made = world.timestamp(SIGNING.signature, embed=[leaf])
    bundle = SIGNING.bundle([second()], [made])
    only = world._authority(Authority([root], None), "times")
    holds(bundle, authority(timestampAuthorities=[only]))
    without = SIGNING.bundle([second()], [world.timestamp(SIGNING.signature)])
    refused(without, "another certificate than", authority(timestampAuthorities=[only]))


def test_a_certificate_of_another_purpose_makes_no_timestamps():
    world = World(times=Authority.of("times", x509.oid.ExtendedKeyUsageOID.CODE_SIGNING))
    bundle = SIGNING.bundle([second()], [world.timestamp(SIGNING.signature)])
    refused(bundle, "not for timestamps", authority(timestampAuthorities=[world._authority(world.times, "times")]))


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_timestamp_may_be_signed_with_rsa_of_a_safe_size(bits):
    key = rsa.generate_private_key(65537, bits)
    root = World().times
    leaf = certificate("rsa", key, root.chain[1], root.root_key, purpose=TIME, start=NOW - timedelta(days=1))
    world = World(times=Authority([leaf, root.chain[1]], key))
    bundle = SIGNING.bundle([second()], [world.timestamp(SIGNING.signature)])
    trusted = authority(timestampAuthorities=[world._authority(world.times, "times")])
    if bits == 1024:
        refused(bundle, "RSA key is of a size that is not accepted", trusted)
    else:
        assert holds(bundle, trusted)


def test_a_token_is_the_inside_of_a_response():
    response = WORLD.timestamp(b"message")
    token = read(response).items(SEQUENCE)[1].whole
    assert Timestamp.parse_token(token) == Timestamp.parse_response(response)
    with pytest.raises(Rejected):
        Timestamp.parse_response(token)


def test_a_certificate_log_signs_this_certificate():
    stranger = World(authority=WORLD.authority)
    refused(bundle1(Signing.of(stranger, PAYLOAD)), "0 trusted certificate logs have the certificate")
    key, above = new_key(), WORLD.authority.chain[0]
    of_another = WORLD.certificate_timestamp(b"another", spki_of(above), WORLD.certificate_log)
    leaf = WORLD.leaf(key, issuer=(*ISSUED, (of_another, False)), logs=())
    signing = Signing(PAYLOAD, ecdsa(key, SIGNING.message), leaf)
    refused(bundle1(signing), "0 trusted certificate logs have the certificate")


@given(st.binary(max_size=60))
def test_der_is_read_in_one_way(data):
    try:
        element = read(data)
    except ValueError:
        return
    assert tlv(element.tag, element.content) == data == element.whole


@given(st.text(alphabet="a1\n\u2014 =", max_size=60), st.sampled_from(["", "log\n2\nAAAA\n\n"]))
def test_any_text_is_a_checkpoint_or_none(text, before):
    try:
        found = Checkpoint.parse(before + text)
    except Rejected:
        return
    assert (before + text).startswith(found.text.decode())


def test_a_timestamp_that_was_not_granted_is_none():
    refused(SIGNING.bundle([second()], [WORLD.timestamp(SIGNING.signature, status=2)]), "not granted")


def test_thresholds_count_those_who_differ():
    """GHSA-9vcr: two entries of one log are one."""
    two = Thresholds(logs=2)
    refused(
        SIGNING.bundle([first(), first(kind=("intoto", "0.0.2"))]), "1 transparency logs", authority(thresholds=two)
    )
    holds(SIGNING.bundle([first(), second()]), authority(thresholds=two))
    stamps = [WORLD.timestamp(SIGNING.signature, NOW + timedelta(seconds=more)) for more in range(2)]
    times = authority(thresholds=Thresholds(times=2))
    refused(SIGNING.bundle([second()], stamps), "1 times", times)
    holds(SIGNING.bundle([first()], stamps[:1]), times)
    refused(bundle1(), "1 trusted certificate logs", authority(thresholds=Thresholds(certificate_logs=2)))


def test_a_threshold_is_at_least_one():
    """GHSA-fphv."""
    for wrong in ({"logs": 0}, {"times": 0}, {"certificate_logs": -1}):
        with pytest.raises(ValueError, match="at least one"):
            Thresholds(**wrong)


def test_nobody_is_expected_by_mistake():
    for text, pattern in (("", False), ("", True), ("(", True), (r"(a+)\1", True)):
        with pytest.raises(ValueError, match=r"expected|group|nothing to go with|understood"):
            Expected(text, pattern)


def test_a_signature_of_a_key_is_nobodys():
    proof = Proof(SIGNING.message, SIGNING.signature)
    with pytest.raises(Rejected, match="with a key, and not with a certificate"):
        authority().check(proof)


def test_an_attestation_is_not_a_signature_and_another_artifact_is_not_this_one():
    statement = Statement(Statement.parse(PAYLOAD).subjects, "https://cyclonedx.org/bom", {})
    found = evidence(bundle1(Signing.of(WORLD, statement.encode())))
    assert found.outcome is Outcome.UNSIGNED
    assert found.attestations[0].signer.identity == IDENTITY
    other = Statement.signature_of(describe(OCI_MANIFEST, b"other").digest, "x")
    refused(bundle1(Signing.of(WORLD, other.encode())), "not for this artifact")


def test_a_proof_is_of_the_tree_of_the_checkpoint():
    log_id = named_id(WORLD.rekor2)
    entry = second()
    body = base64.b64decode(entry["canonicalizedBody"])

    def proven(**changes):
        return SIGNING.bundle(
            [entry | {"inclusionProof": entry["inclusionProof"] | changes}], [WORLD.timestamp(SIGNING.signature)]
        )

    def signed(origin, body=body, key=WORLD.rekor2):
        return included(body, origin, lambda text: log_id[:4] + key.sign(text))["checkpoint"]

    holds(proven())
    refused(proven(treeSize="3"), "a proof of inclusion is too short")
    refused(proven(hashes=[]), "a proof of inclusion is too short")
    refused(proven(hashes=entry["inclusionProof"]["hashes"] * 2), "too long")
    refused(proven(hashes=[b64(bytes(32))]), "not in the log")
    refused(proven(logIndex="0"), "at another place")
    refused(proven(logIndex="9"), "at another place")
    refused(proven(checkpoint=signed("log.example.com", b"x")), "of another log than the proof")
    refused(proven(checkpoint=signed("other.example.com")), "not signed by its log")
    refused(proven(checkpoint=signed("log.example.com", key=World().rekor2)), "not signed by its log")


def test_an_entry_proves_something_and_promises_what_its_kind_can():
    refused(bundle1(proof=False), "a log entry of the bundle has no proof of inclusion")
    entry = second() | {"inclusionPromise": {"signedEntryTimestamp": "AAAA"}, "integratedTime": "1"}
    refused(SIGNING.bundle([entry], [WORLD.timestamp(SIGNING.signature)]), "a promise that its kind does not have")


def flipped(data, step=1):
    for position in range(0, len(data), step):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        yield bytes(changed)


PLACES = {
    "signature": ("dsseEnvelope", "signatures", 0, "sig"),
    "payload": ("dsseEnvelope", "payload"),
    "certificate": ("verificationMaterial", "certificate", "rawBytes"),
    "entry": ("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"),
    "log": ("verificationMaterial", "tlogEntries", 0, "logId", "keyId"),
    "root": ("verificationMaterial", "tlogEntries", 0, "inclusionProof", "rootHash"),
    "hash": ("verificationMaterial", "tlogEntries", 0, "inclusionProof", "hashes", 0),
    "promise": ("verificationMaterial", "tlogEntries", 0, "inclusionPromise", "signedEntryTimestamp"),
    "timestamp": (
        "verificationMaterial",
        "timestampVerificationData",
        "rfc3161Timestamps",
        0,
        "signedTimestamp",
    ),
}


def changed_at(bundle, path, make):
    copied = copy.deepcopy(bundle)
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = make(inner[path[-1]])
    return copied


@pytest.mark.parametrize(("make", "place"), [(make, place) for make in (bundle1, bundle2) for place in PLACES])
def test_every_byte_counts(make, place):
    if (place == "promise" and make is bundle2) or (place == "timestamp" and make is bundle1):
        return
    bundle, trusted = make(), authority()
    step = 5 if (make, place) == (bundle2, "entry") else 1  # all of them are in the other
    for data in flipped(base64.b64decode(at(bundle, PLACES[place])), step):
        found = evidence(changed_at(bundle, PLACES[place], lambda _, data=data: b64(data)), trusted)
        assert_harmless(found)
    assert found.outcome is Outcome.INVALID


def at(bundle, path):
    for step in path:
        bundle = bundle[step]
    return bundle


def assert_harmless(found):
    """Refused, or the same said by the same."""
    if found.outcome is Outcome.VERIFIED:
        (finding,) = found.findings
        assert (finding.predicate_type, finding.signer.identity, finding.signer.issuer) == (
            COSIGN_SIGN,
            IDENTITY,
            ISSUER,
        )
        assert finding.claim.statement == Statement.parse(PAYLOAD)
        assert finding.signer.signed_at == NOW


@pytest.mark.parametrize("make", [bundle1, bundle2])
def test_every_byte_of_a_checkpoint_counts(make):
    bundle, trusted = make(), authority()
    path = ("verificationMaterial", "tlogEntries", 0, "inclusionProof", "checkpoint", "envelope")
    note = at(bundle, path).encode()
    for data in flipped(note):
        text = data.decode("utf-8", "replace")
        assert_harmless(evidence(changed_at(bundle, path, lambda _, text=text: text), trusted))
    refused(changed_at(bundle, path, lambda text: text.replace("\n2\n", "\n3\n")), "of another log than the proof")


@pytest.mark.parametrize("name", ["logIndex", "integratedTime"])
def test_a_promise_is_of_the_number_and_the_time(name):
    path = ("verificationMaterial", "tlogEntries", 0, name)
    refused(changed_at(bundle1(), path, lambda value: str(int(value) + 1)), "promise of a log is not signed by it")


@given(st.binary(max_size=300))
def test_any_bytes_are_no_timestamp(data):
    with pytest.raises(Rejected):
        Timestamp.parse_response(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ENTRY = [("logIndex",), ("logId",), ("kindVersion",), ("integratedTime",), ("inclusionPromise",), ("inclusionProof",)]
PROOF = [("inclusionProof", each) for each in ("logIndex", "treeSize", "rootHash", "hashes", "checkpoint")]


@given(st.sampled_from([*ENTRY, *PROOF, ("canonicalizedBody",)]), JSON)
def test_any_entry_is_refused_or_true(path, value):
    whole = ("verificationMaterial", "tlogEntries", 0, *path)
    assert_harmless(evidence(changed_at(bundle1(), whole, lambda _: value), TRUSTED))


TRUSTED = authority()


@given(st.sampled_from(["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities", "mediaType"]), JSON)
def test_any_trusted_root_is_read_or_malformed(part, value):
    try:
        read = TrustedRoot.parse(WORLD.trusted_root(**{part: value}))
    except InvalidDocument:
        return
    assert not value or part == "mediaType"
    assert read


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "application/json"},
        {"tlogs": [{}] * 101},
        {"tlogs": [json.loads(WORLD.trusted_root())["tlogs"][0]] * 2},
    ],
)
def test_a_trusted_root_is_strict(change):
    with pytest.raises(InvalidDocument):
        TrustedRoot.parse(WORLD.trusted_root(**change))


def test_keys_of_kinds_that_are_not_known_count_for_nothing():
    logs = json.loads(WORLD.trusted_root())["tlogs"]
    logs[0]["publicKey"]["keyDetails"] = "PKIX_TOMORROW"
    refused(bundle1(), "of a log that is not trusted", authority(tlogs=logs))


def test_a_signature_under_the_tag_holds_by_its_promise():
    key = new_key()
    payload = Payload(SUBJECT.digest, "127.0.0.1:5000/demo/hello", {}).encode()
    signing = Signing(payload, ecdsa(key, payload), WORLD.leaf(key))
    spec = signing.spec("hashedrekord", "0.0.1", message=payload)
    entry = WORLD.entry1("hashedrekord", "0.0.1", spec)
    logged = {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }
    annotations = {
        SIGNATURE: b64(signing.signature),
        "dev.sigstore.cosign/certificate": signing.pem.decode(),
        "dev.sigstore.cosign/bundle": json.dumps(logged),
    }

    def judged(**changes):
        candidate = Candidate(SignatureKind.LEGACY, SIMPLE_SIGNING, payload, annotations=annotations | changes)
        return Verifier([authority()]).verify(SUBJECT, [candidate])

    assert judged().outcome is Outcome.VERIFIED, judged().reasons
    assert judged().signers[0].signed_at == NOW
    logged["Payload"]["integratedTime"] += 1
    changed = judged(**{"dev.sigstore.cosign/bundle": json.dumps(logged)})
    assert "promise of a log is not signed" in changed.reasons[0]
    for text in ("", "{}", "[]", '{"Payload":{}}', "x"):
        assert judged(**{"dev.sigstore.cosign/bundle": text}).outcome is Outcome.INVALID
