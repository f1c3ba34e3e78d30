"""Runs the conformance suite of the OCI distribution-spec against our registry, and prints the counts.

    python scripts/conformance.py

The suite is the program that ``peers.py`` built. All that the draft after 1.1 knows is switched on
(``OCI_VERSION=dev``). Every failed test is named, and makes this fail.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peers import cache

SUITE_SECONDS = 600
STOP_SECONDS = 30
BAD = ("failures", "errors")
FEWEST = 500
"""Tests that the suite surely has; if fewer were run, nothing was shown."""


@contextmanager
def registry(data: Path) -> Iterator[str]:
    """A registry in the background; its address."""
    program = Path(sys.executable).with_name("wasmbuild")
    command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0"]
    with (data.parent / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit("the registry did not start:\n" + (data.parent / "log").read_text())
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def results(suite: Path, address: str, folder: Path) -> ET.Element:
    """The report of the suite (JUnit's XML)."""
    settings = {"OCI_REGISTRY": address, "OCI_TLS": "disabled", "OCI_VERSION": "dev", "OCI_RESULTS_DIR": str(folder)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCI_")} | settings
    finished = subprocess.run(
        [suite], env=environment, cwd=folder, capture_output=True, text=True, timeout=SUITE_SECONDS, check=False
    )
    report = folder / "junit.xml"
    if not report.exists():
        raise SystemExit(f"the suite ended with {finished.returncode} and no report:\n{finished.stderr[-2000:]}")
    return ET.parse(report).getroot()


def judge(report: ET.Element) -> bool:
    """Print what failed or was left out, and the suite's own counts; whether all is well."""
    for case in report.iter("testcase"):
        if case.get("status") != "passed":
            print(f"{case.get('status')}: {case.get('name')}")
    counts = {name: sum(int(suite.get(name, 0)) for suite in report) for name in ("tests", *BAD, "skipped")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"distribution-spec conformance, dev: {said}")
    return counts["tests"] >= FEWEST and not any(counts[name] for name in BAD)


def main(suite: Path) -> int:
    """Run it all; 1 if a test failed, or too few were run."""
    if not os.access(suite, os.X_OK):
        print(f"there is no {suite}; python scripts/peers.py conformance builds it", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "results"
        folder.mkdir()
        with registry(Path(temporary) / "data") as address:
            report = results(suite, address, folder)
    return 0 if judge(report) else 1


if __name__ == "__main__":
    sys.exit(main(cache() / "bin" / "conformance"))
