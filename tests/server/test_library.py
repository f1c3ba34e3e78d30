"""The server in other people's programs and tests."""

import subprocess
import sys
from pathlib import Path

import registry.server

TESTS = """
import http.client
import sys


def test_nothing_is_imported_yet():
    assert not {"granian", "starlette", "sqlalchemy"} & set(sys.modules)


def test_a_registry(wasmbuild_registry):
    connection = http.client.HTTPConnection(wasmbuild_registry, timeout=10)
    connection.request("GET", "/v2/_catalog")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"repositories": []}')
    connection.request("POST", "/v2/mine/blobs/uploads/?digest=sha256:"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", body=b"")
    assert connection.getresponse().status == 201
    connection.close()


def test_another_one_is_empty(wasmbuild_registry):
    test_a_registry(wasmbuild_registry)
"""


def test_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    options = [
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
    ]
    command = [sys.executable, "-m", "pytest", *options, "test_mine.py"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert "3 passed" in finished.stdout, finished.stdout + finished.stderr


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    code = "import registry.server.pytest_plugin; print(*set(sys.modules) - before)"
    code = f"import pytest, sys; before = set(sys.modules); {code}"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    ours = {name for name in finished.stdout.split() if name.split(".")[0] != "registry"}
    assert ours == set()


def test_the_names_that_others_import() -> None:
    assert registry.server.create_app.__module__ == "registry.server.app"
    assert registry.server.ServerConfig.__module__ == "registry.server.config"
    assert not hasattr(registry.server, "nothing")


def test_importing_the_package_imports_no_server() -> None:
    code = "import sys, registry.server; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"starlette", "sqlalchemy", "granian"} & set(finished.stdout.split())
