"""Signatures and attestations of ours that ``cosign`` 2 verifies, and its own that we verify, on every registry.

2.6 looks for bundles before it looks at tags. Where it finds one, of any kind, it wants sigstore's trusted
root, which it fetches, also for what a key has signed; here it is given an empty one.
"""

import json

import pytest

from tests.interop.making import fresh, wasm_file
from tests.interop.peers import find

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
UNLOGGED = ("--tlog-upload=false", "-y", "--allow-http-registry")
ROOTED = (*KEYED, "--trusted-root", "root.json")
ROOT = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
KIND = "https://example.com/some/v1"


@pytest.fixture
def cosign2(run, keys, tmp_path):
    """Runs commands, in a test that needs ``cosign2``."""
    find("cosign2")
    (tmp_path / "root.json").write_text(json.dumps(ROOT))
    (tmp_path / "some.json").write_text('{"a": 1}')
    return run


@pytest.fixture
def artifact(cosign2, registry, tmp_path):
    """An artifact by digest, not signed."""
    return cosign2.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path))["reference"]


@pytest.mark.parametrize(("form", "flags"), [("legacy", KEYED), ("bundle", ROOTED), ("bundle,legacy", ROOTED)])
def test_it_verifies_what_we_sign(cosign2, artifact, form, flags):
    cosign2.ours("sign", artifact, "--key", "release.key", "-a", "stage=prod", "--signature-format", form)
    verify = ("cosign2", "verify", "--key", "release.pub", *flags)
    (said,) = json.loads(cosign2.data(*verify, "-a", "stage=prod", artifact))
    assert said["critical"]["image"]["docker-manifest-digest"] == artifact.partition("@")[2]
    wrong = 12 if form == "legacy" else 1
    # Of a bundle it says that it has verified the annotations, and takes any.
    cosign2.data(*verify, "-a", "stage=dev", artifact, code=wrong if form == "legacy" else 0)
    cosign2.data("cosign2", "verify", "--key", "other.pub", *flags, artifact, code=wrong)


def test_we_verify_what_it_signed(cosign2, artifact):
    cosign2.data("cosign2", "sign", "--key", "release.key", *UNLOGGED, "-a", "a=1", artifact)
    (signature,) = cosign2.ours("verify", artifact, "--key", "release.pub")["signatures"]
    assert (signature["kind"], signature["holds"], signature["annotations"]) == ("legacy", True, {"a": "1"})
    cosign2.data("wasmbuild", "verify", artifact, "--key", "other.pub", code=4)


def test_its_keys_are_ours(cosign2, artifact):
    cosign2.data("cosign2", "generate-key-pair", "--output-key-prefix", "theirs")
    cosign2.ours("sign", artifact, "--key", "theirs.key")
    cosign2.data("cosign2", "verify", "--key", "theirs.pub", *ROOTED, artifact)


@pytest.mark.parametrize(("form", "flags"), [("legacy", KEYED), ("bundle,legacy", ROOTED)])
def test_it_verifies_our_attestation(cosign2, artifact, form, flags):
    attest = ("attest", artifact, "--key", "release.key", "--type", KIND, "--predicate", "some.json")
    cosign2.ours(*attest, "--signature-format", form)
    verify = ("cosign2", "verify-attestation", "--key", "release.pub", *flags, "--type")
    cosign2.data(*verify, KIND, artifact)
    cosign2.data(*verify, "https://example.com/other/v1", artifact, code=1)


def test_we_verify_its_attestation(cosign2, artifact):
    attest = ("cosign2", "attest", "--key", "release.key", "--type", KIND, "--predicate", "some.json", *UNLOGGED)
    cosign2.data(*attest, artifact)
    (found,) = cosign2.ours("attestations", artifact, "--key", "release.pub")["attestations"]
    assert (found["kind"], found["holds"], found["predicateType"]) == ("legacy", True, KIND)
