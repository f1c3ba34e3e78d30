import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import InvalidConfiguration
from registry.server.config import ServerConfig
from registry.server.runtime import serve

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
def server(data: Path, listen: str = "127.0.0.1:0") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(data), listen]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


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
        assert "Traceback" not in log
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
