"""The workflows that are ours, and those that ``ci init`` writes, by another project's reading of GitHub's rules."""

import subprocess

import pytest

from tests.interop.peers import find
from tests.unit.ci.runner import CHECKOUT

WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))


def linted(*files):
    linter = [find("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", *files]
    return subprocess.run(linter, capture_output=True, text=True, timeout=60, check=False, cwd=CHECKOUT)


def test_ours_are_valid():
    said = linted(*WORKFLOWS)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("sign", ["keyless", "key", "none"])
@pytest.mark.parametrize("login", ["trusted", "token", "password"])
def test_what_is_written_is_valid(tmp_path, login, sign):
    project = tmp_path / "hello"
    subprocess.run([find("wasmbuild"), "new", "--template", "wat-cli", project], check=True)
    writing = [find("wasmbuild"), "ci", "init", "github", project, "--to", "registry.example.com/acme/hello"]
    subprocess.run([*writing, "--login", login, "--sign", sign], check=True)
    said = linted(project / ".github" / "workflows" / "release.yml")
    assert (said.returncode, said.stdout) == (0, "")


def test_the_linter_can_refuse(tmp_path):
    spoilt = tmp_path / "w.yml"
    spoilt.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert linted(spoilt).returncode == 1
