import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import InvalidConfiguration
from registry.model import MAX_MANIFEST, OCI_INDEX
from registry.server import embedded
from registry.server.config import ServerConfig
from registry.server.runtime import serve
from registry.server.testing import running_server
from tests.server.faults.serving import drain

PROGRAM = """
import sys
from pathlib import Path
from registry.errors import Failure
from registry.server.config import ServerConfig
from registry.server.runtime import serve
try:
    serve(
        ServerConfig.at(Path(sys.argv[1]), sys.argv[2]),
        lambda address: print(address, flush=True),
        lambda line: print(line, file=sys.stderr),
    )
except Failure as failure:
    sys.exit(f"failure: {failure.what}: {failure.cause}")
"""


@contextmanager
def server(data: Path, listen: str = "127.0.0.1:0", before: str = ":") -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-W", "error", "-c", PROGRAM, str(data), listen]
    command = ["sh", "-c", f'{before}; exec "$@"', "sh", *program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_what_it_makes_only_its_owner_can_read(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with running_server(tmp_path / "data"):
            folders = [path for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")] if path.is_dir()]
            files = list((tmp_path / "data").glob("registry.db*"))
            assert len(files) == 3  # with what SQLite puts beside it
            for path in (*folders, *files):
                assert path.stat().st_mode & 0o077 == 0, path
    finally:
        os.umask(before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_on_stdout_and_a_clean_end(data: Path, number: signal.Signals) -> None:
    with server(data) as process:
        address = address_of(process)
        host, _, port = address.rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0
        assert requests.get(f"http://{address}/v2/", timeout=10).status_code == 200
        process.send_signal(number)
        out, log = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == ""
        assert log.splitlines()[1:] == ["stopping"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)


def test_what_was_answered_survives_sigkill(data: Path, tools: Any) -> None:
    with server(data) as process, requests.Session() as session:
        api = tools.Api(address_of(process), session)
        digest = api.push_image("latest")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with server(data) as process, requests.Session() as session:
        api = tools.Api(address_of(process), session)
        assert api.get_manifest("latest").headers["Docker-Content-Digest"] == digest
        assert api.get_blob(tools.sha256(b"layer")).content == b"layer"
        assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == ["latest"]


def test_an_upload_goes_on_after_sigkill(data: Path, tools: Any) -> None:
    with server(data) as process, requests.Session() as session:
        api = tools.Api(address_of(process), session)
        location = api.begin()
        assert api.call("PATCH", location, data=b"before ").status_code == 202
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with server(data) as process, requests.Session() as session:
        api = tools.Api(address_of(process), session)
        assert api.call("GET", location).headers["Range"] == "0-6"
        digest = tools.sha256(b"before and after")
        assert api.call("PUT", f"{location}?digest={digest}", data=b"and after").status_code == 201
        assert api.get_blob(digest).content == b"before and after"


def test_the_server_is_one_process(data: Path) -> None:
    with server(data) as process:
        address_of(process)
        children = Path(f"/proc/{process.pid}/task").glob("*/children")
        assert "".join(path.read_text() for path in children) == ""


def test_as_many_files_as_the_system_allows(data: Path) -> None:
    with server(data, before="ulimit -Sn 128") as process:
        address_of(process)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft > 128 or hard == 128


def test_more_connections_than_files(data: Path) -> None:
    with server(data, before="ulimit -n 64") as process, ExitStack() as others:
        address = address_of(process)
        host, _, port = address.rpartition(":")
        for _ in range(120):
            others.enter_context(socket.create_connection((host, int(port)), timeout=10))
        time.sleep(0.3)
        before = processor_seconds(process)
        time.sleep(1)
        assert processor_seconds(process) - before < 0.25
        assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 60
        others.close()
        assert requests.get(f"http://{address}/v2/", timeout=30).status_code == 200


def processor_seconds(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("sent", [b"", b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /v2/ HT"])
def test_idle_connections_are_closed(data: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(embedded, "_IDLE_MILLISECONDS", 300)
    with running_server(data) as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
            while connection.recv(4096):
                pass


def test_manifests_that_never_end_are_not_held_in_memory(data: Path) -> None:
    with server(data) as process, ExitStack() as clients:
        address = address_of(process)
        before = peak_memory(process)
        stalled = [http.client.HTTPConnection(address, timeout=30) for _ in range(60)]
        for client in stalled:
            clients.callback(client.close)
            client.putrequest("PUT", "/v2/demo/manifests/latest")
            client.putheader("Content-Length", str(MAX_MANIFEST))
            client.endheaders(bytes(MAX_MANIFEST - 1))
        for client in stalled:
            client.send(b" ")
            answer = client.getresponse()
            assert (answer.status, b"MANIFEST_INVALID" in answer.read()) == (400, True)
        assert peak_memory(process) - before < 100 * 1024**2
    assert list((data / "uploads").iterdir()) == []


def test_readers_of_large_manifests_that_stand_still(data: Path, tools: Any) -> None:
    body = tools.index(annotations={"a": "x" * (MAX_MANIFEST - 1000)})
    with server(data) as process, ExitStack() as clients, requests.Session() as session:
        address = address_of(process)
        assert tools.Api(address, session).put_manifest("x", body, media_type=OCI_INDEX).status_code == 201
        before = peak_memory(process)
        host, _, port = address.rpartition(":")
        stalled = [clients.enter_context(slow_reader(host, int(port))) for _ in range(60)]
        for client in stalled:
            client.sendall(f"GET /v2/demo/hello/manifests/x HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        for client in stalled:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert tools.Api(address, session).get_manifest("x").content == body
        assert peak_memory(process) - before < 160 * 1024**2


def slow_reader(host: str, port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(30)
    client.connect((host, port))
    return client


def test_a_reader_of_a_manifest_that_stands_still_is_cut_off(data: Path, tools: Any) -> None:
    body = tools.index(annotations={"a": "x" * (MAX_MANIFEST - 1000)})
    with running_server(data, ServerConfig(data, patience=0.3)) as address, requests.Session() as session:
        assert tools.Api(address, session).put_manifest("x", body, media_type=OCI_INDEX).status_code == 201
        host, _, port = address.rpartition(":")
        with slow_reader(host, int(port)) as client:
            client.sendall(f"GET /v2/demo/hello/manifests/x HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            time.sleep(1.0)
            seen = len(drain(client))
        assert seen < len(body)


def test_the_connection_of_a_reader_that_stands_still_is_given_up(data: Path, tools: Any) -> None:
    body = tools.index(annotations={"a": "x" * (MAX_MANIFEST - 1000)})
    with running_server(data, ServerConfig(data, patience=0.3)) as address:
        with requests.Session() as session:
            assert tools.Api(address, session).put_manifest("x", body, media_type=OCI_INDEX).status_code == 201
        host, _, port = address.rpartition(":")
        with slow_reader(host, int(port)) as client:
            client.sendall(f"GET /v2/demo/hello/manifests/x HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            assert client.recv(12) == b"HTTP/1.1 200"
            deadline = time.monotonic() + 10
            while established(int(port)) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert established(int(port)) == 0


def established(port: int) -> int:
    """Connections that the server's side of a port has."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def peak_memory(process: subprocess.Popen[str]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_starts_that_race_for_a_new_folder(data: Path, tools: Any) -> None:
    with server(data) as one, server(data) as two, server(data) as three:
        addresses = [address_of(process) for process in (one, two, three)]
        assert all(addresses)
        with requests.Session() as session:
            digest = tools.Api(addresses[0], session).push_image("latest")
            for address in addresses:
                found = tools.Api(address, session).get_manifest("latest")
                assert found.headers["Docker-Content-Digest"] == digest


def test_a_port_that_is_taken(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InvalidConfiguration, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            serve(ServerConfig(data, port=port), print, print)
    assert caught.value.cause == "another program listens there"
    assert not data.exists()


def test_two_servers_do_not_share_a_port(data: Path) -> None:
    with server(data) as one, server(data, address_of(one)) as two:
        _, log = two.communicate(timeout=30)
        assert two.returncode == 1
        assert log.startswith("failure: cannot listen on")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with server(tmp_path / "data") as process:
        _, log = process.communicate(timeout=30)
    assert log.startswith("failure: cannot write")
