"""Plays a page: writes the files it shows, runs its commands in its order, and compares what they print.

Commands of ours run in this process, unless they need a shell or stay in the background. Registries that a page
names are real ones, each on a port of its own; what is printed is compared with their names put back.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from registry.server.testing import running_server
from tests.docs.blocks import Block, Command, blocks_of, commands_of
from tests.docs.pages import HOSTS, INTEROP, PEERS, Page, page_of
from wasmbuild.cli.main import run
from wasmbuild.errors import ExitCode

_SHELL = re.compile(r"[|<>$`;&*]")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=\$\(.*\)(?: +#.*)?$")
SECONDS = 120


@contextmanager
def environment_of(folder: Path) -> Iterator[None]:
    """Nothing of the user's: another home, no password for keys."""
    before = dict(os.environ)
    home = folder.parent / "home"
    home.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), str(PEERS), before["PATH"]])
    mine = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PATH": path, "DOCKER_CONFIG": str(home)}
    os.environ.update(mine | {"WASMBUILD_KEY_PASSWORD": "", "COSIGN_PASSWORD": "", "GIT_CONFIG_GLOBAL": os.devnull})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def playing(name: str, page: Page, folder: Path, capture: pytest.CaptureFixture[str]) -> Iterator["Player"]:
    """A player of one page, with its registries, in an empty folder; ends what it has started."""
    folder.mkdir()
    with ExitStack() as stack:
        stack.enter_context(environment_of(folder))
        text = "".join(block.text for block in blocks_of(name))
        hosts = {}
        for host in HOSTS:
            if f"--listen {host}" in text or host in page.listens.values():
                hosts[host] = f"127.0.0.1:{_free_port()}"
            elif host in text or host in page.hosts:
                hosts[host] = stack.enter_context(running_server(folder.parent / f"registry-{len(hosts)}"))
                if page.where == INTEROP:  # by that name, programs of others need no option to speak plain http
                    hosts[host] = hosts[host].replace("127.0.0.1", "localhost")
        os.environ.update({variable: hosts[host] for variable, host in page.listens.items()})
        player = Player(folder, hosts, capture)
        stack.callback(player.end)
        yield player


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Player:
    """One page as it is played: a folder, registries by the names that the page gives them."""

    def __init__(self, folder: Path, hosts: Mapping[str, str], capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._hosts = hosts
        self._capture = capture
        self._running: list[subprocess.Popen[str]] = []
        os.chdir(folder)

    def play(self, name: str, page: Page) -> None:
        """Everything on the page, in its order. Raises AssertionError, with the place, for what differs."""
        for command in page.given:
            self.prepare(command)
        self.folder = Path.cwd()
        variables = dict(page.names)
        for block in reversed(list(blocks_of(name))):
            self._write(block)
        for block in blocks_of(name):
            self._write(block)
            if block.language == "python" and not page.reason(block.title or "python"):
                exec(compile(self.real(block.text), str(block), "exec"), variables)
            self.play_block(block, page)
        for claim in page.holds:
            assert eval(claim, variables), f"{name}: {claim}"

    def play_block(self, block: Block, page: Page) -> None:
        """The commands of one block. Raises AssertionError, with the place, for what differs."""
        for command in dialogue_of(block):
            if not page.reason(command.line):
                self._check(block, command)

    def prepare(self, given: str | Callable[[Path], None]) -> None:
        """What a page takes for granted: a command that has to work, or a function that puts files into the folder."""
        if callable(given):
            given(Path.cwd())
            return
        code, out, err = self._run(self.real(given))
        assert code == 0, f"{given}\n{out}{err}"

    def real(self, text: str) -> str:
        for name, address in self._hosts.items():
            text = text.replace(name, address)
        return text

    def shown(self, text: str) -> str:
        for name, address in self._hosts.items():
            text = text.replace(address, name)
        return text.replace(str(self.folder), "/home/ada")

    def end(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def _write(self, block: Block) -> None:
        if not block.title or block.title.startswith("/"):
            return
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.real(block.text))
        if block.text.startswith("#!"):
            path.chmod(0o755)

    def _check(self, block: Block, command: Command) -> None:
        if command.line.endswith(" &"):
            assert command.shown is not None, f"{block}: what stays in the background is shown with what it prints"
            printed = self._start(command.line[:-2], len(command.shown.splitlines()))
            assert like(command.shown, printed), f"{block}: {command.line}\nprinted:\n{printed}"
            return
        code, out, err = self._run(self.real(command.line))
        out, err = self.shown(out), self.shown(err)
        said = f"{block}: {command.line}\nended with {code}, printed:\n{out}{err}"
        failure = re.search(r"^(error\[|Error: )", command.shown or "", re.MULTILINE) is not None
        fails = failure or (command.shown is not None and "  FAILS  " in command.shown)
        assert (code not in (0, ExitCode.NOTHING_TO_DO)) == fails, said
        if command.shown is not None:
            assert like(command.shown, out + err if failure else out), said

    def _run(self, line: str) -> tuple[int, str, str]:
        line = line.replace("\\\n", "")
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            os.chdir(words[1])
            return 0, "", ""
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            os.environ[name] = value
            return 0, "", ""
        self._capture.readouterr()
        expanded = re.sub(r"\$([A-Z]+)\b", lambda found: os.environ[found[1]], line)
        if words[0] == "wasmbuild" and not _SHELL.search(expanded):
            code = run(shlex.split(expanded, comments=True)[1:])
            out, err = self._capture.readouterr()
            return code, out, err
        if assigned := _ASSIGNMENT.match(line):
            line += f'\nprintf %s "${assigned[1]}"'
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        if assigned:
            os.environ[assigned[1]] = finished.stdout
            return finished.returncode, "", finished.stderr
        return finished.returncode, finished.stdout, finished.stderr

    def _start(self, line: str, lines: int) -> str:
        process = subprocess.Popen(shlex.split(self.real(line)), stdout=subprocess.PIPE, text=True)
        self._running.append(process)
        return self.shown("".join(process.stdout.readline() for _ in range(lines)))


def dialogue_of(block: Block) -> list[Command]:
    """The commands of a block; those of a file that it shows are none."""
    return list(commands_of(block)) if block.language in ("console", "sh") and not block.title else []


def playable(name: str) -> bool:
    """Whether a page has anything that is run."""
    page = page_of(name)
    blocks = list(blocks_of(name))
    commands = [command.line for block in blocks for command in dialogue_of(block)]
    samples = [block.title or "python" for block in blocks if block.language == "python"]
    return any(not page.reason(each) for each in commands + samples)


def like(shown: str, printed: str) -> bool:
    """Whether this was printed, where ``…`` stands for anything in a line, and alone in a line for any lines."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.split("…")) + r" *\n"
    return re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else f"{printed}\n") is not None
