"""Every template that answers HTTP requests, served by ``serve-http``: the hosts of three languages meet ours."""

import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from wasmbuild.workflows.templates import templates

pytestmark = pytest.mark.timeout(1500)  # cold caches: compilers are fetched, engines of languages compiled

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
TOOLCHAIN_MISSING = 7
HTTP = [each.id for each in templates() if each.kind == "http"]


def built(template: str, folder: Path) -> Path:
    project = folder / "app"
    subprocess.run([WASMBUILD, "new", "--template", template, str(project)], check=True, timeout=300)
    if template.endswith("rust") and shutil.which("cargo"):
        subprocess.run(["cargo", "generate-lockfile", "--quiet"], cwd=project, check=True, timeout=300)
    finished = subprocess.run([WASMBUILD, "build", str(project)], capture_output=True, timeout=1400, check=False)
    if finished.returncode == TOOLCHAIN_MISSING and template.endswith("rust"):
        pytest.skip(f"NOT TESTED: {template}: {finished.stderr.decode()}")
    assert finished.returncode == 0, finished.stderr.decode()
    return next((project / "dist").glob("*.wasm"))


def answer(url: str, **settings: object) -> tuple[int, bytes]:
    request = urllib.request.Request(url, **settings)  # type: ignore[arg-type]
    try:
        with urllib.request.urlopen(request, timeout=60) as found:
            return found.status, found.read()
    except HTTPError as error:
        return error.code, error.read()


def figures(pid: int) -> tuple[int, int]:
    """Bytes that are resident, and threads."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024, int(re.search(r"Threads:\s+(\d+)", text)[1])


@pytest.mark.parametrize("template", HTTP)
def test_a_template_answers_many_requests_and_leaves_nothing_behind(template: str, tmp_path: Path) -> None:
    file = built(template, tmp_path)
    words = [WASMBUILD, "serve-http", str(file), "--listen", "127.0.0.1:0", "--progress", "quiet"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "error"}, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert answer(f"{address}/Ada") == (200, b"Hello, Ada, from WebAssembly!\n")
        assert answer(f"{address}/", method="POST", data=b"x" * 10_000) == (405, b"only GET and HEAD\n")
        assert answer(f"{address}/Ada", method="HEAD") == (200, b"")
        many(address, 50, 4)
        memory, threads = figures(process.pid)
        many(address, 50, 6)
        after, still = figures(process.pid)
        assert still <= threads
        assert after < memory + 32 * 1024**2
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate(timeout=30)


def many(address: str, clients: int, times: int) -> None:
    """So many clients at once, each asking so often."""
    found: list[tuple[int, bytes]] = []

    def ask(number: int) -> None:
        found.extend(answer(f"{address}/{number}") for _ in range(times))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [(200, f"Hello, {number}, from WebAssembly!\n".encode()) for number in range(clients)] * times
    assert sorted(found) == sorted(expected)
