"""Completion: what bash gets for the tab key, and that nothing goes wrong where a line or a folder is bad."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wasmbuild.cli.main import run
from wasmbuild.workflows.templates import templates

BIN = str(Path(sys.executable).parent)
TRY = """
compopt() { echo "compopt $1 $2"; }
eval "$(wasmbuild completion bash)"
while read -r line; do
  eval "COMP_WORDS=($line)"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
  _wasmbuild_completion wasmbuild
  echo "${COMPREPLY[*]}"
done
"""


def completed(folder, *lines):
    finished = subprocess.run(
        ["bash", "-c", TRY],
        input="".join(f"{line}\n" for line in lines), cwd=folder, capture_output=True, text=True, timeout=60,
        check=True, env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert finished.stderr == ""
    return finished.stdout.splitlines()


def test_words_of_all_kinds_in_bash(tmp_path):
    (tmp_path / "wasmbuild.toml").write_text('[target.web]\n[target.worker]\n[target."$(touch x) *"]\n[target.api]\n')
    found = completed(
        tmp_path,
        "wasmbuild pu",
        "wasmbuild registry us",
        "wasmbuild explain wb10",
        "wasmbuild new --template c-",
        "wasmbuild push --sbom ''",
        "wasmbuild build --target w",
        "wasmbuild build --target ''",
        "wasmbuild build --no-c",
        "wasmbuild nonsense x",
    )
    assert found == [
        "push pull",
        "user",
        "WB101 WB102 WB103",
        " ".join(each.id for each in templates() if each.id.startswith("c-")),
        "cyclonedx spdx none",
        "web worker",
        "web worker api",
        "--no-cache",
        "",
    ]
    assert not (tmp_path / "x").exists()


def test_places_are_files_or_the_repository_of_the_project(tmp_path):
    lines = [
        "wasmbuild run hel",
        "wasmbuild push regis",
        "wasmbuild push ./",
        "wasmbuild push --key re",
        "wasmbuild ls h",
    ]
    assert [line for line in completed(tmp_path, *lines) if line] == ["compopt -o default"] * 4
    (tmp_path / "wasmbuild.toml").write_text('[registry]\nrepository = "registry.example.com/hello"\n')
    found = completed(tmp_path, *lines)
    assert [line for line in found if line] == [
        "compopt -o default", "registry.example.com/hello", "compopt -o default", "compopt -o default"
    ]  # fmt: skip


def test_the_words_of_commands(tmp_path):
    found = completed(tmp_path, "wasmbuild man pus", "wasmbuild man registry us", "wasmbuild man registry user ad")
    assert found == ["push", "user", "add"]


def test_a_broken_project_completes_to_nothing(tmp_path):
    (tmp_path / "wasmbuild.toml").write_text("this is [ no toml")
    assert completed(tmp_path, "wasmbuild build --target w") == [""]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(shell, capsys):
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_WASMBUILD_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_no_other_shell_is_promised(capsys):
    assert run(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err


def test_completing_is_light(tmp_path):
    """Each key starts a process: neither the verbs nor anything heavy is imported for the names of verbs."""
    code = (
        "import sys\nfrom wasmbuild.cli.main import run\nrun([], own_process=True)\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    asked = {"_WASMBUILD_COMPLETE": "bash_complete", "COMP_WORDS": "wasmbuild ", "COMP_CWORD": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ | asked
    )
    assert len(finished.stdout.splitlines()) > 40
    loaded = set(finished.stderr.split())
    assert not loaded & {"wasmbuild.cli.push", "wasmbuild.cli.common", "requests", "rich", "tomllib", "asyncio"}


def test_a_word_of_the_shell_is_no_command(tmp_path):
    """What is completed is split as a shell does it, and never run."""
    line = shlex.quote("$(touch pwned)")
    assert completed(tmp_path, f"wasmbuild explain {line}") == [""]
    assert not list(tmp_path.iterdir())
