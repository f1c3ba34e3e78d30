"""What ``ci init`` writes: for every choice it is safe, valid, and as narrow as the choice allows."""

import json
import subprocess
from itertools import product
from pathlib import Path

import pytest
import yaml

from registry.client.environment import variables_of
from tests.unit.ci.test_files import Loader, faults
from wasmbuild.cli.main import run
from wasmbuild.workflows.ci.check import check_text

DIGEST = "sha256:" + "0" * 64
IMAGE = f"registry.example.com/python@{DIGEST}"
TOML = '[project]\nname = "hello"\nversion = "1.0.0"\n\n[registry]\nrepository = "{}"\n\n[release]\ngit_tag = "{}"\n'
TO = "registry.example.com/acme/hello"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a folder of a working tree."""
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    folder = tmp_path / "tree" / "apps" / "hello"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.wat").write_text('(module (func (export "_start")))\n')
    (folder / "wasmbuild.toml").write_text(TOML.format(TO, "hello-{version}"))
    monkeypatch.chdir(tmp_path / "tree")
    return folder


def written(capfd, *arguments: str) -> str:
    capfd.readouterr()
    assert run(["ci", "init", *arguments]) == 0
    return Path(capfd.readouterr().out.strip()).read_text()


@pytest.mark.parametrize(("login", "sign"), [*product(["trusted", "token", "password"], ["keyless", "key", "none"])])
def test_every_choice_is_safe_and_valid(project, capfd, login, sign):
    given = ("apps/hello", "--login", login, "--sign", sign)
    workflow = written(capfd, "github", *given)
    assert check_text("release.yml", workflow) == ()
    assert faults("github-workflows", workflow) == []
    pipeline = written(capfd, "gitlab", *given, "--image", IMAGE)
    assert check_text(".gitlab-ci.yml", pipeline) == ()
    assert faults("gitlab-ci", pipeline) == []
    identity = login == "trusted" or sign == "keyless"
    permissions = yaml.load(workflow, Loader)["jobs"]["release"]["permissions"]
    assert permissions.get("id-token") == ("write" if identity else None)
    assert permissions.get("packages") == ("write" if login == "token" else None)
    assert permissions["contents"] == "read"
    assert ("id_tokens" in yaml.load(pipeline, Loader)["release"]) is identity
    assert ("{{ secrets." in workflow) is (login == "password" or sign == "key")


def test_it_is_written_for_the_project(project, capfd):
    workflow = yaml.load(written(capfd, "github", "apps/hello"), Loader)
    assert workflow["on"]["push"]["tags"] == ["hello-*"]
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["release"]["steps"][-1]["run"] == "wasmbuild release --keyless apps/hello\n"
    assert workflow["jobs"]["check"]["steps"][-1]["run"] == "wasmbuild release --snapshot apps/hello\n"
    assert workflow["jobs"]["check"]["permissions"] == {"contents": "read"}
    assert workflow["env"] == {"RELEASE_INSTALL": "wasmbuild[sigstore]==0.1.0"}
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())
    pipeline = yaml.load(written(capfd, "gitlab", "apps/hello", "--image", IMAGE), Loader)
    assert pipeline["release"]["id_tokens"]["WASMBUILD_ID_TOKEN"] == {"aud": "registry.example.com"}
    assert pipeline["release"]["rules"] == [
        {"if": '($CI_COMMIT_TAG =~ /^hello\\-.*$/) && $CI_COMMIT_REF_PROTECTED == "true"'}
    ]


def test_a_tag_is_a_pattern_that_means_itself(project, capfd):
    (project / "wasmbuild.toml").write_text(TOML.format(TO, "c++-{version}"))
    workflow = yaml.load(written(capfd, "github", "apps/hello"), Loader)
    assert workflow["on"]["push"]["tags"] == ["c\\+\\+-*"]
    pipeline = yaml.load(written(capfd, "gitlab", "apps/hello", "--image", IMAGE), Loader)
    assert "/^c\\+\\+\\-.*$/" in pipeline["release"]["rules"][0]["if"]


def test_a_registry_of_the_system_takes_its_token(project, capfd):
    (project / "wasmbuild.toml").write_text(TOML.format("ghcr.io/acme/hello", "v{version}"))
    text = written(capfd, "github", "apps/hello", "--sign", "none")
    step = yaml.load(text, Loader)["jobs"]["release"]["steps"][-1]
    user, password, *_ = variables_of("ghcr.io")
    assert step["env"] == {user: "${{ github.actor }}", password: "${{ github.token }}"}


def test_what_is_there_stays(project, capfd):
    text = written(capfd, "github", "apps/hello")
    assert run(["ci", "init", "github", "apps/hello", "--sign", "none"]) == 2
    assert "is not overwritten" in capfd.readouterr().err
    assert written(capfd, "github", "apps/hello", "--sign", "none", "--force") != text
    assert written(capfd, "github", "apps/hello", "-o", "other.yml") == text


def test_what_cannot_be_written_is_said(project, capfd):
    assert run(["ci", "init", "github", "apps/hello", "--image", IMAGE]) == 2
    (project / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    assert run(["ci", "init", "github", "apps/hello"]) == 2
    assert "nothing says where it is released to" in capfd.readouterr().err
    assert run(["ci", "init", "github", "apps/hello", "--to", "x y/$(id)"]) == 2


def test_the_digest_of_an_image_is_looked_up(project, capfd, registry_address, repository_name):
    image = f"{registry_address}/{repository_name}:1"
    file = project / "x.wasm"
    file.write_bytes(b"\0asm\1\0\0\0")
    assert run(["push", image, str(file)]) == 0
    pinned = capfd.readouterr().out.strip()
    assert json.dumps(pinned) in written(capfd, "gitlab", "apps/hello", "--image", image)
    text = written(capfd, "gitlab", "apps/hello", "--image", "127.0.0.1:1/x:1", "--retry-for", "0", "--force")
    assert [found.rule for found in check_text(".gitlab-ci.yml", text)] == ["unpinned-image"]


def test_a_name_is_no_expression(project, capfd):
    odd = project.rename(project.parent / "${{ github.head_ref }}")
    assert run(["ci", "init", "github", str(odd)]) == 2
    assert "GitHub takes ${{ for an expression" in capfd.readouterr().err


def test_a_name_from_outside_is_data(project, capfd):
    odd = project.parent / "it's $(touch x); #"
    project.rename(odd)
    text = written(capfd, "github", str(odd.relative_to(Path.cwd())))
    (*_, step) = yaml.load(text, Loader)["jobs"]["release"]["steps"]
    said = subprocess.run(["bash", "-c", f"printf '%s|' {step['run']}"], capture_output=True, text=True, check=True)
    assert said.stdout == f"wasmbuild|release|--keyless|apps/{odd.name}|"
