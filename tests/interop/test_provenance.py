"""Our provenance of a build, which ``cosign`` verifies, and one that ``cosign`` signed, from which we build again."""

import json

import pytest

from tests.interop.making import fresh, wasm_file

PROJECT = """
[project]
name = "hello"
version = "1.0.0"

[target.hello]
language = "custom"
command = ["cp", "module.wasm", "{output}"]
sources = ["*.wasm"]
"""
"""Its compiler is a tool of the machine, so that none has to be fetched."""

GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.com")
TYPE = ("--type", "slsaprovenance1")
KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
ATTEST = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")


@pytest.fixture
def pushed(cosign, keys, registry):
    """A project in a repository of git, pushed with its provenance; by digest."""
    (cosign.folder / "hello").mkdir()
    wasm_file(cosign.folder / "hello")
    (cosign.folder / "hello" / "wasmbuild.toml").write_text(PROJECT)
    cosign.data("git", "init", "--quiet", "hello")
    cosign.data("git", "-C", "hello", "add", ".")
    cosign.data(*GIT, "-C", "hello", "commit", "--quiet", "--message=one")
    name = f"{fresh(registry)}:v1"
    return cosign.ours("push", name, "--project", "hello", "--sign", "--key", "release.key")["reference"]


@pytest.mark.parametrize("flags", [KEYED, (*KEYED, "--new-bundle-format=false")], ids=["bundle", "att"])
def test_cosign_verifies_our_provenance(cosign, pushed, flags):
    cosign.data("cosign", "verify-attestation", *TYPE, "--key", "release.pub", *flags, pushed)
    cosign.data("cosign", "verify-attestation", *TYPE, "--key", "other.pub", *flags, pushed, code=1)


def test_what_cosign_attested_is_built_again(cosign, pushed):
    said = cosign.folder / "said.json"
    cosign.data("wasmbuild", "attestations", pushed, "--type", "provenance", "--key", "release.pub", "-o", str(said))
    assert json.loads(said.read_text())["buildDefinition"]["buildType"] == "https://wasmbuild.dev/build/v1"
    command = ("rebuild", pushed, "--verify", "--source", "hello", "--key", "other.pub")
    cosign.data("wasmbuild", *command, code=4)
    cosign.data("cosign", "attest", *TYPE, "--predicate", str(said), "--key", "other.key", *ATTEST, pushed)
    assert cosign.ours(*command)["verdict"] == "identical"
