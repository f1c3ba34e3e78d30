"""The README's tour is what really happens, and its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from registry.server.testing import running_server

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
WASMBUILD = Path(sys.executable).parent / "wasmbuild"


def commands_of(block):
    """The commands of a block of the README, and what each prints."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for part in re.split(r"^\$ ", blocks[block], flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def printed_by(command, folder, stdin=subprocess.DEVNULL):
    finished = subprocess.run(
        [WASMBUILD, *shlex.split(command)[1:]], cwd=folder, capture_output=True, text=True, check=False, stdin=stdin
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.usefixtures("private_cache")
def test_the_tour(tmp_path, registry_address, monkeypatch):
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    commands = list(commands_of(0))
    assert [command.split()[1] for command, _ in commands] == [
        "serve", "new", "build", "keys", "push", "verify", "pull", "run",
    ]  # fmt: skip
    known = list(commands_of(1))
    assert [command.split()[1] for command, _ in known] == ["run", "run", "compat"]
    trusting = list(commands_of(2))
    assert [command.split()[1] for command, _ in trusting] == ["policy", "run"]
    policy = re.findall(r"```toml\n(version = 1.*?)```", README, re.DOTALL)[0]
    (tmp_path / "trust.toml").write_text(policy.replace("127.0.0.1:5000", registry_address))
    for command, shown in [*commands[1:], *known, *trusting]:  # the first one is running already, elsewhere
        printed = printed_by(command.replace("127.0.0.1:5000", registry_address), tmp_path)
        printed = printed.replace(registry_address, "127.0.0.1:5000")
        assert re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", printed) == shown


def test_the_registry(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "password.txt").write_text("correct horse battery\n")
    first, *others = commands_of(3)
    assert first[0].startswith("wasmbuild serve --data team-data ")
    with running_server(tmp_path / "team-data") as address:
        for command, shown in others:
            words, _, file = command.replace("127.0.0.1:5001", address).partition(" < ")
            with (tmp_path / (file or os.devnull)).open("rb") as stdin:
                assert printed_by(words, tmp_path, stdin).replace(address, "127.0.0.1:5001") == shown


@pytest.mark.parametrize("page", sorted(CHECKOUT.glob("*.md")) + sorted(CHECKOUT.glob("docs/**/*.md")), ids=str)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_make_knows_what_the_documents_name():
    targets = set(re.findall(r"^([a-z0-9]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z0-9]+)", README + (CHECKOUT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert named
    assert named <= targets
