"""A key that never leaves its token: PKCS #11, by SoftHSM and ``pkcs11-tool``, as a command that signs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.making import fresh, wasm_file
from tests.interop.peers import find

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")

PAGE = Path(__file__).parents[2] / "docs" / "signers.md"
(SIGNER,) = re.findall(r'```sh title="hsm/signer"\n(.*?)```', PAGE.read_text(), re.DOTALL)
"""The program that the documentation shows."""


@pytest.fixture
def token(run, tmp_path, monkeypatch):
    """A token with a P-256 key; the command that signs with it."""
    softhsm, tool = find("softhsm2-util"), find("pkcs11-tool")
    module = next((path for path in MODULES if Path(path).exists()), None)
    if module is None:
        pytest.skip("SoftHSM's library is in none of the known places")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    given = {"SOFTHSM2_CONF": f"{tmp_path}/softhsm.conf", "PKCS11_MODULE": module, "TOKEN_PIN": "1234"}
    for name, value in given.items():
        run.environment[name] = value

    def call(*command):
        subprocess.run(command, env=os.environ | given, check=True, capture_output=True, timeout=60)

    call(softhsm, "--init-token", "--free", "--label", "wasmbuild", "--so-pin", "5678", "--pin", "1234")
    keyed = ("--token-label", "wasmbuild", "--login", "--pin", "env:TOKEN_PIN")
    call(tool, "--module", module, *keyed, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "release")
    (tmp_path / "signer").write_text(SIGNER)
    (tmp_path / "signer").chmod(0o755)
    return "command:./signer"


def test_a_token_signs_what_we_and_cosign_verify(run, token, ours, tmp_path):
    name = f"{fresh(ours)}:v1"
    public = subprocess.run(
        ["./signer", "public-key"], cwd=tmp_path, env=run.environment, check=True, capture_output=True
    )
    (tmp_path / "token.pub").write_bytes(public.stdout)
    reference = run.ours("push", name, wasm_file(tmp_path), "--sign", "--key", token)["reference"]
    assert run.ours("verify", reference, "--key", "token.pub")["outcome"] == "verified"
    find("cosign")
    for more in ((), ("--new-bundle-format=false",)):
        flags = ("--insecure-ignore-tlog=true", "--allow-http-registry", *more)
        run.data("cosign", "verify", "--key", "token.pub", *flags, reference)


def test_a_token_that_is_locked_says_so(run, token, ours, tmp_path):
    name = f"{fresh(ours)}:v1"
    run.environment["TOKEN_PIN"] = "0000"
    run.data("wasmbuild", "push", name, wasm_file(tmp_path), "--sign", "--key", token, code=1)
    run.environment["TOKEN_PIN"] = "1234"
    run.data("wasmbuild", "resolve", name, code=6)
