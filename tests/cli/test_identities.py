"""Identities in place of keys: ``verify`` with a trusted root and no network, and ``sign`` without a key."""

import base64
import json
import sys

import pytest

from registry.client.registries import Registries
from registry.errors import Unreachable
from registry.reference import Reference
from tests.keyless import IDENTITY, ISSUER, Signing, World
from wasmbuild.cli.main import run
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.statement import COSIGN_SIGN, Statement
from wasmbuild.workflows import identity_signer
from wasmbuild.workflows.remote import Remote

WORLD = World()
NAMED = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)


@pytest.fixture
def artifact(registry_address, repository_name, tmp_path, capsys):
    """An artifact of a real registry, by digest, that the world's identity has signed."""
    wasm = tmp_path / "hello.wasm"
    wasm.write_bytes(b"\0asm\1\0\0\0")
    assert run(["push", f"{registry_address}/{repository_name}:1", str(wasm), "--provenance", "none"]) == 0
    text = capsys.readouterr().out.strip()
    remote = Remote.resolve(Reference.parse(text), Registries())
    signing = Signing.of(WORLD, Statement.signature_of(remote.descriptor.digest, remote.pinned.name).encode())
    entry = WORLD.entry2("hashedrekord", signing.spec("hashedrekord", "0.0.2"))
    bundle = json.dumps(signing.bundle([entry], [WORLD.timestamp(signing.signature)])).encode()
    attach(bundle, remote.descriptor, COSIGN_SIGN, "1970-01-01T00:00:00Z").push_to(remote.repository)
    return text


@pytest.fixture
def root(tmp_path):
    """The options that name the world's trusted root."""
    file = tmp_path / "trusted_root.json"
    file.write_bytes(WORLD.trusted_root())
    return ("--trusted-root", str(file))


def test_an_identity_is_verified(artifact, root, capsys):
    assert run(["verify", artifact, *NAMED, *root, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (signature,) = [each for each in said["signatures"] if each["holds"]]
    assert signature["signer"] == {"identity": IDENTITY, "issuer": ISSUER, "signedAt": "2026-03-04T05:06:07+00:00"}
    patterns = ("--certificate-identity-regexp", ".*/release", "--certificate-oidc-issuer-regexp", "https://.*")
    assert run(["verify", artifact, *patterns, *root]) == 0
    assert run(["pull", artifact, *NAMED, *root, "-o", str(root[1]) + ".wasm"]) == 0


def test_somebody_else_is_refused(artifact, root, capsys):
    other = ("--certificate-identity", f"{IDENTITY}2", "--certificate-oidc-issuer", ISSUER)
    assert run(["verify", artifact, *other, *root]) == 4
    assert f"it was made by '{IDENTITY}', as '{ISSUER}' says" in capsys.readouterr().err
    assert run(["verify", artifact, *other, *NAMED[:2], *root]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (NAMED[:2], "only together with the issuer"),
        (NAMED[2:], "trusts nobody without an identity"),
        ((*NAMED, "--certificate-oidc-issuer-regexp", "x"), "exclude each other"),
        (("--certificate-identity-regexp", "(", *NAMED[2:]), "cannot be used"),
        (("--certificate-identity-regexp", "(?i)x", *NAMED[2:]), "of a kind that is not understood"),
        ((*NAMED[:2], "--certificate-oidc-issuer-regexp", r"(a)\1"), "cannot be used"),
        (("--certificate-identity", "", *NAMED[2:]), "cannot be used"),
    ],
)
def test_whom_to_trust_is_said_whole(options, said, root, capsys):
    assert run(["verify", "127.0.0.1:1/x:1", *options, *root]) == 2
    assert said in capsys.readouterr().err


def test_a_trusted_root_must_be_one(tmp_path, capsys):
    for content in (None, b"{}", b" " * 1_100_000):
        file = tmp_path / "root.json"
        if content is not None:
            file.write_bytes(content)
        assert run(["verify", "127.0.0.1:1/x:1", *NAMED, "--trusted-root", str(file)]) == 2
        assert "trusted root" in capsys.readouterr().err


def test_without_the_extra_there_is_no_root_and_no_signing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    assert run(["verify", "127.0.0.1:1/x:1", *NAMED]) == 2
    assert "WB801" in capsys.readouterr().err
    assert run(["sign", "127.0.0.1:1/x:1", "--keyless"]) == 2
    assert "pip install 'wasmbuild[sigstore]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "signing needs a key"),
        (("--trust-config", "x"), "signing needs a key"),
        (("--keyless", "--key", "x"), "exclude each other"),
        (("--keyless", "--signature-format", "legacy"), "bundle alone"),
        (("--identity-token", "env://NOT_SET"), "the variable NOT_SET holds no identity token"),
        (("--identity-token", "env://"), "names no variable"),
        (("--identity-token", "/nowhere/token"), "the identity token cannot be read"),
        (("--keyless",), "no identity of its own"),
    ],
)
def test_signing_without_a_key_says_what_it_needs(options, said, capsys, monkeypatch, tmp_path):
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "GOOGLE_SERVICE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    predicate = tmp_path / "predicate.json"
    predicate.write_text("{}")
    for verb in (["sign"], ["attest", "--type", "vuln", "--predicate", str(predicate)]):
        assert run([*verb, "127.0.0.1:1/x:1", *options]) == 2
        assert said in capsys.readouterr().err


def test_a_token_that_is_none_is_not_shown(monkeypatch, capsys):
    monkeypatch.setenv("TOKEN", "a.secret.token")
    assert run(["sign", "127.0.0.1:1/x:1", "--identity-token", "env://TOKEN", "--debug"]) == 1
    said = capsys.readouterr().err
    assert "the identity token cannot be used" in said
    assert "secret" not in said


def test_a_trust_configuration_that_is_none_is_said_in_a_line(monkeypatch, tmp_path, capsys):
    claims = {"iss": "https://issuer.example.com", "aud": "sigstore", "sub": "ada", "iat": 1, "nbf": 1, "exp": 2**40}
    header, body = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({}, claims))
    monkeypatch.setenv("TOKEN", f"{header}.{body}.c2VjcmV0")
    (tmp_path / "config.json").write_text("{}")
    chosen = ("--identity-token", "env://TOKEN", "--trust-config", str(tmp_path / "config.json"))
    assert run(["sign", "127.0.0.1:1/x:1", *chosen]) == 2
    said = capsys.readouterr().err
    assert "the trust configuration is malformed" in said
    assert "x0a" not in said
    assert "c2VjcmV0" not in said


def test_public_services_that_cannot_be_reached_are_a_matter_of_the_network(monkeypatch):
    models = pytest.importorskip("sigstore.models")

    def unreachable():
        raise TimeoutError from ConnectionError("no route")

    monkeypatch.setattr(models.ClientTrustConfig, "production", unreachable)
    with pytest.raises(Unreachable) as caught:
        identity_signer._services(None)
    assert caught.value.cause == "TimeoutError (ConnectionError: no route)"


def test_verifying_with_an_identity_needs_nothing_of_the_extra(artifact, root, monkeypatch):
    for name in (
        "sigstore",
        "sigstore.models",
        "sigstore.oidc",
        "sigstore_models",
        "rfc3161_client",
        "pydantic",
        "tuf",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    assert run(["verify", artifact, *NAMED, *root]) == 0
