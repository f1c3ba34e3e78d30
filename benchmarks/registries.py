"""Registry servers in the background, for ``server.py``: ours, others' where they are, and a bare one.

The bare one is Granian with an application that knows a few answers by heart: nothing that runs on
it can be faster.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

OURS, BARE = "wasmbuild", "bare Granian"
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmbuild-interop" / "bin"
START_SECONDS = 60
BARE_SERVER = """
import asyncio, json, sys, uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
answers = {path: (tuple((n.encode(), v.encode()) for n, v in headers), body.encode())
           for path, (headers, body) in json.load(open(sys.argv[1])).items()}
async def app(scope, receive, send):
    headers, body = answers.get(scope["path"]) or ((), b"{}")
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
server = Server(app, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGINL,
                http=HTTPModes.http1, websockets=False)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(server.serve())
"""


@dataclass(frozen=True)
class Running:
    """A server that answers; ``pid`` is the process whose time and memory are the server's."""

    name: str
    address: str
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads and children that have ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int:
        """The most memory it had, in bytes, since ``forget_peak``."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024  # type: ignore[index]

    def forget_peak(self) -> None:
        """Begin to look for the peak anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _ours(folder: Path, port: int) -> list[str]:
    program = str(Path(sys.executable).with_name("wasmbuild"))
    return [program, "serve", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]


def _zot(folder: Path, port: int) -> list[str]:
    # Without ``commit`` it answers before a blob is on the disk.
    storage = {"rootDirectory": str(folder / "data"), "commit": True, "gc": False}
    http = {"address": "127.0.0.1", "port": str(port)}
    configuration = {"distSpecVersion": "1.1.1", "storage": storage, "http": http, "log": {"level": "error"}}
    (folder / "zot.json").write_text(json.dumps(configuration))
    return ["zot", "serve", str(folder / "zot.json")]


def _distribution(folder: Path, port: int) -> list[str]:
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "distribution.yml").write_text(json.dumps(configuration))  # JSON is YAML
    return ["distribution", "serve", str(folder / "distribution.yml")]


def _bare(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-c", BARE_SERVER, str(folder / "answers.json"), str(port)]


COMMANDS: dict[str, Callable[[Path, int], list[str]]] = {
    OURS: _ours,
    "zot": _zot,
    "distribution": _distribution,
    BARE: _bare,
}


def find(program: str) -> str | None:
    """Where a program is; None when it is not here."""
    return shutil.which(program, path=f"{PEERS}{os.pathsep}{os.environ['PATH']}")


def here() -> list[str]:
    """The servers that can be started, ours first; says which cannot."""
    present = [name for name in ("zot", "distribution") if find(name)]
    for name in sorted({"zot", "distribution"} - set(present)):
        print(f"{name} is not on PATH")
    return [OURS, *present]


@contextmanager
def running(name: str, folder: Path) -> Iterator[Running]:
    """A server over a folder of its own, from when it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = COMMANDS[name](folder, port)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [find(command[0]) or command[0], *command[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    server = Running(name, f"127.0.0.1:{port}", process.pid)
    try:
        _wait(server, process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Running, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(f"http://{server.address}/v2/", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise SystemExit(f"{server.name} did not start:\n{log.read_text()[-2000:]}")
