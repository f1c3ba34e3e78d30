"""``keys certificate``, and every place that takes certificates, in this process."""

import json
import stat

import pytest

from tests.certified import KEYS, certificate, pem
from wasmbuild.cli.main import run
from wasmbuild.trust.keys import PrivateKey

MODULE = b"\0asm\1\0\0\0"
OURS = PrivateKey.of(KEYS["leaf"]).encrypt(b"")
SIGN = ("--key", "ours.key", "--signature-format", "notation")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    (tmp_path / "ours.key").write_bytes(OURS)
    (tmp_path / "ours.crt").write_bytes(pem(certificate("leaf", "leaf")))
    (tmp_path / "theirs.crt").write_bytes(pem(certificate("other", "other")))
    return tmp_path


def told(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_certificate_is_for_everyone_to_read(place, capsys):
    assert run(["keys", "certificate", "--key", "ours.key", "-o", "new.crt", "--days", "7", "--format", "json"]) == 0
    document = told(capsys)
    assert document["file"] == "new.crt"
    assert document["fingerprint"] == PrivateKey.of(KEYS["leaf"]).public.fingerprint
    assert document["subject"] == "CN=wasmbuild,O=Development,ST=Development,C=XX"
    assert stat.S_IMODE((place / "new.crt").stat().st_mode) == 0o644
    before = (place / "new.crt").read_bytes()
    assert run(["keys", "certificate", "--key", "ours.key", "-o", "new.crt"]) == 2
    assert (place / "new.crt").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("sign", *SIGN, "--certificate-chain", "missing.crt"), "cannot be read"),
        (("sign", *SIGN, "--certificate-chain", "ours.key"), "not a certificate chain"),
        (("sign", *SIGN, "--certificate-chain", "theirs.crt"), "not of the key that signs"),
        (("sign", *SIGN), "needs a certificate"),
        (("sign", "--key", "ours.key", "--certificate-chain", "ours.crt"), "for signatures of Notation"),
        (("verify", "--certificate-authority", "ours.key"), "not a certificate chain"),
        (("verify", "--timestamp-authority", "ours.crt"), "goes with --certificate-authority"),
    ],
)
def test_what_cannot_be_used_is_said_before_anybody_is_asked(arguments, reason, capsys):
    verb, *rest = arguments
    assert run([verb, "127.0.0.1:1/nobody/listens:1", *rest]) == 2
    assert reason in capsys.readouterr().err


def test_notation_is_signed_and_verified(place, registry_address, repository_name, private_cache, capsys):
    (place / "a.wasm").write_bytes(MODULE)
    name = f"{registry_address}/{repository_name}:1"
    assert run(["push", name, "a.wasm"]) == 0
    assert run(["push", name, "a.wasm", "--sign", *SIGN]) == 2
    assert run(["sign", name, *SIGN, "--certificate-chain", "ours.crt", "--notation-envelope", "cose"]) == 0
    capsys.readouterr()
    assert run(["verify", name, "--certificate-authority", "ours.crt", "--format", "json"]) == 0
    (signature,) = told(capsys)["signatures"]
    assert (signature["kind"], signature["signer"]["identity"]) == ("notation", "CN=leaf,O=acme,ST=WA,C=US")
    assert run(["verify", name, "--certificate-authority", "theirs.crt"]) == 4
    assert run(["pull", name, "-o", "b.wasm", "--certificate-authority", "theirs.crt"]) == 4
    assert not (place / "b.wasm").exists()
