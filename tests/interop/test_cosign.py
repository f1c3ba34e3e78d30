"""Signatures of ours that ``cosign`` 3 verifies, and its own that we verify, on every registry."""

import json
import subprocess

import pytest

from tests.interop.making import fresh, wasm_file
from tests.interop.peers import find

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
LEGACY = (*KEYED, "--new-bundle-format=false")
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
    for flags, code in ((KEYED, 1), (LEGACY, 12)):
        cosign.data("cosign", "verify", "--key", "other.pub", *flags, artifact)
        cosign.data("cosign", "verify", "--key", "release.pub", *flags, artifact, code=code)


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


def kinds_that_hold(verified):
    return [each["kind"] for each in verified["signatures"] if each["holds"]]


def test_cosign_verifies_our_tag_alone_and_its_annotations(cosign, keys, artifact):
    options = ("--signature-format", "legacy", "-a", "stage=<prod>&", "-a", "by=Ada \u2028")
    cosign.ours("sign", artifact, "--key", "release.key", *options)
    wanted = ("-a", "stage=<prod>&", "-a", "by=Ada \u2028")
    for flags in (KEYED, LEGACY):
        (said,) = json.loads(cosign.data("cosign", "verify", "--key", "release.pub", *flags, *wanted, artifact))
        assert said["critical"]["identity"]["docker-reference"] == artifact.partition("@")[0]
        assert said["optional"] == {"stage": "<prod>&", "by": "Ada \u2028"}
    cosign.data("cosign", "verify", "--key", "release.pub", *LEGACY, "-a", "stage=dev", artifact, code=12)


def test_cosign_finds_our_annotations_in_a_bundle(cosign, keys, artifact):
    cosign.ours("sign", artifact, "--key", "release.key", "-a", "stage=prod", "--signature-format", "bundle")
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, "-a", "stage=prod", artifact)
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, "-a", "stage=dev", artifact, code=1)


def test_we_verify_what_cosign_signed_under_the_tag(cosign, keys, artifact):
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, "--new-bundle-format=false", "-a", "a=1", artifact)
    verified = cosign.ours("verify", artifact, "--key", "release.pub")
    (signature,) = verified["signatures"]
    assert (signature["kind"], signature["holds"], signature["annotations"]) == ("legacy", True, {"a": "1"})
    cosign.data("wasmbuild", "verify", artifact, "--key", "other.pub", code=4)


def test_what_cosign_said_under_the_tag_we_do_not_say_again(cosign, keys, artifact):
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, "--new-bundle-format=false", artifact)
    added = {
        each["kind"]: each["added"] for each in cosign.ours("sign", artifact, "--key", "release.key")["signatures"]
    }
    assert added == {"bundle": True, "legacy": False}


@pytest.mark.parametrize("ours_first", [True, False])
def test_both_add_to_the_same_tag(cosign, keys, artifact, ours_first):
    def by_us():
        cosign.ours("sign", artifact, "--key", "release.key", "--signature-format", "legacy")

    def by_cosign():
        cosign.data("cosign", "sign", "--key", "other.key", *SIGN, "--new-bundle-format=false", artifact)

    for sign in (by_us, by_cosign) if ours_first else (by_cosign, by_us):
        sign()
    for key in ("release.pub", "other.pub"):
        cosign.data("cosign", "verify", "--key", key, *LEGACY, artifact)
        verified = cosign.ours("verify", artifact, "--key", key)
        assert len(verified["signatures"]) == 2
        assert kinds_that_hold(verified) == ["legacy"]


def test_skopeo_takes_by_its_policy_what_we_signed(run, keys, ours, tmp_path):
    program = find("skopeo")
    signed, bare = f"{fresh(ours)}:v1", f"{fresh(ours)}:v1"
    run.ours("push", signed, wasm_file(tmp_path), "--sign", "--key", "release.key")
    run.ours("push", bare, wasm_file(tmp_path))
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d" / "ours.yaml").write_text(f"docker: {{'{ours}': {{use-sigstore-attachments: true}}}}\n")
    before = (program, "--policy", "policy.json", "--registries.d", "registries.d", "copy", "--src-tls-verify=false")

    def take(name, key):
        rule = {"type": "sigstoreSigned", "keyPath": key, "signedIdentity": {"type": "matchRepository"}}
        policy = {"default": [{"type": "reject"}], "transports": {"docker": {ours: [rule]}}}
        (tmp_path / "policy.json").write_text(json.dumps(policy))
        # a layout has no place for what was read of such signatures
        command = (*before, "--remove-signatures", f"docker://{name}", f"oci:{key}.layout")
        ended = subprocess.run(command, cwd=tmp_path, env=run.environment, capture_output=True, timeout=60, check=False)
        return ended.returncode, ended.stderr.decode()

    code, said = take(signed, "release.pub")
    if "sigstore disabled" in said:
        pytest.skip("this skopeo was built without sigstore, as Debian's is")
    assert code == 0, said
    assert take(signed, "other.pub")[0] == 1
    assert take(bare, "release.pub")[0] == 1
