"""``wasmbuild keys`` and every place that takes a key, in this process."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.client.scripted import Answer, scripted
from wasmbuild.cli.main import run
from wasmbuild.trust.keys import PrivateKey, PublicKey

MODULE = b"\0asm\1\0\0\0"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    monkeypatch.delenv("WASMBUILD_KEYS", raising=False)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "ours")
    return tmp_path


@pytest.fixture
def pushed(registry_address, repository_name, place, private_cache):
    (place / "a.wasm").write_bytes(MODULE)
    name = f"{registry_address}/{repository_name}:1"
    assert run(["push", name, "a.wasm"]) == 0
    return name


def pem(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p384", "rsa", "ed25519"],
)
def test_an_imported_key_signs_and_verifies(key, place, pushed, monkeypatch):
    (place / "theirs.pem").write_bytes(pem(key))
    assert run(["keys", "import", "theirs.pem", "-o", "ours"]) == 0
    assert run(["verify", pushed, "--key", "ours.pub"]) == 4
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    assert run(["verify", pushed, "--key", "ours.pub"]) == 0
    monkeypatch.setenv("OUR_PUBLIC", (place / "ours.pub").read_text())
    assert run(["verify", pushed, "--key", "env://OUR_PUBLIC"]) == 0
    assert run(["pull", pushed, "-o", "b.wasm", "--key", "env://OUR_PUBLIC"]) == 0
    assert (place / "b.wasm").read_bytes() == MODULE


def test_a_private_key_comes_from_a_variable_too(place, pushed, monkeypatch):
    key = PrivateKey.generate()
    monkeypatch.setenv("OUR_PRIVATE", key.encrypt(b"ours").decode())
    (place / "ours.pub").write_bytes(key.public.pem)
    assert run(["push", pushed, "a.wasm", "--sign", "--key", "env://OUR_PRIVATE"]) == 0
    assert run(["verify", pushed, "--key", "ours.pub"]) == 0


def test_a_wrong_password_is_told_before_anything_is_compiled_or_sent(place, capsys):
    """The key opens in the background; the folder has nothing to build, and that would be told first."""
    (place / "a.wasm").write_bytes(MODULE)
    (place / "ours.key").write_bytes(PrivateKey.generate().encrypt(b"another"))
    with scripted(lambda _: Answer(404)) as server:
        name = f"{server.address}/a:1"
        for command in (["push", name, "--sign", "--key"], ["push", name, "a.wasm", "--sign", "--key"]):
            assert run([*command, "ours.key"]) == 2
            assert "the password does not open this key" in capsys.readouterr().err
        before = len(server.asked)
        assert run(["rebuild", name, "--verify", "--sign", "ours.key"]) == 2
        assert len(server.asked) == before
        assert not [asked for asked in server.asked if asked.method != "GET"]


def test_cosigns_variable_is_asked_after_ours(place, monkeypatch, capsys):
    key = PrivateKey.generate()
    (place / "theirs.key").write_bytes(key.encrypt(b"theirs"))
    monkeypatch.setenv("COSIGN_PASSWORD", "theirs")
    assert run(["keys", "show", "theirs.key"]) == 2
    monkeypatch.delenv("WASMBUILD_KEY_PASSWORD")
    assert run(["keys", "show", "theirs.key"]) == 0
    assert key.public.fingerprint in capsys.readouterr().out
    monkeypatch.delenv("COSIGN_PASSWORD")
    assert run(["keys", "show", "theirs.key"]) == 2
    assert "no terminal" in capsys.readouterr().err


def test_what_is_exported_is_for_the_owner_and_nothing_of_it_is_printed(place, capfd):
    key = ec.generate_private_key(ec.SECP256R1())
    (place / "ours.key").write_bytes(PrivateKey.of(key).encrypt(b"ours"))
    assert run(["keys", "export", "ours.key", "--pkcs8", "--unencrypted", "-o", "plain.pem"]) == 0
    assert run(["keys", "export", "ours.key", "--public", "-o", "ours.pub"]) == 0
    assert (place / "plain.pem").read_bytes() == pem(key)
    assert (place / "plain.pem").stat().st_mode & 0o777 == 0o600
    assert PublicKey.load((place / "ours.pub").read_bytes()) == PrivateKey.of(key).public
    assert run(["keys", "show", "plain.pem", "--format", "json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["form"] == "plain"
    secret = key.private_numbers().private_value
    for shown in (f"{secret:x}", str(secret), "PRIVATE KEY"):
        assert shown not in out + err


def test_an_export_needs_a_password_that_it_can_have(place, monkeypatch, capsys):
    (place / "open.key").write_bytes(PrivateKey.generate().encrypt(b""))
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    assert run(["keys", "export", "open.key", "--pkcs8", "-o", "key.pem"]) == 2
    assert "--unencrypted" in capsys.readouterr().err
    assert not (place / "key.pem").exists()


@pytest.mark.parametrize("flags", [[], ["--pkcs8", "--public"], ["--public", "--unencrypted"]])
def test_an_export_is_of_one_thing(flags, capsys):
    assert run(["keys", "export", "missing.key", *flags, "-o", "out"]) == 2
    assert "WB110" in capsys.readouterr().err


def test_lists_the_folder_of_the_variable(place, monkeypatch, capsys):
    assert run(["keys", "list"]) == 3
    (place / "mine").mkdir()
    (place / "mine" / "a\x1b[2J.pub").write_bytes(PrivateKey.generate().public.pem)
    monkeypatch.setenv("WASMBUILD_KEYS", str(place / "mine"))
    assert run(["keys", "list"]) == 0
    out = capsys.readouterr().out
    assert "ECDSA P-256" in out
    assert "\x1b" not in out
