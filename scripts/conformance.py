"""Runs the conformance suite of the OCI distribution-spec against our registry, and prints the counts.

    python scripts/conformance.py [--postgres] [--login USER:PASSWORD] [-- OPTIONS OF wasmbuild serve]

``--postgres`` starts a PostgreSQL and runs the registry over it; ``--login`` is whom the suite is to
be, for a registry whose settings (``-- --config FILE``) know users. The suite is the program that
``peers.py`` built. All that the draft after 1.1 knows is switched on (``OCI_VERSION=dev``). Every
failed test is named, and makes this fail.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from peers import cache
from postgres import running_postgres

SUITE_SECONDS = 600
STOP_SECONDS = 30
BAD = ("failures", "errors")
FEWEST = 500
"""Tests that the suite surely has; if fewer were run, nothing was shown."""


@contextmanager
def registry(data: Path, options: list[str]) -> Iterator[str]:
    """A registry in the background; its address."""
    program = Path(sys.executable).with_name("wasmbuild")
    command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", *options]
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


def results(suite: Path, address: str, folder: Path, login: str | None) -> ET.Element:
    """The report of the suite (JUnit's XML)."""
    settings = {"OCI_REGISTRY": address, "OCI_TLS": "disabled", "OCI_VERSION": "dev", "OCI_RESULTS_DIR": str(folder)}
    if login is not None:
        settings["OCI_USERNAME"], _, settings["OCI_PASSWORD"] = login.partition(":")
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


def main(suite: Path, arguments: argparse.Namespace) -> int:
    """Run it all; 1 if a test failed, or too few were run."""
    if not os.access(suite, os.X_OK):
        print(f"there is no {suite}; python scripts/peers.py conformance builds it", file=sys.stderr)
        return 1
    options = list(arguments.options)
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as others:
        if arguments.postgres:
            options += ["--database", others.enter_context(running_postgres()).create("registry")]
        folder = Path(temporary) / "results"
        folder.mkdir()
        with registry(Path(temporary) / "data", options) as address:
            report = results(suite, address, folder, arguments.login)
    return 0 if judge(report) else 1


def parse(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--login", metavar="USER:PASSWORD")
    parser.add_argument("options", nargs="*", metavar="OPTION")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(cache() / "bin" / "conformance", parse(sys.argv[1:])))
