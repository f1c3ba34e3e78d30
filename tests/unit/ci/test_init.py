"""What ``ci init`` writes: for every choice it is safe, valid, and as narrow as the choice allows."""

import json
import os
import subprocess
from itertools import product
from pathlib import Path

import pytest
import yaml

from registry.client.environment import variables_of
from tests.unit.ci.runner import WASMBUILD, Runner
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


def test_a_name_from_outside_is_data(project, capfd):
    odd = project.parent / "it's $(touch x); #"
    project.rename(odd)
    text = written(capfd, "github", str(odd.relative_to(Path.cwd())))
    (*_, step) = yaml.load(text, Loader)["jobs"]["release"]["steps"]
    said = subprocess.run(["bash", "-c", f"printf '%s|' {step['run']}"], capture_output=True, text=True, check=True)
    assert said.stdout == f"wasmbuild|release|--keyless|apps/{odd.name}|"


@pytest.mark.usefixtures("private_cache")
def test_the_pipeline_of_gitlab_releases(project, capfd, tmp_path, registry_address, repository_name):
    (project / "wasmbuild.toml").write_text(TOML.format(f"{registry_address}/{repository_name}", "v{version}"))
    text = written(capfd, "gitlab", "apps/hello", "--image", IMAGE, "--sign", "none", "--login", "password")
    pipeline = yaml.load(text, Loader)
    lines = [each for each in pipeline["release"]["script"] if not each.startswith("export ")]
    ran = in_gitlab(tmp_path, [*pipeline["default"]["before_script"], *lines], pipeline["variables"])
    assert ran.returncode == 0, ran.stderr
    environment = (tmp_path / "tree" / "wasmbuild.env").read_text()
    assert f"WASMBUILD_REFERENCE={registry_address}/{repository_name}@sha256:" in environment
    assert (tmp_path / "tree" / "wasmbuild-release.md").is_file()


@pytest.mark.usefixtures("private_cache")
def test_the_component_of_gitlab_releases(project, tmp_path, registry_address, repository_name):
    from tests.unit.ci.test_files import COMPONENT

    inputs = {"project": "apps/hello", "to": f"{registry_address}/{repository_name}", "keyless": "false"}
    spec, jobs = yaml.load_all(COMPONENT.read_text(), Loader)
    defaults = {name: str(said.get("default", "")) for name, said in spec["spec"]["inputs"].items()}
    values = {f"$[[ inputs.{name} ]]": value for name, value in {**defaults, **inputs}.items()}
    job = jobs["$[[ inputs.job ]]"]
    variables = {name: values.get(text, text) for name, text in job["variables"].items()}
    ran = in_gitlab(tmp_path, job["script"], variables)
    assert ran.returncode == 0, ran.stderr
    assert "WASMBUILD_DIGEST=sha256:" in (tmp_path / "tree" / "wasmbuild.env").read_text()
    hostile = {**variables, "RELEASE_TO": '"; touch stolen; $(touch stolen)'}
    assert in_gitlab(tmp_path, job["script"], hostile).returncode != 0
    assert not list(tmp_path.rglob("stolen"))


def in_gitlab(folder, lines, variables):
    """Run a job's script as GitLab's runner does, where what pip would install is there already."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    maker = programs / "python3"
    pip = "#!/bin/sh\nexit 0\n"
    maker.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "-m venv" ] || exit 9\nmkdir -p "$3/bin"\nln -sf {WASMBUILD} "$3/bin/wasmbuild"\n'
        f'printf "{pip.encode("unicode_escape").decode()}" > "$3/bin/python"\nchmod +x "$3/bin/python"\n'
    )
    maker.chmod(0o755)
    theirs = {"GITLAB_CI": "true", "CI": "true", "CI_PROJECT_DIR": str(folder / "tree")}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder / "tree",
        env={**os.environ, **theirs, **variables, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.usefixtures("private_cache")
def test_the_workflow_of_github_releases(project, capfd, tmp_path, registry_address, repository_name):
    to = f"{registry_address}/{repository_name}"
    text = written(capfd, "github", "apps/hello", "--to", to, "--sign", "none", "--login", "trusted")
    steps = yaml.load(text, Loader)["jobs"]["release"]["steps"]
    runner = Runner(tmp_path / "machine", {"PATH": f"{WASMBUILD.parent}:{os.environ['PATH']}"})
    (tmp_path / "tree").rename(tmp_path / "moved")
    runner.workspace = tmp_path / "moved"
    ran = runner.step(steps[-1], {})
    assert ran.code == 0, ran.stderr
    assert ran.outputs["reference"].startswith(f"{to}@sha256:")
