"""Golden transcripts: commands, what they print where, and how they end.

A line ``$ command`` is run; what follows is its output, with ``! `` before each line of stderr and
``[exit N]`` at the end when N is not 0. Everything that differs from run to run is filtered.
"""

import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wasmbuild.cli.main import run

LEFT_OUT = re.compile(r"^! (building libc|fetching zig|provision ).*\n", re.MULTILINE)

BLOB_MOVED = re.compile(r"! (copied|exists) +sha256:SHORT(?! manifest)")


def commands_of(text: str) -> list[str]:
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


class Player:
    """Runs the commands of a transcript in a folder, in this process where they are ours."""

    def __init__(self, folder: Path, address: str, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.home = folder
        self.address = address
        self.capture = capture

    def play(self, commands: list[str]) -> str:
        self.capture.readouterr()
        return "".join(self._one(command) for command in commands)

    def _one(self, command: str) -> str:
        code = self._run(shlex.split(command.replace("REGISTRY", self.address)))
        out, err = self.capture.readouterr()
        shown = out if out.endswith("\n") or not out else f"{out}\n"
        shown += "".join(f"! {line}\n" for line in err.splitlines())
        shown += f"[exit {code}]\n" if code else ""
        return f"$ {command}\n{_in_order(self._filtered(shown))}"

    def _run(self, words: list[str]) -> int:
        builtin: dict[str, Callable[[list[str]], int]] = {"wasmbuild": run, "cd": self._cd, "export": self._export}
        if words[0] in builtin:
            return builtin[words[0]](words[1:])
        return subprocess.run(words, check=False).returncode

    def _cd(self, words: list[str]) -> int:
        self.folder = (self.folder / words[0]).resolve()
        os.chdir(self.folder)
        return 0

    def _export(self, words: list[str]) -> int:
        name, _, value = words[0].partition("=")
        os.environ[name] = value
        return 0

    def _filtered(self, text: str) -> str:
        text = LEFT_OUT.sub("", text.replace(self.address, "REGISTRY").replace(str(self.home), "HOME"))
        text = re.sub(r"\((\d+ ms|[\d.]+ s|\d+ min \d+ s)\)", "(TIME)", text)
        text = re.sub(r"\(\d+ B\)", "(N B)", text)  # the length of an ECDSA signature varies
        text = re.sub(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", "MOMENT", text)
        text = re.sub(r'"bytes": \d+', '"bytes": N', text)
        text = re.sub(r"(SHA256:|sha256:)[0-9a-f]{64}", r"\1DIGEST", text)
        text = re.sub(r"sha256:[0-9a-f]{12}\b", "sha256:SHORT", text)
        text = re.sub(r"sha256-(?!a{64})[0-9a-f]{64}", "sha256-DIGEST", text)
        text = re.sub(r'("kind": "legacy", "manifest": {[^{}]*"size": )\d+', r"\1N", text)  # has a signature in it
        return re.sub(r"\(Python [\d.]+, \w+/\w+\)", "(Python VERSION, PLATFORM)", text)


def _in_order(text: str) -> str:
    """Blobs travel side by side, and arrive in any order: runs of them are sorted."""
    groups = itertools.groupby(text.splitlines(keepends=True), key=lambda line: bool(BLOB_MOVED.match(line)))
    return "".join("".join(sorted(lines) if moved else lines) for moved, lines in groups)
