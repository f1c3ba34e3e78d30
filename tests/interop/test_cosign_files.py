"""What ``cosign`` says of a file, without a registry, and what we make of it."""

import json

import pytest

from tests.interop.making import wasm_file

SIGN = ("--tlog-upload=false", "--use-signing-config=false", "-y")
TYPE = "https://example.com/reviewed"


@pytest.fixture
def file(cosign, keys, tmp_path):
    return wasm_file(tmp_path)


def test_we_verify_a_file_that_cosign_signed(cosign, file, tmp_path):
    cosign.data("cosign", "sign-blob", "--key", "release.key", *SIGN, "--bundle", "a.json", file)
    assert "messageSignature" in json.loads((tmp_path / "a.json").read_text())
    verified = cosign.ours("verify-file", file, "--bundle", "a.json", "--key", "release.pub")
    assert verified["outcome"] == "verified"
    cosign.data("wasmbuild", "verify-file", file, "--bundle", "a.json", "--key", "other.pub", code=4)
    file.write_bytes(file.read_bytes() + b"\0")
    cosign.data("wasmbuild", "verify-file", file, "--bundle", "a.json", "--key", "release.pub", code=4)


def test_we_verify_what_cosign_attested_of_a_file(cosign, file, tmp_path):
    (tmp_path / "predicate.json").write_text('{"reviewed": true}')
    command = ("cosign", "attest-blob", "--key", "release.key", *SIGN, "--bundle", "a.json", "--type", TYPE)
    cosign.data(*command, "--predicate", "predicate.json", file)
    ours = ("verify-file", file, "--bundle", "a.json", "--key", "release.pub")
    assert cosign.ours(*ours, "--type", TYPE)["outcome"] == "verified"
    cosign.data("wasmbuild", *ours, code=4)
    cosign.data("wasmbuild", *ours, "--type", "provenance", code=4)
