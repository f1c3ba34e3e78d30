import base64
import hashlib
import json
import os
import stat
import threading
from pathlib import Path
from time import process_time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import SecretBox

from registry.errors import StorageFailed
from wasmbuild.errors import InvalidKey, TargetExists, UsageFailed
from wasmbuild.trust.keyfiles import read_key_file, write_key_pair
from wasmbuild.trust.keys import PrivateKey, PublicKey
from wasmbuild.trust.pem import read_block, read_certificates, write_block

KEY = PrivateKey.generate()
SEALED = KEY.encrypt(b"secret")


def envelope(pem):
    return json.loads(read_block(pem).content)


def repack(value, label="ENCRYPTED SIGSTORE PRIVATE KEY"):
    return write_block(label, json.dumps(value).encode())


def altered(path, value):
    changed = envelope(SEALED)
    node = changed
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    return repack(changed)


def plain_pem(key, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_the_encrypted_file_is_cosigns_form_opened_here_by_hand():
    assert SEALED.startswith(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert SEALED.endswith(b"-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert max(map(len, SEALED.splitlines()[1:-1])) == 64
    value = envelope(SEALED)
    assert list(value) == ["kdf", "cipher", "ciphertext"]
    assert (value["kdf"]["name"], value["kdf"]["params"]) == ("scrypt", {"N": 65536, "r": 8, "p": 1})
    assert value["cipher"]["name"] == "nacl/secretbox"
    salt, nonce = base64.b64decode(value["kdf"]["salt"]), base64.b64decode(value["cipher"]["nonce"])
    assert (len(salt), len(nonce)) == (32, 24)
    derived = hashlib.scrypt(b"secret", salt=salt, n=65536, r=8, p=1, maxmem=2**28, dklen=32)
    der = SecretBox(derived).decrypt(base64.b64decode(value["ciphertext"]), nonce)
    opened = serialization.load_der_private_key(der, password=None)
    assert opened.curve.name == "secp256r1"
    spki = opened.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert spki == KEY.public.der


@pytest.mark.parametrize("password", [b"", b"secret", "pässword".encode(), b"x" * 1000])
def test_round_trip(password):
    assert PrivateKey.load(KEY.encrypt(password), password).public == KEY.public


def test_reads_the_older_label():
    assert PrivateKey.load(SEALED.replace(b"SIGSTORE", b"COSIGN"), b"secret").public == KEY.public


def test_a_wrong_password_is_said_to_be_one():
    with pytest.raises(InvalidKey, match="password does not open"):
        PrivateKey.load(SEALED, b"Secret")


def test_two_encryptions_share_nothing():
    assert envelope(SEALED)["kdf"]["salt"] != envelope(KEY.encrypt(b"secret"))["kdf"]["salt"]


WRONG_KINDS = {
    "public-key": (KEY.public.pem, "this is a public key"),
    "pkcs8": (plain_pem(ec.generate_private_key(ec.SECP256R1())), "not in cosign's encrypted form"),
    "sec1": (
        plain_pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.TraditionalOpenSSL),
        "EC PRIVATE KEY",
    ),
    "openssh": (write_block("OPENSSH PRIVATE KEY", b"x"), "OpenSSH's own form"),
    "certificate": (write_block("CERTIFICATE", b"x"), "CERTIFICATE"),
    "no-pem": (b"hello", "0"),
    "binary": (b"\xff\xfe", "not a PEM"),
    "empty": (b"", "0"),
    "two-keys": (SEALED + SEALED, "2"),
    "huge": (b"x" * 100_000, "larger"),
    "not-base64": (b"-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n", "base64"),
    "not-json": (write_block("ENCRYPTED SIGSTORE PRIVATE KEY", b"nonsense"), "malformed"),
    "no-object": (repack([1, 2]), "malformed"),
    "scrypt-too-costly": (altered(["kdf", "params", "N"], 2**30), "scrypt parameters"),
    "scrypt-too-cheap": (altered(["kdf", "params", "N"], 2), "scrypt parameters"),
    "scrypt-n-is-a-list": (altered(["kdf", "params", "N"], [65536]), "scrypt parameters"),
    "scrypt-n-is-a-float": (altered(["kdf", "params", "N"], 65536.0), "scrypt parameters"),
    "scrypt-r-16": (altered(["kdf", "params", "r"], 16), "scrypt parameters"),
    "scrypt-p-2": (altered(["kdf", "params", "p"], 2), "scrypt parameters"),
    "other-kdf": (altered(["kdf", "name"], "argon2"), "way that is not known"),
    "other-cipher": (altered(["cipher", "name"], "aes"), "way that is not known"),
    "short-nonce": (altered(["cipher", "nonce"], "AAAA"), "wrong length"),
    "no-salt": (altered(["kdf", "salt"], ""), "wrong length"),
    "short-ciphertext": (altered(["ciphertext"], "AAAA"), "wrong length"),
    "long-ciphertext": (altered(["ciphertext"], base64.b64encode(bytes(20_000)).decode()), "wrong length"),
    "nonce-not-text": (altered(["cipher", "nonce"], 7), "malformed"),
    "nonce-not-base64": (altered(["cipher", "nonce"], "*"), "malformed"),
}


@pytest.mark.parametrize("defect", WRONG_KINDS)
def test_says_why_a_file_is_not_a_private_key(defect):
    pem, reason = WRONG_KINDS[defect]
    with pytest.raises(InvalidKey) as caught:
        PrivateKey.load(pem, b"secret")
    assert reason in str(caught.value)
    assert "password does not open" not in str(caught.value)


def test_a_sealed_key_of_another_algorithm_is_refused():
    from wasmbuild.trust.sealed import seal

    for other in (ed448.Ed448PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        der = other.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(InvalidKey, match="P-256"):
            PrivateKey.load(write_block("ENCRYPTED SIGSTORE PRIVATE KEY", seal(der, b"")), b"")
    with pytest.raises(InvalidKey, match="malformed"):
        PrivateKey.load(write_block("ENCRYPTED SIGSTORE PRIVATE KEY", seal(b"no key", b"")), b"")


def test_a_public_key_is_named_by_the_hash_of_its_der():
    key = ec.generate_private_key(ec.SECP256R1())
    public = PublicKey.load(public_pem(key))
    assert public.pem == public_pem(key)
    digest = hashlib.sha256(public.der)
    assert public.hint == base64.b64encode(digest.digest()).decode()
    assert public.fingerprint == f"SHA256:{digest.hexdigest()}"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (SEALED, "this is a private key"),
        (plain_pem(ec.generate_private_key(ec.SECP256R1())), "this is a private key"),
        (write_block("CERTIFICATE", b"x"), "CERTIFICATE"),
        (write_block("PUBLIC KEY", b"x"), "malformed"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "P-256"),
        (public_pem(ec.generate_private_key(ec.SECP256K1())), "P-256"),
    ],
)
def test_says_why_a_file_is_not_a_public_key(pem, reason):
    with pytest.raises(InvalidKey, match=reason):
        PublicKey.load(pem)


def test_a_chain_is_of_certificates_alone():
    certificate = write_block("CERTIFICATE", b"x")
    assert read_certificates(certificate * 2) == (b"x", b"x")
    for data in (certificate + KEY.public.pem, KEY.public.pem, certificate * 21, b""):
        with pytest.raises(InvalidKey, match="certificate chain: it does not have 1 to 20"):
            read_certificates(data)


def test_a_pem_file_of_white_space_is_refused_at_once():
    """It comes from registries, too; a pattern that may part white space in several ways takes days for it."""
    began = process_time()
    for beginning in ("-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\n"):
        for more in (" " * 60000, "\n" * 60000 + "-----END", "A " * 30000):
            with pytest.raises(InvalidKey):
                read_certificates((beginning + more).encode())
            with pytest.raises(InvalidKey):
                read_block((beginning + more).encode())
    assert process_time() - began < 1


def test_signatures_are_those_of_the_library():
    signature = KEY.sign(b"message")
    serialization.load_der_public_key(KEY.public.der).verify(signature, b"message", ec.ECDSA(hashes.SHA256()))
    assert KEY.public.verify(signature, b"message")
    assert not KEY.public.verify(signature, b"massage")
    assert not PrivateKey.generate().public.verify(signature, b"message")


@given(st.binary(max_size=200))
def test_random_signatures_do_not_verify(signature):
    assert not KEY.public.verify(signature, b"message")


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: write_block("PUBLIC KEY", data)))
def test_random_files_are_no_keys(data):
    with pytest.raises(InvalidKey):
        PublicKey.load(data)
    with pytest.raises(InvalidKey):
        PrivateKey.load(data, b"")


def test_secrets_are_not_shown():
    assert "object" not in repr(KEY)
    assert repr(read_block(SEALED)) == "Block('ENCRYPTED SIGSTORE PRIVATE KEY')"


def test_writes_a_pair_of_files(tmp_path):
    files = write_key_pair(tmp_path / "cosign", KEY, b"secret")
    assert (files.private.name, files.public.name) == ("cosign.key", "cosign.pub")
    assert stat.S_IMODE(files.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.public.stat().st_mode) == 0o644
    assert PrivateKey.load(read_key_file(files.private), b"secret").public == KEY.public
    assert PublicKey.load(read_key_file(files.public)) == KEY.public
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cosign.key", "cosign.pub"]


def test_a_dot_in_the_name_stays(tmp_path):
    assert write_key_pair(tmp_path / "acme.2026", KEY, b"").private.name == "acme.2026.key"


@pytest.mark.parametrize("taken", ["k.key", "k.pub"])
def test_never_overwrites_and_never_leaves_half_a_pair(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(TargetExists, match=taken):
        write_key_pair(tmp_path / "k", KEY, b"")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_dangling_link_is_not_followed(tmp_path):
    (tmp_path / "k.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TargetExists):
        write_key_pair(tmp_path / "k", KEY, b"")
    assert not (tmp_path / "elsewhere").exists()


def test_of_two_writers_at_once_one_wins_whole(tmp_path):
    results = []

    def write():
        key = PrivateKey.generate()
        try:
            write_key_pair(tmp_path / "k", key, b"")
        except TargetExists:
            results.append(None)
        else:
            results.append(key.public)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [result for result in results if result is not None]
    assert len(winners) == 1
    assert PublicKey.load((tmp_path / "k.pub").read_bytes()) == winners[0]
    assert PrivateKey.load((tmp_path / "k.key").read_bytes(), b"").public == winners[0]


def test_a_key_file_that_cannot_be_read(tmp_path):
    for name, hinted in ((str(tmp_path / "missing.key"), False), ("awskms:///alias/x", True)):
        with pytest.raises(InvalidKey, match="cannot be read") as caught:
            read_key_file(Path(name))
        assert ("docs/signers.md" in (caught.value.hint or "")) is hinted
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    with pytest.raises(InvalidKey, match="larger"):
        read_key_file(tmp_path / "big")


def test_a_key_in_place_of_its_file_is_not_shown():
    for text in (plain_pem(ec.generate_private_key(ec.SECP256R1())), SEALED):
        with pytest.raises(InvalidKey, match="not the name of a file") as caught:
            read_key_file(Path(text.decode()))
        failure = caught.value
        assert text.decode().splitlines()[1][:20] not in f"{failure.what}{failure.cause}{failure.hint}"


@pytest.mark.parametrize("prefix", ["", ".", "..", "/", "sub/.."])
def test_a_folder_is_no_prefix(tmp_path, monkeypatch, prefix):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    with pytest.raises(UsageFailed, match="is a folder"):
        write_key_pair(Path(prefix), KEY, b"")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["sub"]


def test_a_prefix_that_is_too_long_for_a_name(tmp_path):
    with pytest.raises(StorageFailed, match="could not be written"):
        write_key_pair(tmp_path / ("k" * 300), KEY, b"")


@pytest.mark.timeout(10)
def test_a_pipe_is_no_key_file_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidKey, match="not a regular file"):
        read_key_file(tmp_path / "pipe")
    with pytest.raises(InvalidKey, match="directory"):
        read_key_file(tmp_path)
