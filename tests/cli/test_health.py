"""``wasmbuild registry health``: what a container's health check runs, against real servers."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wasmbuild.cli.main import run


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_a_server_is_ready(registry_address, capsys):
    assert run(["registry", "health", registry_address]) == 0
    assert capsys.readouterr().out == "ready\n"
    assert run(["registry", "health", registry_address, "--alive", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["host"], found["status"]) == (registry_address, "alive")


def test_it_finds_the_server_of_its_container_by_the_address_that_is_listened_on(registry_address, capsys, monkeypatch):
    monkeypatch.setenv("WASMBUILD_SERVE_LISTEN", f"0.0.0.0:{registry_address.rpartition(':')[2]}")
    assert run(["registry", "health"]) == 0
    assert capsys.readouterr().out == "ready\n"


def test_a_server_that_is_not_there_is_not_healthy(nobody, capsys):
    assert run(["registry", "health", nobody, "--alive", "--retry-for", "0"]) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert nobody in said.err


def test_a_server_that_is_about_to_stop_lives_but_is_not_ready(tmp_path, capsys):
    command = [Path(sys.executable).with_name("wasmbuild"), "serve", "--data", tmp_path, "--listen", "127.0.0.1:0"]
    environment = os.environ | {"WASMBUILD_REGISTRY_DRAIN": "60s"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as server:
        try:
            address = server.stdout.readline().decode().strip()
            server.terminate()
            while run(["registry", "health", address, "--retry-for", "0"]) == 0:
                time.sleep(0.01)
            assert "does not say that it is ready" in capsys.readouterr().err
            assert run(["registry", "health", address, "--alive", "--retry-for", "0"]) == 0
        finally:
            server.kill()
