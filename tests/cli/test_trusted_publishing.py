"""A job without a secret builds, pushes and signs with its identity alone; audit log and provenance say who it was."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.workloads import AUDIENCE, CLAIMS, REQUEST_SECRET, Place, Service, serving, trusting
from wasmbuild.cli.main import run
from wasmbuild.workflows.new import new

pytestmark = pytest.mark.timeout(600)
CI = ("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITLAB_CI")


@pytest.fixture
def issuer() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture
def place(issuer: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_cache: Path) -> Iterator[Place]:
    """A registry, a folder to work in, and a configuration that knows what the registry calls itself."""
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    monkeypatch.chdir(tmp_path)
    with trusting(issuer, tmp_path / "registry") as found:
        (tmp_path / "config.toml").write_text(f'[registry.hosts."{found.address}"]\naudience = "{AUDIENCE}"\n')
        monkeypatch.setenv("WASMBUILD_CONFIG", str(tmp_path / "config.toml"))
        yield found


def test_from_sources_to_a_provenance_that_names_the_run(
    place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in issuer.github().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_RUN_ID", "1")  # which anybody can set; the token says 77
    new("c-cli", tmp_path / "hello", name="hello")
    assert run(["lock", "--project", "hello"]) == 0
    assert run(["keys", "generate", "-o", "release"]) == 0
    reference = f"{place.address}/acme/hello:1"
    push = ["push", reference, "-C", "hello", "--sign", "--key", "release.key", "--progress", "plain", "--verbose"]
    assert run(push) == 0, capfd.readouterr().err
    assert run(["attestations", reference, "--type", "provenance", "--key", "release.pub", "-o", "said.json"]) == 0
    metadata = json.loads((tmp_path / "said.json").read_text())["runDetails"]["metadata"]
    identity = metadata["wasmbuild_identity"]
    assert identity["verifiedBy"] == place.address
    assert identity["claims"] == {**CLAIMS, "iss": issuer.url}
    (line,) = place.audited("tag", repository="acme/hello", tag="1")
    assert line["claims"]["workflow_ref"] == CLAIMS["workflow_ref"]
    assert run(["release", "hello", "--to", f"{place.address}/acme/released", "--key", "release.key"]) == 0
    (line,) = place.audited("tag", repository="acme/released", tag="0.1.0")
    assert line["claims"]["run_id"] == "77"
    released = [f"{place.address}/acme/released:0.1.0", "--type", "provenance", "--key", "release.pub"]
    assert run(["attestations", *released, "-o", "released.json"]) == 0
    metadata = json.loads((tmp_path / "released.json").read_text())["runDetails"]["metadata"]
    assert metadata["wasmbuild_identity"] == identity
    made = len(issuer.made)
    assert run(["push", f"{place.address}/other/hello:1", "-C", "hello", "--debug"]) == 5
    issuer.claims["repository_id"] = "666"
    assert run(["push", reference, "-C", "hello", "--debug"]) == 5
    said = "".join(capfd.readouterr()) + (tmp_path / "registry" / "audit.jsonl").read_text()
    assert "no trusted publisher of" in said
    assert len(issuer.made) > made
    for secret in (REQUEST_SECRET, *issuer.made, *(token.split(".")[2] for token in issuer.made)):
        assert secret not in said
