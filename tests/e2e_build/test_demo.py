"""``make demo`` itself, and what it leaves behind when it is interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DEMO = [sys.executable, "scripts/demo.py"]


def start(temporary):
    temporary.mkdir()
    return subprocess.Popen(
        DEMO,
        cwd=CHECKOUT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_over(temporary):
    """Processes that work in, or were told about, the demo's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                working = str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(temporary) in line or working.startswith(str(temporary)):
                found.append(line)
    return found


def test_the_demo(tmp_path):
    process = start(tmp_path / "tmp")
    output, _ = process.communicate(timeout=110)
    assert process.returncode == 0, output
    for shown in (
        "$ wasmbuild serve",
        "$ wasmbuild new --template c-cli hello",
        "$ wasmbuild build",
        "$ wasmbuild push",
        "Hello, Ada, from WebAssembly!",
        "does not match its digest",
        "it is not valid for this key",
        "is not signed",
    ):
        assert shown in output
    assert list((tmp_path / "tmp").iterdir()) == []
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["$ wasmbuild serve", "$ wasmbuild build", "$ wasmbuild run"])
def test_an_interrupted_demo_leaves_nothing(tmp_path, number, moment):
    process = start(tmp_path / "tmp")
    for line in process.stdout:
        if line.startswith(moment):
            break
    time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143), output
    assert "Traceback" not in output
    assert list((tmp_path / "tmp").iterdir()) == []
    assert left_over(tmp_path) == []
