"""``wasmbuild registry`` beside a registry that is being served: what is done to it is seen at once."""

import hashlib
import io
import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import create_engine

import registry.server
from registry.model import OCI_MANIFEST
from registry.server.testing import running_server
from wasmbuild.cli.main import run

PASSWORD = "correct horse battery"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def served(data):
    with running_server(data) as address, requests.Session() as session:
        session.headers["Accept"] = OCI_MANIFEST
        yield Client(f"http://{address}", session)


class Client:
    def __init__(self, base, session):
        self.base, self.session = base, session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.base}{path}", timeout=30, **options)

    def push(self, repository, tag, layer):
        entries = []
        for content in (b"{}", layer):
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            answer = self.call("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data=content)
            assert answer.status_code == 201, answer.text
            entries.append({"mediaType": "application/octet-stream", "digest": digest, "size": len(content)})
        body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": entries[0], "layers": entries[1:]}
        path = f"/v2/{repository}/manifests/{tag}"
        answer = self.call("PUT", path, data=json.dumps(body), headers={"Content-Type": OCI_MANIFEST})
        assert answer.status_code == 201, answer.text
        return answer.headers["Docker-Content-Digest"]


@pytest.fixture
def told(data, capsys, monkeypatch):
    """Runs a command on the registry: its exit code, stdout and stderr."""

    def tell(*words: str, stdin: bytes = b"", at: Path = data) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = run(["registry", *words, "--data", str(at)])
        return code, *capsys.readouterr()

    return tell


def blob_path(data, content):
    encoded = hashlib.sha256(content).hexdigest()
    return data / "blobs" / "sha256" / encoded[:2] / encoded


# -- who may do what ----------------------------------------------------------------------------------


def status(served, credentials):
    return served.call("GET", "/v2/team/app/manifests/v1", auth=credentials).status_code


def wait_until(holds):
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_users_of_a_server_that_runs(served, told):
    served.push("team/app", "v1", b"layer")
    assert told("user", "add", "ada", "--password-stdin", stdin=f"{PASSWORD}\n".encode())[:2] == (0, "ada\n")
    wait_until(lambda: status(served, None) == 401)
    assert status(served, ("ada", PASSWORD)) == 403
    assert told("rule", "add", "team/**", "user:ada", "pull")[0] == 0
    assert status(served, ("ada", PASSWORD)) == 200
    assert status(served, ("ada", "wrong")) == 401

    assert told("user", "password", "ada", "--password-stdin", stdin=b"another password")[0] == 0
    assert status(served, ("ada", PASSWORD)) == 401
    assert status(served, ("ada", "another password")) == 200
    assert told("user", "disable", "ada")[0] == 0
    assert status(served, ("ada", "another password")) == 401
    assert told("user", "enable", "ada")[0] == 0
    assert told("rule", "remove", "1")[0] == 0
    assert status(served, ("ada", "another password")) == 403


def test_a_token_is_shown_once_and_alone(served, told):
    served.push("team/app", "v1", b"layer")
    told("user", "add", "ada", "--no-password")
    told("rule", "add", "**", "users", "pull")
    code, out, err = told("token", "create", "ada", "--grant", "team/**:pull", "--note", "ci")
    assert code == 0
    token = out.strip()
    assert token.startswith("wbt_")
    assert token not in err
    wait_until(lambda: status(served, None) == 401)
    assert status(served, ("ada", token)) == 200
    _, listed, _ = told("token", "list", "ada", "--format", "json")
    secret = token.split("_", 2)[2]
    assert secret not in listed
    (entry,) = json.loads(listed)["tokens"]
    assert (entry["user"], entry["grants"], entry["note"]) == ("ada", ["team/**:pull"], "ci")
    assert told("token", "revoke", entry["id"])[0] == 0
    assert status(served, ("ada", token)) == 401


def test_a_rule_for_nobody_is_kept_and_said(told, tmp_path):
    told("user", "add", "ada", "--no-password")
    users = tmp_path / "users"
    users.write_text(f"bob:$2b$04${'a' * 53}\n")
    settings = tmp_path / "registry.toml"
    settings.write_text(f'[access]\nhtpasswd = "{users}"\n')

    def notes(subject):
        code, out, err = told("rule", "add", "team/**", subject, "pull", "--config", str(settings))
        assert (code, out.strip().isdigit()) == (0, True)
        return err

    assert "no user eve yet" in notes("user:eve")
    for known in ("user:ada", "user:bob", "users", "everyone", "group:eve"):
        assert "no user" not in notes(known)


def test_a_grant_that_allows_nothing_is_said(told):
    told("user", "add", "ada", "--no-password", "--group", "dev")
    told("rule", "add", "team/**", "group:dev", "pull,push")
    told("rule", "add", "team/app", "group:dev", "pull")
    told("rule", "add", "other/**", "user:bob", "pull")
    grants = {
        "team/*:push": False,
        "*/tool:pull,delete": False,
        "team/app:pull": False,
        "team/**:delete": True,
        "team/app:push": True,
        "other/*:pull": True,
        "team:pull": True,
    }
    for grant, idle in grants.items():
        code, out, err = told("token", "create", "ada", "--grant", grant)
        assert (code, out.startswith("wbt_")) == (0, True)
        assert ("no rule lets ada do anything" in err) is idle, grant


@pytest.mark.parametrize("stdin", [b"short", b"\xff" * 20, b"x" * 5000, b""])
def test_what_cannot_be_a_password(told, stdin, data):
    code, out, err = told("user", "add", "ada", "--password-stdin", stdin=stdin)
    assert code != 0
    assert out == ""
    assert stdin.decode(errors="replace") not in err or not stdin
    assert told("user", "list")[0] in (0, 1)
    assert not (data / "registry.db").exists()


def test_an_unknown_user_costs_no_registry(told, data):
    assert told("user", "add", "no user", "--no-password")[0] == 2
    assert told("token", "create", "ada")[0] == 1
    assert told("user", "list")[0] == 1


# -- content ------------------------------------------------------------------------------------------


def test_yank_and_history(served, told):
    first = served.push("team/app", "v1", b"first")
    second = served.push("team/app", "v1", b"second")
    code, out, _ = told("yank", "team/app:v1", "--reason", "breaks on start")
    assert (code, out) == (0, f"team/app@{second}\n")
    assert "breaks on start" in served.call("GET", "/v2/team/app/manifests/v1").headers["Warning"]
    assert told("yank", f"team/app@{second}", "--undo")[0] == 0
    assert "Warning" not in served.call("GET", "/v2/team/app/manifests/v1").headers
    _, out, _ = told("history", "team/app:v1")
    assert [line.split()[1:] for line in out.splitlines()] == [[second, "local"], [first, "local"]]
    _, out, _ = told("history", "team/app:v1", "--limit", "1", "--format", "json")
    assert [entry["digest"] for entry in json.loads(out)["history"]] == [second]


def test_quota_and_stats(served, told):
    served.push("team/app", "v1", b"layer")
    told("quota", "set", "team", "100")
    answer = served.call("POST", "/v2/team/app/blobs/uploads/?digest=sha256:" + "0" * 64, data=b"x" * 200)
    assert answer.status_code == 403
    _, out, _ = told("stats", "--format", "json")
    assert {key: json.loads(out)[key] for key in ("repositories", "tags", "blobs", "stored")} == {
        "repositories": 1,
        "tags": 1,
        "blobs": 2,
        "stored": 7,
    }


def test_gc_deletes_what_a_dry_run_tells(served, told, data):
    digest = served.push("team/app", "v1", b"layer")
    assert served.call("DELETE", f"/v2/team/app/manifests/{digest}").status_code == 202
    make_due(data)
    code, out, err = told("gc", "--dry-run")
    assert code == 0
    assert "would go" in err
    assert len(out.splitlines()) == 2
    assert blob_path(data, b"layer").exists()
    code, dry, _ = told("gc", "--dry-run", "--format", "json")
    assert json.loads(dry)["dryRun"] is True
    told("gc")
    make_due(data)
    _, out, err = told("gc")
    assert out.count("blob ") == 2
    assert "2 blobs went, 7 B" in err
    assert not blob_path(data, b"layer").exists()


def make_due(data):
    connection = sqlite3.connect(data / "registry.db")
    with connection:
        connection.execute("UPDATE repository_blobs SET due = due - 1e6")
        connection.execute("UPDATE blobs SET changed = changed - 1e6")
    connection.close()


def test_nothing_goes_while_a_backup_is_made(served, told, data):
    connection = sqlite3.connect(data / "registry.db")
    with connection:
        connection.execute("INSERT INTO holds VALUES ('x', 'backup', ?)", (time.time() + 60,))
    connection.close()
    code, out, err = told("gc")
    assert (code, out) == (1, "")
    assert "a backup is being made" in err


def test_retention_says_what_goes_and_why(served, told, tmp_path):
    for number in range(3):
        served.push("team/app", f"v{number}", b"layer %d" % number)
    served.push("other", "v0", b"layer")
    settings = tmp_path / "registry.toml"
    settings.write_text('[[collection.retention]]\nrepositories = "team/*"\nkeep = 1\n')
    options = ("retention", "run", "--config", str(settings))
    code, out, err = told(*options, "--dry-run")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == ["team/app:v0:", "team/app:v1:"]
    assert all("no rule keeps it" in line for line in out.splitlines())
    assert "2 tags would go" in err
    assert served.call("GET", "/v2/team/app/tags/list").json()["tags"] == ["v0", "v1", "v2"]
    assert told(*options)[0] == 0
    assert served.call("GET", "/v2/team/app/tags/list").json()["tags"] == ["v2"]
    assert served.call("GET", "/v2/other/tags/list").json()["tags"] == ["v0"]


def test_scrub_finds_damage(served, told, data):
    served.push("team/app", "v1", b"layer")
    code, out, err = told("scrub", "--all")
    assert (code, out) == (0, "")
    assert "1 manifests and 2 blobs" in err
    blob_path(data, b"layer").write_bytes(b"lAyer")
    assert told("scrub")[0] == 0  # it was read a moment ago
    code, out, _ = told("scrub", "--all", "--rate", "1GB")
    digest = f"sha256:{hashlib.sha256(b'layer').hexdigest()}"
    assert (code, out) == (4, f"{digest}\n")
    assert served.call("GET", f"/v2/team/app/blobs/{digest}").status_code == 404


def test_backup_and_restore(served, told, data, tmp_path):
    served.push("team/app", "v1", b"layer")
    folder = str(tmp_path / "backup")
    code, out, _ = told("backup", folder)
    assert (code, out) == (0, f"{folder}\n")
    _, out, _ = told("backup", folder, "--format", "json")
    assert (json.loads(out)["copied"], json.loads(out)["there"]) == (0, 2)
    code, out, err = told("restore", folder, at=tmp_path / "new")
    assert (code, out) == (0, f"{folder}\n")
    assert "1 repositories, 1 manifests, 2 blobs" in err
    with running_server(tmp_path / "new") as address:
        assert requests.get(f"http://{address}/v2/team/app/manifests/v1", timeout=10).status_code == 200
    blob_path(data, b"layer").unlink()
    code, out, err = told("backup", str(tmp_path / "other"))
    assert code == 4
    assert hashlib.sha256(b"layer").hexdigest() in err


def test_a_restore_of_nothing_makes_nothing(told, tmp_path):
    (tmp_path / "empty").mkdir()
    assert told("restore", str(tmp_path / "empty"))[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


# -- settings and schema --------------------------------------------------------------------------------


def test_config_tells_origins_and_no_secrets(told, tmp_path, monkeypatch):
    settings = tmp_path / "registry.toml"
    settings.write_text('max_blob = "1GiB"\n[storage]\naccess_key = "ada"\nsecret_key = "hush-hush"\n')
    monkeypatch.setenv("WASMBUILD_REGISTRY_COLLECTION_GRACE", "2h")
    monkeypatch.setenv("WASMBUILD_SERVE_DATABASE", "postgresql://ada:quiet@127.0.0.1/rows")
    monkeypatch.setenv("WASMBUILD_REGISTRY_CONFIG", str(settings))
    _, out, err = told("config", "--format", "json")
    found = {each["key"]: (each["value"], each["origin"]) for each in json.loads(out)["settings"]}
    assert found["max_blob"] == ("1GiB", f"{settings}, line 1")
    assert found["collection.grace"] == ("2h", "WASMBUILD_REGISTRY_COLLECTION_GRACE")
    assert found["database"][1] == "WASMBUILD_SERVE_DATABASE"
    assert found["data"][1] == "--data"
    assert found["port"] == ("5000", "default")
    assert "hush-hush" not in out + err
    assert "quiet" not in out + err


def test_variables_of_commands_are_not_settings(told, monkeypatch):
    monkeypatch.setenv("WASMBUILD_REGISTRY_GC_DRY_RUN", "1")
    monkeypatch.setenv("WASMBUILD_REGISTRY_SCRUB_RATE", "1MB")
    told("migrate")
    code, out, _ = told("gc", "--format", "json")
    assert code == 0
    assert json.loads(out)["dryRun"] is True


def test_an_older_schema_is_migrated_only_when_asked(told, data):
    data.mkdir()
    engine = create_engine(f"sqlite:///{data / 'registry.db'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", os.fspath(Path(registry.server.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        alembic.upgrade(config, "0001")
    engine.dispose()
    code, _, err = told("stats")
    assert code == 1
    assert "older version" in err
    assert "wasmbuild registry migrate" in err
    assert told("migrate", "--check")[:2] == (1, "0001 0001\n")
    code, out, _ = told("migrate", "--format", "json")
    assert (code, json.loads(out)["before"], json.loads(out)["after"]) == (0, "0001", "0002")
    assert told("stats")[0] == 0


def test_a_newer_schema_is_refused(told, data):
    told("migrate")
    connection = sqlite3.connect(data / "registry.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for words in (("stats",), ("migrate",), ("gc",)):
        code, _, err = told(*words)
        assert code == 1
        assert "another version" in err


def test_a_file_that_is_no_database(told, data):
    data.mkdir()
    (data / "registry.db").write_bytes(b"not a database" * 100)
    code, out, err = told("stats")
    assert (code, out) == (1, "")
    assert "not a database" in err
    assert "registry.db cannot be used" in err


def test_where_only_half_is_installed(told, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "registry.server.config.toml", None)
    code, _, err = told("stats")
    assert code == 2
    assert "WB801" in err
    assert list(tmp_path.iterdir()) == []
