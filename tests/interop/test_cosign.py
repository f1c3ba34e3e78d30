"""Signatures of ours that ``cosign`` 3 verifies, and its own that we verify, on every registry."""

import json

import pytest

from tests.interop.making import fresh, wasm_file

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
SIGN = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")


@pytest.fixture
def artifact(cosign, keys, registry, tmp_path):
    """A key pair, and an artifact by digest, not signed."""
    name = fresh(registry)
    return cosign.ours("push", f"{name}:v1", wasm_file(tmp_path))["reference"]


def test_cosign_verifies_our_signature(cosign, keys, registry, tmp_path):
    pushed = cosign.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path), "--sign", "--key", "release.key")
    said = json.loads(cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, pushed["reference"]))
    assert pushed["descriptor"]["digest"] in json.dumps(said)


def test_cosign_refuses_another_key_and_no_signature(cosign, keys, artifact):
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, artifact, code=10)
    cosign.ours("sign", artifact, "--key", "other.key")
    cosign.data("cosign", "verify", "--key", "other.pub", *KEYED, artifact)
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, artifact, code=1)


def test_we_verify_what_cosign_signed_with_our_key(cosign, artifact):
    cosign.data("wasmbuild", "verify", artifact, "--key", "release.pub", code=4)
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, artifact)
    assert cosign.ours("verify", artifact, "--key", "release.pub")["reference"] == artifact


def test_keys_of_cosign_are_ours(cosign, artifact):
    cosign.data("cosign", "generate-key-pair", "--output-key-prefix", "theirs")
    cosign.ours("sign", artifact, "--key", "theirs.key")
    cosign.ours("verify", artifact, "--key", "theirs.pub")
    cosign.data("cosign", "verify", "--key", "theirs.pub", *KEYED, artifact)
    assert cosign.data("cosign", "public-key", "--key", "release.key") == (cosign.folder / "release.pub").read_bytes()


def test_signatures_of_both_stand_beside_each_other(cosign, keys, artifact):
    cosign.ours("sign", artifact, "--key", "release.key")
    cosign.data("cosign", "sign", "--key", "other.key", *SIGN, artifact)
    for key in ("release.pub", "other.pub"):
        cosign.ours("verify", artifact, "--key", key)
        cosign.data("cosign", "verify", "--key", key, *KEYED, artifact)


def test_a_signature_survives_our_copy(cosign, artifact, ours):
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, artifact)
    copied = cosign.ours("copy", "-r", artifact, fresh(ours))["reference"]
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, copied)
    cosign.ours("verify", copied, "--key", "release.pub")


def test_a_signature_survives_our_save_and_load(cosign, artifact, registry):
    repository = artifact.partition("@")[0]
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, artifact)
    cosign.ours("save", repository, "-o", "saved.tar")
    loaded = fresh(registry)
    (arrived,) = cosign.ours("load", "saved.tar", loaded)["artifacts"]
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, arrived["reference"])
    cosign.ours("verify", arrived["reference"], "--key", "release.pub")


def test_a_signature_under_a_tag_goes_along_where_asked(cosign, artifact, ours):
    without, along = fresh(ours), fresh(ours)
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, "--new-bundle-format=false", artifact)
    digest = artifact.partition("@")[2]
    name = digest.replace(":", "-") + ".sig"
    (found,) = cosign.ours("discover", artifact)["referrers"]
    assert found["tag"] == name
    cosign.ours("copy", "-r", artifact, without)
    assert cosign.ours("copy", "--cosign-tags", artifact, along)["cosignTags"] == [name]
    verify = ("cosign", "verify", "--key", "release.pub", *KEYED, "--new-bundle-format=false")
    cosign.data(*verify, f"{along}@{digest}")
    cosign.data(*verify, f"{without}@{digest}", code=10)
