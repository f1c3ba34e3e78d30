"""What a push of a build attaches, through the command line and a real registry."""

import json

import pytest

from registry.digest import Digest
from wasmbuild.cli.main import run
from wasmbuild.trust.predicates import CAPABILITIES_V1, CYCLONEDX, PROVENANCE

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    """Runs a command, and reads its document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    monkeypatch.setenv("WASMBUILD_FORMAT", "json")
    monkeypatch.setenv("WASMBUILD_PROGRESS", "quiet")

    def asked(*words, code=0):
        assert run([str(word) for word in words]) == code
        out = capfd.readouterr().out
        return json.loads(out) if out else None

    return asked


@pytest.fixture
def reference(tmp_path, registry_address, repository_name):
    (tmp_path / "hello.wat").write_text('(module (import "wasi_snapshot_preview1" "fd_write" (func)))')
    (tmp_path / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    return f"{registry_address}/{repository_name}:1"


def test_a_push_of_a_build_attaches_all_of_it_once(ask, reference):
    ask("keys", "generate")
    bare = ask("push", reference)
    types = [each["artifactType"] for each in bare["documents"]]
    assert types == ["application/vnd.cyclonedx+json", "application/vnd.in-toto+json"]
    assert bare["attestations"] == []
    assert ask("push", reference)["referrers"] == []
    signed = ask("push", reference, "--sign", "--key", "wasmbuild.key")
    assert signed["descriptor"] == bare["descriptor"]
    assert {each["predicateType"] for each in signed["attestations"]} == {CYCLONEDX, PROVENANCE, CAPABILITIES_V1}
    assert len(signed["referrers"]) == 4
    again = ask("push", reference, "--sign", "--key", "wasmbuild.key")
    assert again["referrers"] == []
    assert not any(each["added"] for each in (*again["attestations"], *again["signatures"], *again["documents"]))
    verified = ask("attestations", reference, "--key", "wasmbuild.pub")["attestations"]
    assert [each["holds"] for each in verified] == [True] * 6
    error = ask("rebuild", reference, "--key", "wasmbuild.pub", code=4)["error"]
    assert "git commit" in error["hint"], "it was built outside of a repository"


def test_the_attached_sbom_is_what_the_verb_writes_and_goes_with_a_pull(ask, reference, tmp_path):
    ask("keys", "generate")
    ask("push", reference, "--sign", "--key", "wasmbuild.key", "--provenance", "none", "--no-capabilities")
    ask("attestations", reference, "--key", "wasmbuild.pub", "--type", "cyclonedx", "-o", "sbom.json")
    document = json.loads((tmp_path / "sbom.json").read_text())
    ask("pull", reference, "-o", "pulled.wasm")
    digest = Digest.of((tmp_path / "pulled.wasm").read_bytes())
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest.encoded}]


def test_what_is_not_wanted_is_not_attached(ask, reference):
    ask("keys", "generate")
    key = ("--sign", "--key", "wasmbuild.key")
    nothing = ("--sbom", "none", "--provenance", "none")
    assert ask("push", reference, "--dry-run", *key)["attaches"] == ["SBOM (CycloneDX)", "provenance", "capabilities"]
    assert ask("push", reference, "--dry-run")["attaches"] == ["SBOM (CycloneDX)", "provenance"]
    assert ask("push", reference, "--dry-run", *nothing)["attaches"] == []
    assert ask("push", reference, *nothing)["referrers"] == []
    assert ask("push", reference, *nothing, "--no-capabilities", *key)["attestations"] == []
    spdx = ask("push", reference, "--sbom", "spdx", "--provenance", "none")
    assert [each["artifactType"] for each in spdx["documents"]] == ["application/spdx+json"]


def test_verify_asks_for_what_a_push_attests(ask, reference):
    ask("keys", "generate")
    ask("keys", "generate", "-o", "other")
    ask("push", reference, "--sign", "--key", "wasmbuild.key")
    for name in ("cyclonedx", "provenance", "capabilities"):
        ask("verify", reference, "--key", "wasmbuild.pub", "--type", name)
        ask("verify", reference, "--key", "other.pub", "--type", name, code=4)
    ask("verify", reference, "--key", "wasmbuild.pub", "--type", "openvex", code=4)
