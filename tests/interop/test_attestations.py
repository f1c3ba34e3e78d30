"""Attestations of ours that ``cosign`` 3 verifies, and its own that we list and verify, on every registry."""

import base64
import json

import pytest

from tests.interop.making import fresh, wasm_file

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
ATTEST = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")
BOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"text": "<b>&\u2028"}}
TYPE = "https://cyclonedx.org/bom"
AS_USUAL = ("--sbom", "cyclonedx", "--capabilities")


@pytest.fixture
def artifact(cosign, keys, registry, tmp_path):
    """An artifact by digest with nothing beside it, and ``bom.json``, a predicate."""
    (tmp_path / "bom.json").write_text(json.dumps(BOM))
    return cosign.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path))["reference"]


def attest(cosign, artifact, *options):
    return cosign.ours("attest", artifact, "--predicate", "bom.json", "--type", "cyclonedx", *options)


def verified(cosign, artifact, key, *options, code=0, kind="cyclonedx"):
    """The statements that cosign finds."""
    said = cosign.data(
        "cosign", "verify-attestation", "--key", key, "--type", kind, *KEYED, *options, artifact, code=code
    )
    lines = said.splitlines() if code == 0 else []
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in lines]


@pytest.mark.parametrize("forms", ["bundle,legacy", "bundle", "legacy"])
def test_cosign_verifies_what_we_attest(cosign, artifact, forms):
    attest(cosign, artifact, "--key", "release.key", "--signature-format", forms)
    (statement,) = verified(cosign, artifact, "release.pub")
    assert statement["predicate"] == BOM
    assert statement["subject"][0]["name"] == artifact.partition("@")[0]
    if "legacy" in forms:
        assert verified(cosign, artifact, "release.pub", "--new-bundle-format=false") == [statement]


def test_cosign_refuses_another_key_and_another_type(cosign, artifact):
    attest(cosign, artifact, "--key", "release.key")
    verified(cosign, artifact, "other.pub", code=1)
    verified(cosign, artifact, "release.pub", kind="spdxjson", code=1)


@pytest.mark.parametrize("options", [(), ("--new-bundle-format=false",)], ids=["bundle", "legacy"])
def test_we_verify_what_cosign_attests(cosign, artifact, options):
    said = ("--key", "release.key", "--predicate", "bom.json", "--type", "cyclonedx")
    cosign.data("cosign", "attest", *said, *ATTEST, *options, artifact)
    (found,) = cosign.ours("attestations", artifact, "--key", "release.pub")["attestations"]
    assert (found["predicateType"], found["holds"]) == (TYPE, True)
    assert found["kind"] == ("legacy" if options else "bundle")
    (other,) = cosign.ours("attestations", artifact, "--key", "other.pub")["attestations"]
    assert not other["holds"]
    cosign.ours("attestations", artifact, "--key", "release.pub", "--type", "cyclonedx", "-o", "out.json")
    assert json.loads((cosign.folder / "out.json").read_text()) == BOM
    cosign.data(
        "wasmbuild", "attestations", artifact, "--key", "other.pub", "--type", "cyclonedx", "-o", "no.json", code=4
    )
    assert not (cosign.folder / "no.json").exists()


def test_what_cosign_attested_we_do_not_attest_again(cosign, artifact):
    said = ("--key", "release.key", "--predicate", "bom.json", "--type", "cyclonedx")
    cosign.data("cosign", "attest", *said, *ATTEST, artifact)
    added = {each["kind"]: each["added"] for each in attest(cosign, artifact, "--key", "release.key")["attestations"]}
    assert added == {"bundle": False, "legacy": True}


def test_both_add_to_the_same_tag(cosign, artifact):
    attest(cosign, artifact, "--key", "release.key", "--signature-format", "legacy")
    said = ("--key", "other.key", "--predicate", "bom.json", "--type", "cyclonedx")
    cosign.data("cosign", "attest", *said, *ATTEST, "--new-bundle-format=false", artifact)
    for key in ("release.pub", "other.pub"):
        assert len(verified(cosign, artifact, key, "--new-bundle-format=false")) == 1
        found = cosign.ours("attestations", artifact, "--key", key)["attestations"]
        assert sorted(each["holds"] for each in found) == [False, True]


def test_cosign_verifies_what_a_push_attests(cosign, keys, registry, tmp_path):
    pushed = cosign.ours(
        "push", f"{fresh(registry)}:v1", wasm_file(tmp_path), "--sign", "--key", "release.key", *AS_USUAL
    )
    for kind in ("cyclonedx", "https://wasmbuild.dev/capabilities/v1"):
        for options in ((), ("--new-bundle-format=false",)):
            (statement,) = verified(cosign, pushed["reference"], "release.pub", *options, kind=kind)
            digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
            assert digests[0] == pushed["descriptor"]["digest"].removeprefix("sha256:")


def test_oras_discovers_the_sbom_that_a_push_attaches(oras, registry, tmp_path):
    pushed = oras.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path), "--sbom", "cyclonedx")
    said = json.loads(oras.data("oras", "discover", "--plain-http", "--format", "json", pushed["reference"]))
    (found,) = said.get("referrers") or said["manifests"]
    assert found["artifactType"] == "application/vnd.cyclonedx+json"
    assert found["digest"] == pushed["referrers"][0]["digest"]
    repository = pushed["reference"].partition("@")[0]
    oras.data("oras", "pull", "--plain-http", f"{repository}@{found['digest']}")
    document = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert document == json.loads(oras.data("wasmbuild", "sbom", pushed["reference"]))
