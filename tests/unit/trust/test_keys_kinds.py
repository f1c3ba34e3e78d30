"""Other kinds of keys than the one that is made, and other files than cosign's."""

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import StorageFailed
from wasmbuild.errors import InvalidKey, TargetExists, UsageFailed
from wasmbuild.trust.algorithms import Algorithm
from wasmbuild.trust.described import Form, describe
from wasmbuild.trust.keyfiles import read_key_file, write_key_pair, write_private_file
from wasmbuild.trust.keys import PrivateKey, PublicKey
from wasmbuild.trust.listing import list_keys
from wasmbuild.trust.pbes2 import encrypt_pkcs8
from wasmbuild.trust.pem import read_block, write_block
from wasmbuild.trust.pkcs8 import open_private_key
from wasmbuild.trust.rounds import check_rounds
from wasmbuild.trust.sealed import seal

RSA = rsa.generate_private_key(65537, 2048)
KINDS = {
    Algorithm.P256: ec.generate_private_key(ec.SECP256R1()),
    Algorithm.P384: ec.generate_private_key(ec.SECP384R1()),
    Algorithm.RSA: RSA,
    Algorithm.ED25519: ed25519.Ed25519PrivateKey.generate(),
}
SEALED = PrivateKey.of(RSA).encrypt(b"pw")
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def plain(key, form=serialization.PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or serialization.NoEncryption())


def public_pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def nobody():
    raise AssertionError("asked for a password")


def verify_by_hand(kind, public, signature, message):
    if kind is Algorithm.RSA:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    elif kind is Algorithm.ED25519:
        public.verify(signature, message)
    else:
        public.verify(signature, message, ec.ECDSA(hashes.SHA384() if kind is Algorithm.P384 else hashes.SHA256()))


@each_kind
def test_a_kind_signs_in_one_way_and_always_the_same(kind):
    key = PrivateKey.of(KINDS[kind])
    signature = key.sign(b"message")
    assert key.public.algorithm is kind
    assert key.sign(b"message") == signature != key.sign(b"massage")
    verify_by_hand(kind, KINDS[kind].public_key(), signature, b"message")
    assert key.public.verify(signature, b"message")
    assert not key.public.verify(signature, b"massage")
    assert not key.public.verify(signature[:-1] + bytes([signature[-1] ^ 1]), b"message")
    assert not key.public.verify(b"", b"message")


@each_kind
def test_a_signature_of_one_kind_is_none_of_another(kind):
    signature = PrivateKey.of(KINDS[kind]).sign(b"message")
    for other in KINDS.keys() - {kind}:
        assert not PrivateKey.of(KINDS[other]).public.verify(signature, b"message")


def test_another_hash_or_padding_does_not_verify():
    p384 = KINDS[Algorithm.P384]
    assert not PublicKey.of(p384.public_key()).verify(p384.sign(b"m", ec.ECDSA(hashes.SHA256())), b"m")
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    assert not PublicKey.of(RSA.public_key()).verify(RSA.sign(b"m", pss, hashes.SHA256()), b"m")
    with pytest.raises(InvalidSignature):
        verify_by_hand(Algorithm.P384, p384.public_key(), p384.sign(b"m", ec.ECDSA(hashes.SHA256())), b"m")


RFC_6979 = [
    (
        ec.SECP256R1(),
        0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721,
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        ec.SECP384R1(),
        0x6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5,
        0x94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46,
        0x99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8,
    ),
]


@pytest.mark.parametrize(("curve", "secret", "r", "s"), RFC_6979, ids=["A.2.5", "A.2.6"])
def test_signatures_are_those_of_rfc_6979(curve, secret, r, s):
    key = PrivateKey.of(ec.derive_private_key(secret, curve))
    assert decode_dss_signature(key.sign(b"sample")) == (r, s)


REFUSED = {
    "secp256k1": (ec.generate_private_key(ec.SECP256K1()), "kind that is not supported"),
    "ed448": (ed448.Ed448PrivateKey.generate(), "kind that is not supported"),
    "rsa-1024": (rsa.generate_private_key(65537, 1024), "it has 1024 bits"),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_refuses_kinds_that_it_does_not_use(defect):
    key, reason = REFUSED[defect]
    with pytest.raises(InvalidKey, match=reason):
        PublicKey.load(public_pem(key.public_key()))
    with pytest.raises(InvalidKey, match=reason):
        open_private_key(plain(key), nobody)


def test_p521_verifies_and_does_not_sign():
    key = ec.generate_private_key(ec.SECP521R1())
    public = PublicKey.load(public_pem(key.public_key()))
    assert public.algorithm is Algorithm.P521
    assert public.verify(key.sign(b"message", ec.ECDSA(hashes.SHA512())), b"message")
    assert not public.verify(key.sign(b"message", ec.ECDSA(hashes.SHA256())), b"message")
    with pytest.raises(InvalidKey, match="kind that is not supported"):
        open_private_key(plain(key), nobody)


def test_refuses_rsa_that_takes_long_to_verify():
    modulus = RSA.public_key().public_numbers().n
    with pytest.raises(InvalidKey, match="public exponent"):
        PublicKey.of(rsa.RSAPublicNumbers(2**31 + 11, modulus).public_key())
    with pytest.raises(InvalidKey, match="it has 8200 bits"):
        PublicKey.of(rsa.RSAPublicNumbers(65537, (1 << 8199) + 1).public_key())


@each_kind
def test_every_kind_goes_through_every_file(kind):
    key = PrivateKey.of(KINDS[kind])
    assert PublicKey.load(key.public.pem) == key.public
    sealed = SEALED if kind is Algorithm.RSA else key.encrypt(b"pw")
    assert open_private_key(sealed, lambda: b"pw").public == key.public
    assert key.pkcs8(None) == plain(KINDS[kind])
    assert open_private_key(key.pkcs8(None), nobody).public == key.public


@pytest.mark.parametrize("kind", [Algorithm.P256, Algorithm.RSA], ids=lambda kind: kind.name)
def test_what_it_encrypts_is_read_by_the_library_and_the_other_way_round(kind):
    key = PrivateKey.of(KINDS[kind])
    ours = key.pkcs8("pässword".encode())
    assert ours.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    opened = serialization.load_pem_private_key(ours, "pässword".encode())
    assert public_pem(opened.public_key()) == key.public.pem
    theirs = plain(KINDS[kind], encryption=serialization.BestAvailableEncryption(b"secret"))
    assert open_private_key(theirs, lambda: b"secret").public == key.public


@pytest.mark.parametrize("length", [1, 15, 16, 17, 300])
def test_every_length_is_padded(length, monkeypatch):
    monkeypatch.setattr("wasmbuild.trust.pbes2.ROUNDS", 65536)
    encrypted = encrypt_pkcs8(b"x" * length, b"secret")
    check_rounds(encrypted)
    with pytest.raises(ValueError, match=r"ASN\.1 parsing"):
        serialization.load_der_private_key(encrypted, b"secret")  # decrypted, and then no key


COSIGNS_KEY = b"""\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJ5ME9ES052eGlZR1B3ZW5aUkZKZEhnV1U4OFRkSkFw
N1V1UGt2KzVZZnNnPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJ1WXlOL0FOMnpjYUFUaDU4T2VYUjAzL1NZekNFUCs0UyJ9LCJj
aXBoZXJ0ZXh0IjoiMmJDdUJzZGtOZ0RqVi9jd0tRTHd6UGl4NTZsZ2hlRHRZOVRn
ZXJHaEpQM3BCWHhOSWMyWXVvQTlPUVZyRW5xSWVRajNMS0trNEFyZTlaQ3JLNzh2
S2s0RXh6WVk4SThDUWZ6VzUyRDdDSGgrTUhpODNkRGJqaWVSeE1pRFAwMzJWOWR6
NFVxRUlPRmdENitiOFFtNE5LV1d4RktTNVgvRTVwZDErZFp3ZTc0eTJWZjFWdUJI
TnFwbUdLYXRyZDNpN0Foc3RjQzZIMTFrOGc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
"""

COSIGNS_PUBLIC_KEY = b"""\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzvEBXzN+RdzI+ihBp/yxoW1In1kO
bw8vu9GEFZr36RHfljlB92IRM48Wo3k6GLKKgdu14SFi5y1/YjHOE3odUw==
-----END PUBLIC KEY-----
"""


def test_opens_a_key_that_cosign_made():
    """``cosign generate-key-pair`` of cosign 3.1.3, with the password "hello"; it signs nothing but this test."""
    key = PrivateKey.load(COSIGNS_KEY, b"hello")
    assert key.public == PublicKey.load(COSIGNS_PUBLIC_KEY)
    assert key.public.verify(key.sign(b"message"), b"message")


def test_reads_what_openssl_wrote_before():
    older = serialization.PrivateFormat.TraditionalOpenSSL
    for kind in (Algorithm.P256, Algorithm.RSA):
        assert open_private_key(plain(KINDS[kind], older), nobody).public == PublicKey.of(KINDS[kind].public_key())


def test_a_key_that_the_library_trips_over_is_malformed():
    """An Ed25519 key that is a byte short raises something of its own, which is no ValueError."""
    whole = bytearray(read_block(plain(KINDS[Algorithm.ED25519])).content)
    for at in (1, 13, 15):  # the lengths of all that the last byte is in
        whole[at] -= 1
    short = bytes(whole[:-1])
    with pytest.raises(InvalidKey, match="malformed"):
        open_private_key(write_block("PRIVATE KEY", short), nobody)
    with pytest.raises(InvalidKey, match="does not open"):
        open_private_key(write_block("ENCRYPTED PRIVATE KEY", encrypt_pkcs8(short, b"secret")), lambda: b"secret")
    with pytest.raises(InvalidKey, match="malformed"):
        PrivateKey.load(write_block("ENCRYPTED SIGSTORE PRIVATE KEY", seal(short, b"")), b"")


def test_the_wrong_password_and_none():
    key = PrivateKey.of(KINDS[Algorithm.P256])
    with pytest.raises(InvalidKey, match="password does not open"):
        open_private_key(key.pkcs8(b"secret"), lambda: b"Secret")
    with pytest.raises(InvalidKey, match="no empty password"):
        key.pkcs8(b"")


def number(value):
    content = value.to_bytes(value.bit_length() // 8 + 1)
    return b"\x02" + bytes([len(content)]) + content


def sequence(*parts):
    content = b"".join(parts)
    return b"\x30" + bytes([len(content)]) + content


def asking(function, *parameters, scheme="2a864886f70d01050d"):
    """An EncryptedPrivateKeyInfo whose password is stretched so."""
    derivation = sequence(b"\x06" + bytes([len(function)]) + function, sequence(b"\x04\x04salt", *parameters))
    return sequence(sequence(b"\x06\x09" + bytes.fromhex(scheme), sequence(derivation, b"\x30\x00")), b"\x04\x01x")


PBKDF2, SCRYPT = bytes.fromhex("2a864886f70d01050c"), bytes.fromhex("2b06010401da47040b")


def test_work_is_bounded_before_it_is_done():
    check_rounds(asking(PBKDF2, number(10_000_000)))
    check_rounds(asking(SCRYPT, number(2**18), number(8), number(1)))


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (asking(PBKDF2, number(10_000_001)), "too long to decrypt"),
        (asking(SCRYPT, number(2**19), number(8), number(1)), "too long to decrypt"),
        (asking(SCRYPT, number(2**14), number(8), number(17)), "too long to decrypt"),
        (asking(SCRYPT, number(2**14)), "malformed"),
        (asking(PBKDF2), "malformed"),
        (asking(b"\x2a\x03", number(1)), "way that is not known"),
        (asking(PBKDF2, number(1), scheme="2a864886f70d010503"), "way that is not known"),
        (asking(PBKDF2, number(1)) + b"\x05\x00", "malformed"),
        (b"\x30\x84\xff\xff\xff\xff", "malformed"),
        (asking(SCRYPT, b"\x02\x01\xff", number(8), number(1)), "malformed"),
        (b"\x30\x80", "malformed"),
        (b"", "malformed"),
    ],
)
def test_says_why_an_encrypted_key_is_not_opened(der, reason):
    with pytest.raises(InvalidKey, match=reason):
        open_private_key(write_block("ENCRYPTED PRIVATE KEY", der or b"\x00"), lambda: b"secret")


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OTHER"]))
def test_random_files_are_no_private_keys(content, label):
    with pytest.raises(InvalidKey):
        open_private_key(write_block(label, content), lambda: b"secret")


def test_no_secret_is_in_an_error():
    secret = KINDS[Algorithm.P256].private_numbers().private_value.to_bytes(32)
    broken = write_block("PRIVATE KEY", read_block(plain(KINDS[Algorithm.P256])).content[:-40])
    with pytest.raises(InvalidKey) as caught:
        open_private_key(broken, nobody)
    assert secret.hex() not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_is_described_by_its_public_half():
    for kind, key in KINDS.items():
        found = describe(public_pem(key.public_key()), nobody)
        assert (found.form, found.public.algorithm) == (Form.PUBLIC, kind)
        assert found.to_json()["fingerprint"] == f"SHA256:{hashlib.sha256(found.public.der).hexdigest()}"
        assert set(found.uses) == {"cosign", "podman", "notation"}
    key = PrivateKey.of(KINDS[Algorithm.RSA])
    files = {Form.ENCRYPTED: SEALED, Form.PKCS8: key.pkcs8(b"pw"), Form.PLAIN: key.pkcs8(None)}
    assert {form: describe(pem, lambda: b"pw").form for form, pem in files.items()} == {form: form for form in files}


@pytest.mark.parametrize(("label", "hint"), [("CERTIFICATE", "openssl x509"), ("DH PARAMETERS", "a public or a")])
def test_what_is_no_key_is_not_asked_for_a_password(label, hint):
    with pytest.raises(InvalidKey, match=f"another kind: {label}") as caught:
        describe(write_block(label, b"1"), nobody)
    assert caught.value.hint.startswith(hint)


def test_what_podman_and_notation_cannot_verify_is_said():
    uses = {kind: describe(public_pem(key.public_key()), nobody).uses for kind, key in KINDS.items()}
    assert uses[Algorithm.P256] == {"cosign": "yes", "podman": "yes", "notation": "with a certificate"}
    assert uses[Algorithm.P384]["podman"] == uses[Algorithm.ED25519]["notation"] == "no"
    assert "sha384" in uses[Algorithm.P384]["cosign"]


def test_a_key_comes_from_a_variable(monkeypatch, tmp_path):
    key = PrivateKey.of(KINDS[Algorithm.P256])
    monkeypatch.setenv("OUR_KEY", key.public.pem.decode())
    assert PublicKey.load(read_key_file(Path("env://OUR_KEY"))) == key.public
    monkeypatch.chdir(tmp_path)
    (tmp_path / "env:").mkdir()
    (tmp_path / "env:" / "OUR_KEY").write_bytes(b"a file")
    assert read_key_file(tmp_path / "env:" / "OUR_KEY") == b"a file"


def test_a_variable_that_holds_no_key(monkeypatch):
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(InvalidKey, match="NOT_THERE is not set"):
        read_key_file(Path("env://NOT_THERE"))
    monkeypatch.setenv("HUGE", "x" * 70_000)
    with pytest.raises(InvalidKey, match="larger"):
        read_key_file(Path("env://HUGE"))
    for text in ("env://", "env://-----BEGIN", "env://A/B", "env://A=B"):
        with pytest.raises(UsageFailed) as caught:
            read_key_file(Path(text))
        assert "BEGIN" not in str(caught.value)


def test_a_private_file_is_for_its_owner_and_never_overwrites(tmp_path):
    write_private_file(tmp_path / "key.pem", b"secret")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    with pytest.raises(TargetExists, match=r"key\.pem is already there"):
        write_private_file(tmp_path / "key.pem", b"other")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"secret"]
    with pytest.raises(StorageFailed):
        write_private_file(tmp_path / "missing" / "key.pem", b"secret")


def test_lists_the_pairs_of_a_folder(tmp_path):
    key = PrivateKey.of(KINDS[Algorithm.ED25519])
    write_key_pair(tmp_path / "release.2026", key, b"")
    (tmp_path / "theirs.pub").write_bytes(PrivateKey.of(RSA).public.pem)
    (tmp_path / "alone.key").write_bytes(b"never opened")
    (tmp_path / "broken.pub").write_bytes(b"nonsense")
    (tmp_path / ".pub").write_bytes(b"no name")
    (tmp_path / "notes.txt").write_bytes(b"")
    pairs = {pair.name: pair for pair in list_keys(tmp_path)}
    assert list(pairs) == ["alone", "broken", "release.2026", "theirs"]
    assert pairs["release.2026"].signs
    assert pairs["release.2026"].public == key.public
    assert not pairs["theirs"].signs
    assert pairs["theirs"].to_json()["algorithm"] == "RSA"
    assert (pairs["alone"].signs, pairs["alone"].problem) == (True, "there is no public file")
    assert pairs["broken"].to_json() == {
        "name": "broken",
        "private": False,
        "algorithm": None,
        "fingerprint": None,
        "problem": "this is not a key",
    }
    with pytest.raises(UsageFailed, match="there is no folder"):
        list_keys(tmp_path / "missing")
