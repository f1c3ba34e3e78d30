"""``make self-release`` with an identity in place of a key, by the real services of sigstore."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.keyless_services import EMAIL, services
from tests.interop.making import fresh

CHECKOUT = Path(__file__).parents[2]

pytestmark = [pytest.mark.timeout(500), pytest.mark.xdist_group("sigstore")]


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    with services(tmp_path_factory.mktemp("sigstore")) as running:
        yield running


@pytest.fixture
def release(sigstore, tmp_path):
    """Releases as somebody who has to be somebody: what came of it."""
    (tmp_path / "config.json").write_text(json.dumps(sigstore.configuration()))
    (tmp_path / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root))
    (tmp_path / "token").write_text(sigstore.token(minutes=30))

    def run(to, identity):
        command = [
            sys.executable,
            "-m",
            "scripts.release_self",
            to,
            "--identity",
            identity,
            "--issuer",
            sigstore.issuer,
        ]
        given = ["--identity-token", tmp_path / "token", "--trust-config", tmp_path / "config.json"]
        command += [*given, "--files", tmp_path / "files"]
        return subprocess.run(command, cwd=CHECKOUT, env=os.environ, check=False, capture_output=True, text=True)

    return run


def test_ourselves_as_an_identity(run, release, sigstore, ours, tmp_path):
    to = fresh(ours)
    released = release(to, EMAIL)
    assert released.returncode == 0, released.stderr
    token = (tmp_path / "token").read_text()
    assert token not in released.stdout + released.stderr
    trusted = ("--certificate-identity", EMAIL, "--certificate-oidc-issuer", sigstore.issuer)
    trusted += ("--trusted-root", "trusted_root.json")
    for reference in released.stdout.splitlines()[-4:]:
        run.data("wasmbuild", "verify", reference, *trusted)
    for file in (path for path in (tmp_path / "files").iterdir() if path.suffix == ".whl"):
        run.data("wasmbuild", "verify-file", str(file), "--bundle", f"{file}.sigstore.json", *trusted)


def test_another_identity_than_the_expected_one_tags_nothing(run, release, ours):
    to = fresh(ours)
    released = release(to, "bob@example.com")
    assert released.returncode == 1
    assert "it was made by" in released.stderr
    assert "wasmbuild tag" not in released.stdout
    run.said("wasmbuild", "tags", f"{to}/wasmbuild-demo/c-cli", code=6)
