"""``.ci/run``: what it prints of its stages, with a ``make`` that only says that it was there."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
MAKE = 'echo "made $1 with CI=${CI:-}"; [ "$1" != "${FAILING:-}" ] || exit 7'


@pytest.fixture
def run(tmp_path):
    """Starts a copy of the script, in whose world nothing is missing."""
    script, programs = tmp_path / ".ci" / "run", tmp_path / "programs"
    script.parent.mkdir()
    programs.mkdir()
    shutil.copy(CHECKOUT / ".ci" / "run", script)
    for name, text in {"make": MAKE, "dpkg": "exit 0", "apt-get": "exit 1"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "Makefile").write_text("e2e:\n\t@echo made e2e by make itself, which goes before ours\n")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def start(**more):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([script], env=environment | more, start_new_session=True, **pipes)

    return start


def table_of(output):
    """The lines below the head of the table: name, minutes and seconds, how it ended."""
    _, _, rows = output.partition("\nstage ")
    return [re.fullmatch(r"(\S+) +(\d+:\d\d) *(.*)", line).groups() for line in rows.splitlines()[1:]]


def test_each_stage_has_a_time(run):
    process = run()
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    rows = table_of(output)
    names = [name for name, _, _ in rows]
    assert {"lint", "docs", "audit", "test", "faults", "demo", "e2e", "e2e-cluster", "interop", "conformance"} <= {
        *names
    }
    assert names[-1] == "all"
    assert {ended for _, _, ended in rows[:-1]} == {"good"}
    assert "made test with CI=true" in output
    assert "made demo with CI=\n" in output


def test_the_first_that_fails_ends_it_and_is_in_the_table(run):
    process = run(FAILING="docs")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 7
    rows = table_of(output)
    assert [(name, ended) for name, _, ended in rows[-2:]] == [("docs", "failed (7)"), ("all", "")]
    assert ("lint", "good") in [(name, ended) for name, _, ended in rows]
    assert "made test" not in output


def test_an_interrupted_run_says_how_far_it_came(run, tmp_path):
    (tmp_path / "programs" / "make").write_text('#!/bin/sh\n[ "$1" != lint ] || { echo here; exec sleep 30; }\n')
    process = run()
    for line in process.stdout:
        if line == "here\n":
            break
    os.killpg(process.pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert [(name, ended) for name, _, ended in table_of(output)[-2:]] in (
        [("lint", "interrupted"), ("all", "")],
        [("lint", "failed (143)"), ("all", "")],
    )


def test_it_calls_only_what_the_makefile_has():
    called = set(re.findall(r"\bmake ([a-z0-9-]+)", (CHECKOUT / ".ci" / "run").read_text()))
    has = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert called
    assert called <= has


def test_shellcheck_finds_nothing():
    if shutil.which("shellcheck") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("shellcheck is not installed here")
    checked = subprocess.run(["shellcheck", CHECKOUT / ".ci" / "run"], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
