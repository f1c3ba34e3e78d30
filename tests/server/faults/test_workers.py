"""Several processes on one socket, over one PostgreSQL."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import InvalidConfiguration
from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.config.values import decode, encode
from tests.server.faults.serving import has_read, refused, until

PROGRAM = """
import sys
from pathlib import Path
from registry.errors import Failure
from registry.server.config import ServerConfig
from registry.server.runtime import serve
from registry.server import supervisor
supervisor._TRIES = 3
data, database, workers, grace = sys.argv[1:]
config = ServerConfig(Path(data), port=0, database=database, workers=int(workers), grace=float(grace))
try:
    serve(config, lambda address: print(address, flush=True), lambda line: print(line, file=sys.stderr, flush=True))
except Failure as failure:
    sys.exit(f"{type(failure).__name__}: {failure.what}: {failure.cause}")
"""


class Server:
    """A supervisor, its workers, and what they say."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        assert process.stdout is not None
        self.address = process.stdout.readline().strip()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.strip())

    def workers(self) -> set[int]:
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return {int(number) for path in found for number in path.read_text().split()}

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def server(data: Path, database: str, workers: int = 2, grace: float = 5.0) -> Iterator[Server]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(data), database, str(workers), str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.kill()
            process.wait(30)


def alive(number: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    return False


def apart(tools: Any, address: str) -> Any:
    """A client that opens a connection for each request, so that any worker may get it."""
    session = requests.Session()
    session.headers["Connection"] = "close"
    return tools.Api(address, session)


@pytest.fixture(scope="module")
def running(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three workers, for tests that leave them alone."""
    postgres.create("workers", "template")
    with server(tmp_path_factory.mktemp("workers") / "data", postgres.url("workers"), workers=3) as started:
        yield started
    postgres.drop("workers")


def test_uploads_go_on_wherever_they_arrive(running: Server, tools: Any) -> None:
    assert len(running.workers()) == 3
    api = apart(tools, running.address)
    for number in range(6):
        location = api.begin()
        parts = [bytes([number, part]) * 1000 for part in range(6)]
        for part in parts[:-1]:
            assert api.call("PATCH", location, data=part).status_code == 202
        digest = tools.sha256(b"".join(parts))
        assert api.call("PUT", f"{location}?digest={digest}", data=parts[-1]).status_code == 201
        assert api.get_blob(digest).content == b"".join(parts)


def test_everybody_at_once(running: Server, tools: Any) -> None:
    """One blob, one tag and one repository that nobody has yet, pushed, moved and deleted from all sides."""
    allowed = {"push": {201, 404}, "tag": {201, 404}, "delete": {202, 404}, "read": {200, 404}}
    seen: dict[str, set[int]] = {kind: set() for kind in allowed}

    def act(number: int) -> None:
        api, repository = apart(tools, running.address), f"team/r{number % 2}"
        for turn in range(6):
            blob = b"the same for all"
            path = f"/v2/{repository}/blobs/uploads/?digest={tools.sha256(blob)}"
            seen["push"].add(api.call("POST", path, data=blob).status_code)
            body = tools.manifest(config=tools.descriptor(blob), layers=[], annotations={"turn": f"{number} {turn}"})
            seen["tag"].add(api.put_manifest("latest", body, repository).status_code)
            seen["read"].add(api.get_manifest("latest", repository).status_code)
            if number % 3 == 0:
                for path in (f"blobs/{tools.sha256(blob)}", "manifests/latest", f"manifests/{tools.sha256(body)}"):
                    seen["delete"].add(api.call("DELETE", f"/v2/{repository}/{path}").status_code)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(act, range(12)))
    assert {kind: codes - allowed[kind] for kind, codes in seen.items()} == {kind: set() for kind in allowed}
    assert 201 in seen["push"] & seen["tag"]


def test_sighup_ends_nobody(running: Server) -> None:
    workers = running.workers()
    running.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert requests.get(f"http://{running.address}/v2/", timeout=10).status_code == 200
    assert running.workers() == workers


def test_settings_with_secrets_are_not_on_the_command_line(running: Server) -> None:
    for number in running.workers():
        assert "postgresql" not in Path(f"/proc/{number}/cmdline").read_text()


def test_what_all_say_is_said_once(data: Path, postgres_url: str) -> None:
    with server(data, postgres_url) as running:
        workers = running.workers()
        assert running.end(signal.SIGTERM) == 0
        until(lambda: "stopping" in running.lines)
    assert not any(alive(number) for number in workers)
    assert [line for line in running.lines if "no users are set up" in line] == running.lines[:-1]
    assert running.lines[1:] == ["stopping"]


def test_a_worker_that_dies_again_and_again_ends_the_server(data: Path, postgres_url: str) -> None:
    with server(data, postgres_url) as running:
        steady, *gone = sorted(running.workers())
        for number in range(3):
            assert gone[-1] > 1
            os.kill(gone[-1], signal.SIGKILL)
            if number < 2:
                until(lambda: len(running.workers() - {steady, *gone}) == 1)
                gone.extend(running.workers() - {steady, *gone})
        assert running.process.wait(30) == 1
        until(lambda: any("ServerStopped" in line for line in running.lines))
        assert running.lines[-1] == ("ServerStopped: a worker of the server ended (signal 9): None")
        assert not alive(steady)


def test_a_worker_that_dies_is_replaced_and_loses_nothing(data: Path, postgres_url: str, tools: Any) -> None:
    stop, pushed, refused = threading.Event(), [], []

    def push(number: int) -> None:
        api, count = apart(tools, running.address), 0
        while not stop.is_set():
            try:
                tag = f"t{number}-{count}"
                pushed.append((tag, api.push_image(tag, annotations={"tag": tag})))
                count += 1
            except requests.ConnectionError:
                continue  # what a client sees of a worker that is killed: it tries again
            except AssertionError as error:
                refused.append(str(error))

    with server(data, postgres_url) as running, ThreadPoolExecutor(4) as pool:
        first = running.workers()
        done = [pool.submit(push, number) for number in range(4)]
        for _ in range(2):
            count = len(pushed)
            until(lambda count=count: len(pushed) > count + 5)
            victim = min(running.workers())
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: victim not in running.workers() and len(running.workers()) == 2)
        stop.set()
        [each.result() for each in done]
        assert refused == []
        assert running.workers() != first
        api = apart(tools, running.address)
        for tag, digest in pushed:
            assert api.get_manifest(tag).headers["Docker-Content-Digest"] == digest
        assert running.lines.count("a worker ended (signal 9); another takes its place") == 2
        assert running.end(signal.SIGINT) == 0


def test_the_end_waits_for_requests_in_flight(data: Path, postgres_url: str, tools: Any) -> None:
    content = bytes(200_000)
    with server(data, postgres_url) as running:
        host, _, port = running.address.rpartition(":")
        connections = [socket.create_connection((host, int(port)), timeout=20) for _ in range(6)]
        path = f"/v2/demo/blobs/uploads/?digest={tools.sha256(content)}"
        head = f"POST {path} HTTP/1.1\r\nHost: {running.address}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        for connection in connections:
            connection.sendall(head + content[:100_000])
        until(lambda: has_read(running.address, len(connections)))
        running.process.send_signal(signal.SIGTERM)
        until(lambda: refused(running.address))
        for connection in connections:
            connection.sendall(content[100_000:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
            connection.close()
        assert running.process.wait(30) == 0


def test_no_worker_outlives_its_supervisor(data: Path, postgres_url: str) -> None:
    with server(data, postgres_url) as running:
        workers = running.workers()
        assert all(alive(number) for number in workers)
        running.end(signal.SIGKILL)
        until(lambda: not any(alive(number) for number in workers))


def test_what_workers_cannot_start_for_is_said_once(data: Path) -> None:
    with server(data, "postgresql://nobody:se-cret@127.0.0.1:1/none") as running:
        assert running.process.wait(60) == 1
        until(lambda: running.lines)
        time.sleep(0.2)
        said = "\n".join(running.lines)
        assert said.startswith("StorageFailed: the registry's database none at 127.0.0.1 cannot be used: ")
        assert said.count("StorageFailed") == 1
        assert "Traceback" not in said
        assert "se-cret" not in said


@pytest.mark.parametrize("database", [None, "sqlite:////srv/registry.db"])
def test_several_workers_need_postgresql(tmp_path: Path, database: str | None) -> None:
    with pytest.raises(InvalidConfiguration, match="workers need PostgreSQL"):
        ServerConfig(tmp_path, workers=2, database=database)


@pytest.mark.parametrize("workers", [0, -1, 65])
def test_workers_are_bounded(tmp_path: Path, workers: int) -> None:
    with pytest.raises(InvalidConfiguration, match="1 to 64 workers"):
        ServerConfig(tmp_path, workers=workers, database="postgresql://h/d")


def test_settings_arrive_as_they_were(tmp_path: Path) -> None:
    access = AccessConfig(
        groups={"team": ("a", "b")}, rules=(RuleConfig("team/*", "group:team", ("pull",)),), htpasswd=Path("/x")
    )
    config = ServerConfig(tmp_path / "ä b", workers=3, database="postgresql://u:p%40@h/d", access=access, grace=1.5)
    assert decode(ServerConfig, encode(config), "") == config
