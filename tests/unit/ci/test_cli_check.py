import json

import pytest

from wasmbuild.cli.main import run

BAD = "on: push\njobs:\n  a:\n    steps: [{uses: a/b@v1}]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_document_has_everything(folder, capfd):
    (folder / "w.yml").write_text(BAD)
    assert run(["ci", "check", "w.yml", "--format", "json"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert (document["schemaVersion"], document["command"], document["files"]) == (1, "ci check", ["w.yml"])
    first, second = document["findings"]
    assert (first["rule"], first["line"]) == ("missing-permissions", 3)
    assert second.keys() == {"file", "line", "column", "rule", "what", "why", "hint"}
    assert (second["file"], second["line"], second["column"], second["rule"]) == ("w.yml", 4, 20, "unpinned-action")


def test_files_are_found_where_they_usually_are(folder, capfd):
    assert run(["ci", "check"]) == 2
    assert "wasmbuild ci init" in capfd.readouterr().err
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "a.yml").write_text(BAD)
    (workflows / "b.yaml").write_text(BAD)
    (folder / ".gitlab-ci.yml").write_text("a: {script: x}\n")
    assert run(["ci", "check", "--format", "json"]) == 1
    found = json.loads(capfd.readouterr().out)
    assert found["files"] == [".github/workflows/a.yml", ".github/workflows/b.yaml", ".gitlab-ci.yml"]
    assert {each["file"] for each in found["findings"]} == set(found["files"][:2])


def test_what_init_writes_is_found_below_the_top_of_the_tree(folder, monkeypatch, capfd):
    project = folder / "apps" / "hello"
    project.mkdir(parents=True)
    (folder / ".git").mkdir()
    (project / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    monkeypatch.chdir(project)
    assert run(["ci", "init", "github", "--to", "ghcr.io/acme/hello"]) == 0
    assert run(["ci", "check"]) == 0
    assert "files: 1, nothing found" in capfd.readouterr().out
    action = folder / ".github" / "actions" / "a"
    action.mkdir(parents=True)
    (action / "action.yml").write_text("runs: {using: node20, main: a.js}\n")
    monkeypatch.chdir(action)
    run(["ci", "check", "--format", "json"])
    found = json.loads(capfd.readouterr().out)["files"]
    assert found == ["../../../.github/workflows/release.yml", "action.yml"]  # each once


@pytest.mark.parametrize(("data", "said"), [(b"a" * 600_000, "larger than"), (b"\xff\xfe", "UTF-8"), (None, "No such")])
def test_what_cannot_be_read_is_said(folder, capfd, data, said):
    if data is not None:
        (folder / "w.yml").write_bytes(data)
    assert run(["ci", "check", "w.yml"]) == 2
    assert said in capfd.readouterr().err


def test_the_name_of_a_file_is_printable(folder, capfd):
    (folder / "a\n\x1b[31m.yml").write_text(BAD)
    assert run(["ci", "check", "a\n\x1b[31m.yml"]) == 1
    assert capfd.readouterr().out.startswith("a\\x0a\\x1b[31m.yml:3:3: ")
