"""The steps of action.yml, run in bash with a runner's variables and files, against a real registry."""

import json
import subprocess

import pytest
import yaml

from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.unit.ci.runner import CHECKOUT, WASMBUILD, Runner

INSTALL, RUN = 0, 1

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def runner(tmp_path):
    """A machine on which the install step has been: its own installing is tested with the compilers."""
    made = Runner(tmp_path / "a machine")
    folder = made.temp / "wasmbuild-action" / "bin"
    folder.mkdir(parents=True)
    (folder / "wasmbuild").symlink_to(WASMBUILD)
    return made


def project(runner, name="hello"):
    subprocess.run([WASMBUILD, "new", "--template", "wat-cli", name], cwd=runner.workspace, check=True, timeout=60)
    return runner.workspace / name


def test_a_release_hands_on_what_it_made(runner, registry_address, repository_name):
    project(runner)
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


def test_an_input_is_one_word_whatever_is_in_it(runner):
    hostile = """x"; touch stolen; '; touch stolen; $(touch stolen) `touch stolen` * ~ \\"""
    recorder = runner.temp / "wasmbuild-action" / "bin" / "wasmbuild"
    recorder.unlink()
    recorder.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    recorder.chmod(0o755)
    inputs = {"to": hostile, "key": hostile, "project": hostile, "arguments": f"{hostile}\n\n--x y\n"}
    ran = runner.action({**inputs, "keyless": "true", "dry-run": "true"}, RUN)
    assert (ran.code, ran.stderr) == (0, "")
    words = [
        "release",
        f"--to={hostile}",
        "--dry-run",
        f"--key={hostile}",
        "--keyless",
        hostile,
        "--x y",
        "--",
        hostile,
    ]
    assert ran.stdout.splitlines() == words
    assert not list(runner.folder.rglob("stolen"))


@pytest.mark.parametrize("command", ["", "-c", "release; id", "$(id)", "RELEASE"])
def test_a_command_is_a_verb(runner, command):
    ran = runner.action({"command": command}, RUN)
    assert ran.code == 2
    assert "::error title=wasmbuild::command is not a verb" in ran.stdout


def test_nothing_is_passed_over(runner):
    ran = runner.action({"command": "build", "to": "127.0.0.1:1/a/b"}, RUN)
    assert (ran.code, "to and dry-run are for the command release" in ran.stdout) == (2, True)
    ran = runner.action({"password": "hunter2"}, RUN)
    assert (ran.code, "password needs registry" in ran.stdout) == (2, True)


def test_another_verb_runs_in_the_project(runner):
    folder = project(runner)
    ran = runner.action({"command": "build", "project": "hello"}, RUN)
    assert ran.code == 0, ran.stderr
    assert (folder / "dist" / "hello.wasm").is_file()


def test_a_login_is_for_one_step_and_seen_nowhere(runner, tmp_path):
    project(runner)
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


def test_the_install_step_does_its_work_once(runner):
    marker = runner.temp / "wasmbuild-action" / "installed"
    marker.write_text(f"checkout {CHECKOUT} keyless=false\n")
    ran = runner.action({}, INSTALL)
    assert (ran.code, ran.path) == (0, [])
    assert marker.is_file()


def test_the_install_step_refuses_what_is_no_version(runner):
    ran = runner.action({"version": "0.1.0 --index-url=http://127.0.0.1:1"}, INSTALL)
    assert (ran.code, "::error title=wasmbuild::version is not one" in ran.stdout) == (2, True)
    old = runner.folder / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ran = runner.action({"python": str(old)}, INSTALL)
    assert (ran.code, "3.11 or newer" in ran.stdout) == (7, True)


def test_no_script_of_ours_has_an_expression_in_it():
    for step in yaml.safe_load((CHECKOUT / "action.yml").read_text())["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
