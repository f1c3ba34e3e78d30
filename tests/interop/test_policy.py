"""Trust policies over what ``cosign`` 3 signed and attested, on every registry, and over the policy of containers."""

import base64
import json

import pytest

from tests.interop.making import fresh, wasm_file

SIGN = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")

POLICY = """
version = 1
[authorities.release]
keys = ["release.pub"]
[authorities.other]
keys = ["other.pub"]
[[scope]]
repositories = ["*"]
signed-by = ["release", "other"]
threshold = 2
[[scope.attestation]]
type = "cyclonedx"
by = ["release"]
licences = ["MIT"]
"""


@pytest.fixture
def artifact(cosign, keys, registry, tmp_path):
    """A key pair, and an artifact by digest, not signed."""
    return cosign.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path), "--sbom", "none")["reference"]


def failing(cosign, artifact, code=4):
    found = json.loads(
        cosign.data(
            "wasmbuild", "policy", "test", artifact, "--trust-policy", "policy.toml", "--format", "json", code=code
        )
    )
    return [rule["rule"].partition(" ")[0] for rule in found["rules"] if not rule["holds"]]


@pytest.mark.parametrize("form", ["--new-bundle-format=true", "--new-bundle-format=false"])
def test_a_policy_counts_what_cosign_signed_and_attested(cosign, artifact, form):
    (cosign.folder / "policy.toml").write_text(POLICY)
    assert failing(cosign, artifact) == ["signed", "cyclonedx"]
    cosign.ours("sign", artifact, "--key", "other.key")
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, form, artifact)
    assert failing(cosign, artifact) == ["cyclonedx"]
    for licence, rules, code in (("GPL-2.0-only", ["cyclonedx"], 4), ("MIT", [], 0)):
        part = {"name": "part", "licenses": [{"license": {"id": licence}}], "type": "library"}
        (cosign.folder / "bom.json").write_text(json.dumps({"bomFormat": "CycloneDX", "components": [part]}))
        attest = ("attest", "--key", "release.key", *SIGN, form, "--type", "cyclonedx", "--predicate", "bom.json")
        cosign.data("cosign", *attest, artifact)
        assert failing(cosign, artifact, code) == rules
    cosign.ours("pull", artifact, "-o", "out.wasm", "--trust-policy", "policy.toml")


def test_an_imported_policy_of_containers_accepts_what_cosign_signed(cosign, artifact):
    key = base64.b64encode((cosign.folder / "release.pub").read_bytes()).decode()
    signed = {"type": "sigstoreSigned", "keyData": key, "signedIdentity": {"type": "matchRepository"}}
    host = artifact.partition("/")[0]
    theirs = {"default": [{"type": "reject"}], "transports": {"docker": {host: [signed]}}}
    (cosign.folder / "theirs.json").write_text(json.dumps(theirs))
    cosign.ours("policy", "import", "theirs.json", "-o", "policy.toml")
    assert failing(cosign, artifact) == ["signed", "signed"]
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, "--new-bundle-format=false", artifact)
    assert failing(cosign, artifact, 0) == []
