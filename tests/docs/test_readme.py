"""The README's tour is what really happens, and its links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
WASMBUILD = Path(sys.executable).parent / "wasmbuild"


def tour():
    (block,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@pytest.mark.usefixtures("private_cache")
def test_the_tour(tmp_path, registry_address, monkeypatch):
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    commands = list(tour())
    assert [command.split()[1] for command, _ in commands] == [
        "serve", "new", "build", "keys", "push", "verify", "pull", "run",
    ]  # fmt: skip
    for command, shown in commands[1:]:  # the first one is running already, elsewhere
        words = shlex.split(command.replace("127.0.0.1:5000", registry_address))
        finished = subprocess.run(
            [WASMBUILD, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert finished.returncode == 0, finished.stderr
        printed = finished.stdout.replace(registry_address, "127.0.0.1:5000")
        assert re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", printed) == shown


@pytest.mark.parametrize("page", sorted(CHECKOUT.glob("*.md")) + sorted(CHECKOUT.glob("docs/**/*.md")), ids=str)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_make_knows_what_the_documents_name():
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README + (CHECKOUT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert named
    assert named <= targets
