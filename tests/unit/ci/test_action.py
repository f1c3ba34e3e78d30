"""The steps of action.yml, run in bash with a runner's variables and files. Not here: real releases."""

import pytest
import yaml

from tests.unit.ci.runner import CHECKOUT, Runner, installed

INSTALL, RUN = 0, 1


@pytest.fixture
def runner(tmp_path):
    return installed(tmp_path)


def recorder(runner: Runner, script: str) -> None:
    """Put a script where the install step puts wasmbuild."""
    program = runner.temp / "wasmbuild-action" / "bin" / "wasmbuild"
    program.unlink()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_an_input_is_one_word_whatever_is_in_it(runner):
    hostile = """x"; touch stolen; '; touch stolen; $(touch stolen) `touch stolen` * ~ \\"""
    recorder(runner, "printf '%s\\n' \"$@\"")
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


def test_a_login_is_for_one_step(runner):
    kept = '[ "$1" = login ] && cat > "$DOCKER_CONFIG/kept" || env'
    said = f'printf "%s|" "$@"; echo; {kept}; ls "$DOCKER_CONFIG"'
    recorder(runner, said)
    given = {"registry": "--help", "username": "-u", "password": "it's hunter2", "project": "-p"}
    ran = runner.action(given, RUN)
    assert ran.code == 0, ran.stderr
    words = [line for line in ran.stdout.splitlines() if line.endswith("|")]
    assert words == ["login|--username=-u|--password-stdin|--|--help|", "release|--|-p|"]
    assert ran.stdout.splitlines().count("kept") == 2
    assert "hunter2" not in ran.stdout + ran.stderr
    assert not list(runner.temp.glob("wasmbuild-login*"))
    recorder(runner, "exit 5")
    assert runner.action(given, RUN).code == 5
    assert not list(runner.temp.glob("wasmbuild-login*"))


def test_no_python_of_the_checkout_is_run(runner):
    said, python = runner.folder / "said", runner.folder / "python"
    again = f'if [ "$3" = venv ]; then mkdir -p "$4/bin"; cp \'{python}\' "$4/bin/python"; fi'
    python.write_text(f"#!/bin/sh\necho \"$@\" >> '{said}'\n{again}\n")
    python.chmod(0o755)
    assert runner.action({"python": str(python), "keyless": "true"}, INSTALL).code == 0
    modules = [line for line in said.read_text().splitlines() if " -m " in f" {line}"]
    assert len(modules) == 4
    assert all(line.startswith("-P -m ") for line in modules)


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
