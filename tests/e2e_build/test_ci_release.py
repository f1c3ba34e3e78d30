"""What the files of CI systems come to: their steps release for real, in bash, against a real registry."""

import json
import os
import subprocess

import pytest
import yaml

from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.unit.ci.runner import CHECKOUT, WASMBUILD, Runner, in_gitlab, installed
from tests.unit.ci.test_files import COMPONENT, Loader
from tests.unit.ci.test_init import IMAGE, TOML, project, written

__all__ = ["project"]

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com")

RUN = 1

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def runner(tmp_path):
    return installed(tmp_path)


def committed(folder):
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True, timeout=60)


def made(runner, name="hello"):
    subprocess.run([WASMBUILD, "new", "--template", "wat-cli", name], cwd=runner.workspace, check=True, timeout=60)
    return runner.workspace / name


def test_a_release_hands_on_what_it_made(runner, registry_address, repository_name):
    made(runner)
    to = f"{registry_address}/{repository_name}"
    ran = runner.action({"project": "hello", "to": to}, RUN)
    assert ran.code == 0, ran.stderr
    assert ran.outputs["reference"] == ran.stdout.strip() == f"{to}@{ran.outputs['digest']}"
    assert json.loads(ran.outputs["metadata"])["targets"][0]["standing"] == "released"
    assert "bomFormat" in json.loads((runner.workspace / ran.outputs["sbom"]).read_text())
    assert ran.outputs["digest"][7:19] in ran.summary
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
    assert set(action["outputs"]) == set(ran.outputs)

    failing = runner.action({"project": "hello", "to": to, "arguments": "--nothing-to-do\nfail"}, RUN)
    assert failing.code == 3
    assert json.loads(failing.outputs["metadata"])["nothingToDo"] is True
    assert "::error" in failing.stdout + failing.stderr


def test_another_verb_runs_in_the_made(runner):
    folder = made(runner)
    ran = runner.action({"command": "build", "project": "hello"}, RUN)
    assert ran.code == 0, ran.stderr
    assert (folder / "dist" / "hello.wasm").is_file()


def test_a_login_is_for_one_step_and_seen_nowhere(runner, tmp_path):
    made(runner)
    (tmp_path / "users").write_text(htpasswd_line("ada"))
    access = AccessConfig(htpasswd=tmp_path / "users", rules=(RuleConfig("ada/**", "user:ada", ("pull", "push")),))
    config = ServerConfig(tmp_path / "data", access=access)
    with running_server(config.data, config) as address:
        given = {"project": "hello", "to": f"{address}/ada/hello"}
        ran = runner.action({**given, "registry": address, "username": "ada", "password": PASSWORD}, RUN)
        assert ran.code == 0, ran.stderr
        assert PASSWORD not in ran.stdout + ran.stderr + ran.summary + json.dumps(ran.outputs)
        assert not list(runner.temp.glob("wasmbuild-login*"))
        wrong = runner.action({**given, "registry": address, "username": "ada", "password": "not it"}, RUN)
        assert wrong.code == 5
        assert not list(runner.temp.glob("wasmbuild-login*"))


def test_the_pipeline_of_gitlab_releases(project, capfd, tmp_path, registry_address, repository_name):
    (project / "wasmbuild.toml").write_text(TOML.format(f"{registry_address}/{repository_name}", "v{version}"))
    text = written(capfd, "gitlab", "apps/hello", "--image", IMAGE, "--sign", "none", "--login", "password")
    pipeline = yaml.load(text, Loader)
    lines = [each for each in pipeline["release"]["script"] if not each.startswith("export ")]
    committed(tmp_path / "tree")
    ran = in_gitlab(tmp_path, [*pipeline["default"]["before_script"], *lines], pipeline["variables"])
    assert ran.returncode == 0, ran.stderr
    environment = (tmp_path / "tree" / "wasmbuild.env").read_text()
    assert f"WASMBUILD_REFERENCE={registry_address}/{repository_name}@sha256:" in environment
    assert (tmp_path / "tree" / "wasmbuild-release.md").is_file()


def test_the_component_of_gitlab_releases(project, tmp_path, registry_address, repository_name):
    inputs = {"project": "apps/hello", "to": f"{registry_address}/{repository_name}", "keyless": "false"}
    spec, jobs = yaml.load_all(COMPONENT.read_text(), Loader)
    defaults = {name: str(said.get("default", "")) for name, said in spec["spec"]["inputs"].items()}
    values = {f"$[[ inputs.{name} ]]": value for name, value in {**defaults, **inputs}.items()}
    job = jobs["$[[ inputs.job ]]"]
    variables = {name: values.get(text, text) for name, text in job["variables"].items()}
    committed(tmp_path / "tree")
    ran = in_gitlab(tmp_path, job["script"], variables)
    assert ran.returncode == 0, ran.stderr
    assert "WASMBUILD_DIGEST=sha256:" in (tmp_path / "tree" / "wasmbuild.env").read_text()
    hostile = {**variables, "RELEASE_TO": '"; touch stolen; $(touch stolen)'}
    assert in_gitlab(tmp_path, job["script"], hostile).returncode != 0
    assert not list(tmp_path.rglob("stolen"))


def test_the_workflow_of_github_releases(project, capfd, tmp_path, registry_address, repository_name):
    to = f"{registry_address}/{repository_name}"
    text = written(capfd, "github", "apps/hello", "--to", to, "--sign", "none", "--login", "trusted")
    steps = yaml.load(text, Loader)["jobs"]["release"]["steps"]
    runner = Runner(tmp_path / "machine", {"PATH": f"{WASMBUILD.parent}:{os.environ['PATH']}"})
    committed(tmp_path / "tree")
    (tmp_path / "tree").rename(tmp_path / "moved")
    runner.workspace = tmp_path / "moved"
    ran = runner.step(steps[-1], {})
    assert ran.code == 0, ran.stderr
    assert ran.outputs["reference"].startswith(f"{to}@sha256:")
