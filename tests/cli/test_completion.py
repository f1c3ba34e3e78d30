"""Completion: what bash gets for the tab key, and that nothing goes wrong where a line or a folder is bad."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wasmbuild.cli.completing import complete
from wasmbuild.cli.main import _program, run
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


@pytest.fixture
def answered(tmp_path, monkeypatch, capfdbinary):
    """What a shell in the folder is told for lines, by a function; without the shell and without a process."""

    def answer(shell, *lines):
        monkeypatch.chdir(tmp_path)
        told = []
        for line in lines:
            monkeypatch.setenv("COMP_WORDS", line)
            last = line.rpartition(" ")[2]
            monkeypatch.setenv("COMP_CWORD", last if shell == "fish" else str(line.count(" ")))
            complete(_program, f"{shell}_complete")
            told.append(capfdbinary.readouterr().out.decode().removesuffix("\n"))
        return told

    return answer


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
        "wasmbuild build --target = wo",
        "wasmbuild push --sbom =",
        "wasmbuild push --sbom = spdx --sig",
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
        "worker",
        "cyclonedx spdx none",
        "--sign --signature-format",
        "",
    ]
    assert not (tmp_path / "x").exists()


def test_places_are_files_or_the_repository_of_the_project(tmp_path, answered):
    lines = [
        "wasmbuild run hel",
        "wasmbuild push regis",
        "wasmbuild push ./",
        "wasmbuild push --key re",
        "wasmbuild run -- --he",
        "wasmbuild ls h",
    ]
    assert answered("bash", *lines) == ["file,hel", "file,regis", "file,./", "file,re", "file,--he", ""]
    (tmp_path / "wasmbuild.toml").write_text('[registry]\nrepository = "registry.example.com/hello"\n')
    assert answered("bash", *lines[:3]) == ["file,hel", "plain,registry.example.com/hello", "file,./"]


def test_a_place_that_a_project_makes_up_is_not_offered(tmp_path, answered):
    (tmp_path / "wasmbuild.toml").write_text('[registry]\nrepository = "r$(touch x)"\n')
    assert answered("bash", "wasmbuild push r") == ["file,r"]


def test_the_words_of_commands(answered):
    found = answered("bash", "wasmbuild man pus", "wasmbuild man registry us", "wasmbuild man registry user ad")
    assert found == ["plain,push", "plain,user", "plain,add"]


def test_a_broken_project_completes_to_nothing(tmp_path, answered):
    (tmp_path / "wasmbuild.toml").write_text("this is [ no toml")
    assert answered("bash", "wasmbuild build --target w") == [""]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_value_after_a_sign_stays_behind_its_option(shell, answered):
    """zsh and fish put the answer in the place of the whole word; bash does where nothing breaks words at the sign."""
    (told,) = answered(shell, "wasmbuild push --sbom=sp")
    assert "--sbom=spdx" in re.split(r"[,\n\t]", told)
    (word,) = answered(shell, "wasmbuild explain -- --x=wb401")
    assert re.split(r"[,\n\t]", word)[1] == "--x=WB401"


def test_fish_is_told_all_of_a_description(answered, capfdbinary):
    assert answered("fish", "wasmbuild pus") == ["plain,push\tBuild, push and sign an artifact."]
    assert run(["completion", "fish"]) == 0
    assert b'string split --max 1 ","' in capfdbinary.readouterr().out


def test_zsh_finds_files_after_a_sign(capsys):
    assert run(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.count("compset -P 1 '--*='; _path_files -") == 2


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


@pytest.mark.parametrize("command", ["completion", "ci init"])
def test_the_choices_for_a_missing_word_are_one_readable_line(capfd, command):
    assert run(command.split()) == 2
    said = capfd.readouterr().err.splitlines()[0]
    assert "Choose from: " in said
    assert "\\x" not in said
