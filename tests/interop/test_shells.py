"""Completion in the shells themselves, and manual pages with man's other reader."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.peers import find

BIN = str(Path(find("wasmbuild")).parent)
ZSH = """
zmodload zsh/zpty
zpty shell env PS1='%% ' TERM=dumb zsh -f -i
zpty -w shell 'autoload -U compinit; compinit -u -D; eval "$(wasmbuild completion zsh)"; print rea""dy'
zpty -r -m shell line '*ready*'
zpty -w -n shell $'wasmbuild registry bac\\t'
zpty -r -m shell line '*registry backup*' && print completed
zpty -w -n shell $'\\Cuwasmbuild push --sbom c\\t'
zpty -r -m shell line '*--sbom cyclonedx*' && print completed
zpty -w -n shell $'\\Cuwasmbuild push --sbom=c\\t'
zpty -r -m shell line '*--sbom=cyclonedx*' && print completed
zpty -w -n shell $'\\Cuwasmbuild verify --key=two\\t'
zpty -r -m shell line '*--key=two\\\\ words*' && print completed
zpty -d shell
"""
FISH = """
wasmbuild completion fish | source
complete -C 'wasmbuild pus'
complete -C 'wasmbuild registry ba'
complete -C 'wasmbuild push --sbom '
complete -C 'wasmbuild push --sbom=s'
complete -C 'wasmbuild explain wb10'
"""


def printed(*command, **settings):
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60, **settings
    )
    return finished.stdout


def test_zsh(tmp_path):
    (tmp_path / "two words").touch()
    assert printed(find("zsh"), "-f", "-c", ZSH, cwd=tmp_path).splitlines()[-4:] == ["completed"] * 4


def test_fish(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    words = printed("env", *(f"{name}={value}" for name, value in home.items()), find("fish"), "-c", FISH)
    assert [line.split("\t")[0] for line in words.splitlines()] == [
        "push", "backup", "cyclonedx", "none", "spdx", "--sbom=spdx", "WB101", "WB102", "WB103",
    ]  # fmt: skip
    assert "push\tBuild, push and sign an artifact." in words


@pytest.fixture
def pages(tmp_path):
    """The manual pages of all commands."""
    printed(find("wasmbuild"), "man", "--output", tmp_path)
    return sorted(tmp_path.iterdir())


def test_groff_finds_no_fault(pages):
    finished = subprocess.run(
        [find("groff"), "-man", "-Tutf8", "-ww", *pages], capture_output=True, text=True, check=True
    )
    assert finished.stderr == ""
    assert "--password-stdin" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", finished.stdout)


def test_mandoc_finds_no_fault(pages):
    lint = subprocess.run(
        [find("mandoc"), "-T", "lint", "-W", "warning", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [line for line in lint.stdout.splitlines() if "missing date" not in line]
    assert faults == []
