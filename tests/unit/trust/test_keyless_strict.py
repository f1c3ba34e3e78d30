"""What a hostile signer, log, authority or registry may try with a signature by an identity, each a refusal.

What real ones sign, and that it holds, is in ``test_keyless``.
"""

import base64
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from registry.errors import InvalidDocument
from tests.keyless import (
    CODE,
    IDENTITY,
    NOW,
    SIGNED_ATTRIBUTES,
    TIME,
    Authority,
    Signing,
    World,
    b64,
    certificate,
    der,
    ecdsa,
    included,
    named_id,
    new_key,
    number,
    oid,
    stamped,
    tlv,
)
from tests.unit.trust.keyless_room import (
    ISSUED,
    KINDS1,
    PAYLOAD,
    SIGNING,
    WORLD,
    authority,
    bundle1,
    bundle2,
    first,
    holds,
    refused,
    second,
)
from wasmbuild.trust.der import SEQUENCE, read
from wasmbuild.trust.proof import Material, Proof, Rejected
from wasmbuild.trust.sigstore.authority import Thresholds
from wasmbuild.trust.sigstore.certificates import parse_certificate
from wasmbuild.trust.sigstore.timestamps import Timestamp
from wasmbuild.trust.sigstore.trusted_root import TrustedRoot

LONG = {"start": NOW - timedelta(days=9), "days": 99}
LATE = NOW + timedelta(minutes=30)
DEFAULT = stamped(WORLD.times.chain[0], SIGNING.signature, NOW)
SHA1_WITH_SIZE = tlv(0x30, tlv(0x30, oid("1.3.14.3.2.26")), tlv(4, bytes(20)))


@pytest.mark.parametrize("make", [bundle1, bundle2])
def test_what_a_log_has_must_still_be_signed(make):
    """A log does not vouch for signatures: one that keeps anything proves nothing of them."""
    of_something_else = Signing(PAYLOAD, ecdsa(new_key(), SIGNING.message), SIGNING.leaf)
    refused(make(of_something_else), "it is not valid for the certificate")


def test_all_times_count_and_the_earliest_is_told():
    stamp = WORLD.timestamp(SIGNING.signature)
    refused(SIGNING.bundle([first(at=LATE)], [stamp]), "was not valid at")
    refused(SIGNING.bundle([first()], [WORLD.timestamp(SIGNING.signature, LATE)]), "was not valid at")
    for bundle in (
        SIGNING.bundle([first(at=NOW + timedelta(minutes=1))], [stamp]),
        SIGNING.bundle([first()], [WORLD.timestamp(SIGNING.signature, NOW + timedelta(minutes=1))]),
    ):
        assert holds(bundle).signed_at == NOW


def test_one_key_is_one_log_whatever_it_is_called():
    """GHSA-9vcr: neither two entries nor two names make two of one."""
    root = json.loads(WORLD.trusted_root())
    twin = {**root["tlogs"][1], "logId": {"keyId": b64(named_id(WORLD.rekor2)[:4] + bytes(28))}}
    other = second() | {"logId": twin["logId"]}
    bundle = SIGNING.bundle([second(), other], [WORLD.timestamp(SIGNING.signature)])
    logs = [*root["tlogs"], twin]
    holds(bundle, authority(tlogs=logs))
    refused(bundle, "1 transparency logs have it, and 2 must", authority(tlogs=logs, thresholds=Thresholds(logs=2)))
    two = SIGNING.bundle([first(), first(at=NOW + timedelta(seconds=1))])
    refused(two, "1 times are vouched for, and 2 must", authority(thresholds=Thresholds(times=2)))


@pytest.mark.parametrize(
    "names",
    [
        [x509.UniformResourceIdentifier(f"{IDENTITY}\0.example.com")],
        [x509.UniformResourceIdentifier(f"{IDENTITY}\n")],
        [x509.UniformResourceIdentifier(IDENTITY.upper())],
        [x509.UniformResourceIdentifier(f"{IDENTITY}%2F")],
    ],
)
def test_a_name_is_neither_cut_nor_folded(names):
    bundle = bundle1(Signing.of(WORLD, PAYLOAD, names=names))
    refused(bundle, "it was made by")
    refused(bundle, "it was made by", authority(identity="https://[a-z./]+", issuer=".*", pattern=True))


def test_an_address_is_compared_as_it_is_written():
    for written in ("Ada@example.com", "ada@EXAMPLE.com", "ada@xn--exmple-cua.com"):
        bundle = bundle1(Signing.of(WORLD, PAYLOAD, names=[x509.RFC822Name(written)]))
        refused(bundle, "it was made by", authority(identity="ada@example.com"))
        assert holds(bundle, authority(identity=written))


def test_a_name_is_not_endless():
    names = [x509.UniformResourceIdentifier("https://example.com/" + "a" * 4096)]
    refused(bundle1(Signing.of(WORLD, PAYLOAD, names=names)), "longer than 4096")


def test_a_certificate_is_of_a_bounded_size():
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(65_536))
    refused(bundle1(Signing.of(WORLD, PAYLOAD, issuer=(*ISSUED, (extension, False)))), "larger than 65536")


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        (x509.PrecertPoison(), "critical extension that is not known"),
        (x509.NameConstraints([x509.DNSName("example.com")], None), "critical extension that is not known"),
        (x509.InhibitAnyPolicy(0), "critical extension that is not known"),
    ],
)
def test_what_must_be_understood_is(extension, why):
    refused(bundle1(Signing.of(WORLD, PAYLOAD, issuer=(*ISSUED, (extension, True)))), why)


def usage(**said_of):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    more = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: said_of.get(name, False) for name in (*names, *more)})


def test_a_certificate_that_is_not_for_signatures_makes_none():
    for_keys = (usage(content_commitment=True), True)
    signing = Signing.of(WORLD, PAYLOAD, usage=False, issuer=(*ISSUED, for_keys))
    refused(bundle1(signing), "not for signatures")


def test_an_authority_is_one_by_all_that_it_says():
    for changes in (
        {"usage": False, "extensions": ((usage(digital_signature=True), True),), "authority": True},
        {"authority": False},
        {"usage": False, "extensions": ((usage(key_cert_sign=True), True),), "authority": False},
        {"basic": False, "authority": True},
    ):
        world = World()
        root_key, key = new_key(), new_key()
        root = certificate("root", root_key, None, root_key, authority=True, **LONG)
        world.authority = Authority([certificate("below", key, root, root_key, **LONG, **changes), root], key)
        refused(bundle1(Signing.of(world, PAYLOAD), world=world), "not an authority's", authority(world))


def over_sha_1(made, key):
    """The same certificate, signed over the old hash."""
    new, old = tlv(0x30, oid("1.2.840.10045.4.3.2")), tlv(0x30, oid("1.2.840.10045.4.1"))
    parts = [old if each.whole == new else each.whole for each in read(made.tbs_certificate_bytes).items(SEQUENCE)]
    tbs = tlv(0x30, *parts)
    return parse_certificate(tlv(0x30, tbs, old, tlv(3, b"\0", key.sign(tbs, ec.ECDSA(hashes.SHA1())))))


def test_a_certificate_is_not_signed_over_sha_1():
    """Whoever finds two texts with one such hash has two certificates for one; the library refuses it."""
    world = World()
    below, _ = world.authority.chain
    world.authority.chain[0] = over_sha_1(below, world.authority.root_key)
    assert world.authority.chain[0].signature_hash_algorithm.name == "sha1"
    refused(bundle1(Signing.of(world, PAYLOAD), world=world), "not issued by the one", authority(world))


def test_an_authority_that_issues_for_itself_alone_is_enough():
    world = World(authority=Authority.of("authority", path_length=0))
    assert holds(bundle1(Signing.of(world, PAYLOAD), world=world), authority(world))


def test_a_chain_ends_with_a_root():
    below, _ = WORLD.authority.chain
    only = WORLD._authority(Authority([below], None), "authority")
    refused(bundle1(), "not issued by the one", authority(certificateAuthorities=[only]))
    leaf = WORLD._authority(Authority(WORLD.times.chain[:1], None), "times")
    refused(bundle2(), "nobody stands above", authority(timestampAuthorities=[leaf]))


# What certificate logs say


def of_logs(*keys, **changes):
    def extension(tbs, issuer):
        return WORLD.certificate_timestamp(tbs, issuer, *keys, **changes)

    return bundle1(Signing.of(WORLD, PAYLOAD, logs=extension))


def test_certificate_logs_count_once_each():
    stranger, known = new_key(), WORLD.certificate_log
    holds(of_logs(stranger, known))
    refused(of_logs(stranger, stranger), "0 trusted certificate logs")
    both = Thresholds(certificate_logs=2)
    refused(of_logs(known, known), "1 trusted certificate logs", authority(thresholds=both))
    root = json.loads(WORLD.trusted_root())["ctlogs"]
    theirs = json.loads(World(certificate_log=stranger).trusted_root())["ctlogs"]
    holds(of_logs(stranger, known), authority(thresholds=both, ctlogs=[*root, *theirs]))
    refused(of_logs(*[known] * 33), "more than 32")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": b"\1"}, "malformed"),
        ({"entry": b"\0\0"}, "0 trusted certificate logs"),
        ({"since": NOW - timedelta(days=999)}, "0 trusted certificate logs"),
        ({"since": b"\xff" * 8}, "0 trusted certificate logs"),
    ],
)
def test_what_a_certificate_log_says_is_for_this_kind_and_time(changes, why):
    refused(of_logs(WORLD.certificate_log, **changes), why)


# Timestamps


def of_time(**changes):
    return SIGNING.bundle([second()], [WORLD.timestamp(SIGNING.signature, **changes)])


def info(**changes):
    """The parts of a TSTInfo, some of them other ones, and perhaps more behind them."""
    names = ("version", "policy", "imprint", "serial", "made")
    parts = dict(zip(names, DEFAULT["info"], strict=True))
    more = changes.pop("more", [])
    return [*(parts | changes).values(), *more]


def attributes(*, without=None, twice=False):
    kept = tuple(each for each in SIGNED_ATTRIBUTES if each[1] != without)
    return kept * 2 if twice else kept


SERIAL_AND_ISSUER = tlv(0x30, tlv(4, bytes(32)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outside": "1.2.840.113549.1.7.1"}, "malformed"),
        ({"inside": "1.2.840.113549.1.7.1"}, "malformed"),
        ({"content_type": oid("1.2.840.113549.1.7.1")}, "malformed"),
        ({"message_digest": tlv(4, bytes(32))}, "changed after it was signed"),
        ({"signers": 2}, "malformed"),
        ({"attributes": attributes(without="content_type")}, "malformed"),
        ({"attributes": attributes(without="message_digest")}, "malformed"),
        ({"attributes": attributes(without="named")}, "malformed"),
        ({"attributes": attributes(twice=True)}, "malformed"),
        ({"named": tlv(0x30, tlv(0x30, SERIAL_AND_ISSUER))}, "signed with another certificate"),
        ({"algorithm": tlv(0x30, oid("1.3.14.3.2.26"))}, "hash of a kind that is not accepted"),
        ({"info": info(version=number(2))}, "malformed"),
        ({"info": info(imprint=SHA1_WITH_SIZE)}, "hash of a kind that is not accepted"),
        ({"info": info(more=[tlv(0xA1, b"")])}, "malformed"),
        ({"info": info(made=tlv(0x18, b"20260230000000Z"))}, "malformed"),
        ({"info": info(made=tlv(0x18, b"202603040506Z"))}, "malformed"),
        ({"info": info(made=tlv(0x18, b"20260304050607+0100"))}, "malformed"),
        ({"info": info(made=tlv(0x17, b"260304050607Z"))}, "malformed"),
    ],
)
def test_a_timestamp_is_one_in_every_part(changes, why):
    refused(of_time(**changes), why)


def test_a_timestamp_may_say_more():
    accuracy, ordering, nonce = tlv(0x30, number(1)), tlv(1, b"\xff"), number(2**80)
    authority_name = tlv(0xA0, tlv(0xA4, tlv(0x30)))
    holds(of_time(info=info(more=[accuracy, ordering, nonce, authority_name])))
    fraction = tlv(0x18, NOW.strftime("%Y%m%d%H%M%S.25Z").encode())
    assert holds(of_time(info=info(made=fraction))).signed_at == NOW.replace(microsecond=250_000)


def test_a_timestamp_is_of_a_bounded_size():
    with pytest.raises(Rejected, match="larger than 65536"):
        Timestamp.parse_token(bytes(65_537))


def test_a_timestamp_authority_has_that_one_purpose_and_says_it_is_critical():
    both = (x509.ExtendedKeyUsage([TIME, CODE]), True)
    for extension in (
        both,
        (x509.ExtendedKeyUsage([TIME]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),
    ):
        root = World().times
        key = new_key()
        leaf = certificate("times", key, root.chain[1], root.root_key, extensions=[extension], **LONG)
        world = World(times=Authority([leaf, root.chain[1]], key))
        trusted = authority(timestampAuthorities=[world._authority(world.times, "times")])
        stamp = world.timestamp(SIGNING.signature)
        refused(SIGNING.bundle([second()], [stamp]), "not for timestamps", trusted)


@pytest.mark.parametrize(
    ("curve", "accepted"), [(ec.SECP384R1(), True), (ec.SECP224R1(), False), (ec.SECP256K1(), False)]
)
def test_a_timestamp_is_signed_on_a_curve_that_is_large_enough(curve, accepted):
    key, root = ec.generate_private_key(curve), World().times
    leaf = certificate("times", key, root.chain[1], root.root_key, purpose=TIME, **LONG)
    world = World(times=Authority([leaf, root.chain[1]], key))
    trusted = authority(timestampAuthorities=[world._authority(world.times, "times")])
    bundle = SIGNING.bundle([second()], [world.timestamp(SIGNING.signature)])
    if accepted:
        holds(bundle, trusted)
    else:
        refused(bundle, "of a kind that is not supported", trusted)


def test_of_several_certificates_the_one_that_signed_is_taken():
    leaf, root = WORLD.times.chain
    other = certificate("other", new_key(), root, WORLD.times.root_key, purpose=TIME, **LONG)
    only = authority(timestampAuthorities=[WORLD._authority(Authority([root], None), "times")])
    for embed in ((other, leaf), (leaf, other)):
        holds(of_time(embed=embed), only)
    refused(of_time(embed=(other,)), "another certificate than", only)


def test_the_certificates_of_a_timestamp_authority_are_valid_then():
    """CVE-2024-56138: a timestamp authority's chain is checked as any other."""
    world = World(times=Authority.of("times", TIME, start=NOW - timedelta(days=10), days=9))
    trusted = authority(timestampAuthorities=[world._authority(world.times, "times")])
    refused(SIGNING.bundle([second()], [world.timestamp(SIGNING.signature)]), "was not valid at", trusted)


# Checkpoints


def noted(change):
    entry = second()
    checkpoint = {"envelope": change(entry["inclusionProof"]["checkpoint"]["envelope"])}
    proof = entry["inclusionProof"] | {"checkpoint": checkpoint}
    return SIGNING.bundle([entry | {"inclusionProof": proof}], [WORLD.timestamp(SIGNING.signature)])


WITNESS = f"— witness.example.com {b64(bytes(68))}\n"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda note: note.replace("\n", "\r\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n2\r\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n02\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n+2\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n-2\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n２\n"), "malformed"),
        (lambda note: note.replace("\n2\n", "\n3\n"), "of another log"),
        (lambda note: note.removesuffix("\n"), "malformed"),
        (lambda note: note.replace("\n\n", "\n"), "malformed"),
        (lambda note: "\n" + note, "malformed"),
        (lambda note: note.replace("\n\n", "\n\n\n"), "malformed"),
        (lambda note: note.partition("\n")[2], "malformed"),
        (lambda note: note.partition("\n2\n")[0] + "\n2\n\n" + note.partition("\n\n")[2], "malformed"),
        (lambda note: note.replace("\n\n", "\nextension\n\n"), "not signed by its log"),
        (lambda note: "x" + note, "not signed by its log"),
        (lambda note: note + WITNESS * 32, "malformed"),
        (lambda note: note + "x" * 65_536, "longer than 65536"),
        (lambda note: note.partition("\n\n")[0] + "\n\n" + WITNESS, "not signed by its log"),
        (lambda note: note.partition("\n\n")[0] + "\n\n", "malformed"),
    ],
)
def test_a_checkpoint_is_read_strictly(change, why):
    refused(noted(change), why)


def test_a_checkpoint_may_have_witnesses_and_say_more():
    holds(noted(lambda note: note.replace("\n\n", f"\n\n{WITNESS}")))
    holds(noted(lambda note: note + WITNESS))
    log_id = named_id(WORLD.rekor2)

    def extended(note):
        text = note.partition("\n\n")[0] + "\nTimestamp: 1\n"
        return f"{text}\n— x {b64(log_id[:4] + WORLD.rekor2.sign(text.encode()))}\n"

    holds(noted(extended))


def test_the_keys_of_checkpoints_are_not_confused():
    """A signature counts under the id of the log that the entry names, and of no other."""
    entry = second()
    body = base64.b64decode(entry["canonicalizedBody"])
    wrong = included(body, "log.example.com", lambda text: b"\0\0\0\0" + WORLD.rekor2.sign(text))
    refused(
        SIGNING.bundle([entry | {"inclusionProof": wrong}], [WORLD.timestamp(SIGNING.signature)]),
        "not signed by its log",
    )


# Entries


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"unknown": 1}, "fields that are not known"),
        ({"logIndex": True}, "malformed"),
        ({"logIndex": "-1"}, "malformed"),
        ({"logIndex": "9" * 20}, "malformed"),
        ({"inclusionPromise": {}}, "malformed"),
        ({"inclusionPromise": {"signedEntryTimestamp": ""}}, "not signed by it"),
    ],
)
def test_an_entry_is_read_strictly(change, why):
    refused(SIGNING.bundle([first() | change]), why)


def test_an_entry_may_be_elsewhere_in_all_logs_than_in_its_own():
    """Rekor 1 counts over all its trees, and proves within one; only the promise binds the first number."""
    assert holds(SIGNING.bundle([first(promise=False) | {"logIndex": "9"}], [WORLD.timestamp(SIGNING.signature)]))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (("hashedrekord", "0.0.1"), ("data", "hash", "algorithm"), "sha512"),
        (("hashedrekord", "0.0.1"), ("data", "hash", "algorithm"), "md5"),
        (("dsse", "0.0.1"), ("payloadHash", "algorithm"), "sha512"),
        (("intoto", "0.0.2"), ("content", "envelope", "payloadType"), "text/plain"),
        (("intoto", "0.0.2"), ("content", "payloadHash", "algorithm"), "sha512"),
    ],
)
def test_an_entry_names_how_it_was_hashed(kind, path, value):
    spec = SIGNING.spec(*kind)
    changed(spec, path, value)
    refused(SIGNING.bundle([WORLD.entry1(*kind, spec)]), "of another signature")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("hashedrekord", ("hashedRekordV002", "data", "algorithm")),
        ("dsse", ("dsseV002", "payloadHash", "algorithm")),
    ],
)
def test_an_entry_of_the_second_log_names_how_it_was_hashed(kind, path):
    spec = SIGNING.spec(kind, "0.0.2")
    changed(spec, path, "SHA2_512")
    refused(SIGNING.bundle([WORLD.entry2(kind, spec)], [WORLD.timestamp(SIGNING.signature)]), "of another signature")


def logged(entry):
    """An entry alone, as only whoever calls the library could give it."""
    material = Material(chain=(der(SIGNING.leaf),), log_entries=(entry,))
    with pytest.raises(Rejected) as caught:
        authority().check(Proof(SIGNING.message, SIGNING.signature, material))
    return str(caught.value)


def test_an_entry_that_nobody_signed_proves_nothing():
    assert "proves nothing" in logged(first(kind=("hashedrekord", "0.0.1"), promise=False, proof=False))


def test_an_entry_is_of_a_bounded_size():
    assert "larger than 8388608" in logged(first() | {"canonicalizedBody": b64(bytes(8 * 1024 * 1024 + 1))})


def test_an_entry_of_an_envelope_is_for_an_envelope():
    spec = SIGNING.spec("dsse", "0.0.1")
    spec["payloadHash"]["value"] = None
    assert "of another signature" in logged(WORLD.entry1("dsse", "0.0.1", spec))


@pytest.mark.parametrize("kind", [*KINDS1[:2], ("dsse", "0.0.2")])
def test_an_entry_has_one_signature(kind):
    spec = SIGNING.spec(*kind)
    holder = spec["content"]["envelope"] if kind[0] == "intoto" else spec.get("dsseV002", spec)
    holder["signatures"] = holder["signatures"] * 2
    make = WORLD.entry2("dsse", spec) if kind[1] == "0.0.2" and kind[0] == "dsse" else WORLD.entry1(*kind, spec)
    refused(SIGNING.bundle([make], [WORLD.timestamp(SIGNING.signature)]), "malformed")


# Trusted roots


def rooted(change):
    value = json.loads(WORLD.trusted_root())
    change(value)
    return TrustedRoot.parse(json.dumps(value).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root["tlogs"][0]["publicKey"].update(keyDetails="PKIX_ED25519"),
        lambda root: root["tlogs"][0]["publicKey"].update(validFor={"start": "2026-01-01T00:00:00"}),
        lambda root: root["tlogs"][0]["publicKey"].update(rawBytes="AAAA"),
        lambda root: root["certificateAuthorities"][0]["certChain"].update(certificates=[]),
        lambda root: root["certificateAuthorities"][0]["certChain"]["certificates"].extend(
            root["certificateAuthorities"][0]["certChain"]["certificates"][:1] * 9
        ),
        lambda root: root["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="AAAA"),
        lambda root: root["certificateAuthorities"].extend(root["certificateAuthorities"] * 100),
    ],
)
def test_a_trusted_root_that_is_not_whole_is_none(change):
    with pytest.raises(InvalidDocument):
        rooted(change)


@pytest.mark.parametrize("data", [b"[]", b"null", b"{}", WORLD.trusted_root() + b" " * 1_048_576])
def test_a_trusted_root_is_a_small_object(data):
    with pytest.raises(InvalidDocument):
        TrustedRoot.parse(data)


def test_a_log_of_another_hash_counts_for_nothing():
    assert len(rooted(lambda root: root["tlogs"][0].update(hashAlgorithm="SHA2_512")).logs) == 1


def test_without_a_window_somebody_is_trusted_always():
    logs = json.loads(WORLD.trusted_root())["tlogs"]
    for each in logs:
        del each["publicKey"]["validFor"]
    holds(bundle1(), authority(tlogs=logs))


def test_authorities_may_overlap():
    """The one that issued it is found, wherever it stands."""
    root = json.loads(WORLD.trusted_root())
    stranger = json.loads(World().trusted_root())
    both = {name: [*stranger[name], *root[name]] for name in ("certificateAuthorities", "timestampAuthorities")}
    holds(bundle2(), authority(**both))


def changed(value, path, new):
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new
