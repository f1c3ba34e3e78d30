"""``wasmbuild release`` as a job runs it: its documents are what the schema says, and no secret is in any of it."""

import json

import jsonschema
import pytest

from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.unit.release.making import OTHER, SCHEMA, commit, git, write
from wasmbuild.cli.main import run

SECRETS = (PASSWORD, "secret-of-the-key", "wrong-password")

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A registry where we may push to ``team``, and a project beside its key."""
    (tmp_path / "users").write_text(htpasswd_line("ada"))
    access = AccessConfig(htpasswd=tmp_path / "users", rules=(RuleConfig("team/**", "user:ada", ("pull", "push")),))
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", SECRETS[1])
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "generate"]) == 0
    write(tmp_path / "hello")
    (tmp_path / "hello" / ".gitignore").write_text("dist/\n")
    git(tmp_path / "hello", "init", "--quiet")
    commit(tmp_path / "hello")
    with running_server(tmp_path / "data", ServerConfig(tmp_path / "data", access=access)) as address:
        log_in(tmp_path, address)
        yield f"{address}/team/hello"


def log_in(folder, address, password=PASSWORD):
    logins = {"auths": {address: {"username": "ada", "password": password}}}
    (folder / "docker" / "config.json").write_text(json.dumps(logins))


def test_each_outcome_is_a_document_without_secrets(place, tmp_path, capfd, monkeypatch):
    said = []

    def release(*arguments, to=place):
        code = run(["release", "hello", "--to", to, "--key", "wasmbuild.key", "--format", "json", *arguments])
        out, error = capfd.readouterr()
        said.append(out + error)
        return code, json.loads(out)

    def released(*arguments):
        code, document = release(*arguments)
        jsonschema.validate(document, SCHEMA)
        return code, document["targets"][0]["standing"]

    capfd.readouterr()
    assert released("--dry-run") == (0, "planned")
    assert released("--snapshot") == (0, "snapshot")
    assert released("--no-check-reproducibility") == (0, "released")
    results = tmp_path / "hello" / "dist" / "release.json"
    results.rename(results.with_name("before.json"))
    results.mkdir()
    assert release()[1]["error"]["what"].startswith("all is done, but ")
    results.rmdir()
    assert released() == (0, "unchanged")
    assert release("--nothing-to-do=fail")[0] == 3
    kept = results.read_text()
    jsonschema.validate(json.loads(kept), SCHEMA)
    failures = [release("--snapshot", "--keyless"), release(to=place.replace("team", "other"))]
    write(tmp_path / "hello", wat=OTHER)
    failures.append(release())
    commit(tmp_path / "hello")
    failures.append(release())
    log_in(tmp_path, place.partition("/")[0], SECRETS[2])
    failures.append(release())
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", SECRETS[2])
    failures.append(release())
    codes = [document["error"]["code"] for _, document in failures]
    assert codes == ["WB110", "WB305", "WB121", "WB122", "WB305", "WB116"]
    assert not [secret for secret in SECRETS for text in (*said, kept) if secret in text]


def test_an_identity_cannot_sign_a_snapshot(tmp_path, capfd, monkeypatch):
    """It was taken, and nothing was signed."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "hello")
    (tmp_path / "token").write_text("x")
    assert run(["release", "hello", "--snapshot", "--keyless", "--identity-token", "token"]) == 2
    assert "a snapshot is signed with a key alone" in capfd.readouterr().err
    assert not (tmp_path / "hello" / "dist").exists()
