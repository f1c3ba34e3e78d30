"""Programs of others as tests use them: found, run, and, where they are registries, served on loopback."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BIN = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmbuild-interop" / "bin"
REGISTRIES = ("wasmbuild", "distribution", "docker-registry")
WITHOUT_REFERRERS = ("distribution", "docker-registry")
START_SECONDS = 30
COMMAND_SECONDS = 100
CONFIG = """
version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:0"}}
"""
LOCKED = "-locked"
"""Ends the name of a registry that wants the user below."""
USER, PASSWORD = "ada", "a password"
HTPASSWD = f"{USER}:$2b$04$0123456789abcdefghijkuJBaJN7kVimEf/chYXLbfaXAOztPSKcm\n"
AUTH = """
auth: {{htpasswd: {{realm: interop, path: {path}}}}}
"""


def find(name: str) -> str:
    """The path of a program; skips the test when it is not there, and says why."""
    if name == "wasmbuild":
        return str(Path(sys.executable).with_name("wasmbuild"))
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        missing = BIN / f"{name}.missing"
        why = missing.read_text().splitlines()[-1] if missing.exists() else "make interop gets it"
        pytest.skip(f"{name} is not available: {why}")
    return found


@dataclass(frozen=True)
class Commands:
    """Runs programs to their end, in one folder, with one environment."""

    folder: Path
    environment: Mapping[str, str]

    def data(self, *command: str | Path, **options: Any) -> bytes:
        """What a command prints on stdout; fails unless it ends with ``code``."""
        return self._run(*command, **options).stdout

    def said(self, *command: str | Path, **options: Any) -> str:
        """What a command prints for people."""
        return self._run(*command, **options).stderr.decode()

    def _run(
        self, *command: str | Path, code: int = 0, stdin: bytes = b"", **environment: str
    ) -> "subprocess.CompletedProcess[bytes]":
        program, *arguments = map(str, command)
        finished = subprocess.run(
            [find(program), *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        said = (finished.stdout + finished.stderr).decode(errors="replace")
        line = " ".join([program, *arguments])
        assert finished.returncode == code, f"{line} ended with {finished.returncode}:\n{said}"
        return finished

    def text(self, *command: str | Path, **options: Any) -> str:
        """The same, as one text without the end of the last line."""
        return self.data(*command, **options).decode().strip()

    def ours(self, *command: str | Path, **options: Any) -> dict[str, Any]:
        """The document that our command prints."""
        return json.loads(self.data("wasmbuild", *command, "--format", "json", **options))

    def json(self, *command: str | Path, **options: Any) -> Any:
        """What another command prints as JSON."""
        return json.loads(self.data(*command, **options))


@contextmanager
def serving(folder: Path) -> Iterator["Addresses"]:
    """Registries by name; each is started when its address is first asked for."""
    with ExitStack() as stack:
        yield Addresses(folder, stack)


class Addresses(dict[str, str]):
    """The addresses of registries by name."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__()
        self._folder = folder
        self._stack = stack

    def __missing__(self, name: str) -> str:
        folder = self._folder / name
        folder.mkdir()
        self[name] = self._stack.enter_context(_served(_command(name, folder), folder / "log"))
        return self[name]

    def requests(self, name: str, repository: str) -> list[str]:
        """What one of the two others was asked for a repository: method, rest of the path, and status of each."""
        path = repository.partition("/")[2]
        found = re.findall(rf'"([A-Z]+) /v2/{path}/(\S*) HTTP/1.1" (\d+)', (self._folder / name / "log").read_text())
        return [" ".join(each) for each in found]


def _command(name: str, folder: Path) -> list[str]:
    program = find(name.removesuffix(LOCKED))
    if name == "wasmbuild":
        return [program, "serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
    config = folder / "config.yml"
    config.write_text(CONFIG.format(data=folder / "data"))
    if name.endswith(LOCKED):
        (folder / "htpasswd").write_text(HTPASSWD)
        config.write_text(config.read_text() + AUTH.format(path=folder / "htpasswd"))
    return [program, "serve", str(config)]


@contextmanager
def _served(command: list[str], log: Path) -> Iterator[str]:
    """The address that a registry says it listens on."""
    with log.open("wb") as output:
        silent = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | silent)
    try:
        deadline = time.monotonic() + START_SECONDS
        while (found := re.search(r"127\.0\.0\.1:[1-9]\d*", log.read_text())) is None:
            assert process.poll() is None, f"{command} did not start:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{command} does not say where it listens:\n{log.read_text()}"
            time.sleep(0.02)
        yield found[0]
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
