"""Runs the conformance suite of the OCI distribution-spec against our registry, and prints the counts.

    python -m scripts.conformance [--login] [--postgres] [--s3] [-- OPTIONS OF wasmbuild serve]

``--login`` sets up a user, whom the suite then is, and nobody else may do anything; ``--postgres`` and
``--s3`` start a PostgreSQL and an S3 server and run the registry over them. The suite is the program
that ``peers.py`` built. All that the draft after 1.1 knows is switched on (``OCI_VERSION=dev``). Every
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

import bcrypt

from scripts.peers import cache
from scripts.postgres import running_postgres
from scripts.versity import ACCESS, SECRET, find_versity, running_versity

USER, PASSWORD = "conformance", "correct-horse"
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


def results(suite: Path, address: str, folder: Path, login: bool) -> ET.Element:
    """The report of the suite (JUnit's XML)."""
    settings = {"OCI_REGISTRY": address, "OCI_TLS": "disabled", "OCI_VERSION": "dev", "OCI_RESULTS_DIR": str(folder)}
    if login:
        settings |= {"OCI_USERNAME": USER, "OCI_PASSWORD": PASSWORD}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCI_")} | settings
    finished = subprocess.run(
        [suite], env=environment, cwd=folder, capture_output=True, text=True, timeout=SUITE_SECONDS, check=False
    )
    report = folder / "junit.xml"
    if not report.exists():
        raise SystemExit(f"the suite ended with {finished.returncode} and no report:\n{finished.stderr[-2000:]}")
    return ET.parse(report).getroot()


def judge(report: ET.Element, how: str) -> bool:
    """Print what failed or was left out, and the suite's own counts; whether all is well."""
    for case in report.iter("testcase"):
        if case.get("status") != "passed":
            print(f"{case.get('status')}: {case.get('name')}")
    counts = {name: sum(int(suite.get(name, 0)) for suite in report) for name in ("tests", *BAD, "skipped")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"distribution-spec conformance, dev, {how}: {said}")
    return counts["tests"] >= FEWEST and not any(counts[name] for name in BAD)


def main(suite: Path, asked: argparse.Namespace) -> int:
    """Run it all; 1 if a test failed, or too few were run."""
    if not os.access(suite, os.X_OK):
        print(f"there is no {suite}; python scripts/peers.py conformance builds it", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as others:
        folder = Path(temporary) / "results"
        folder.mkdir()
        options = [*asked.options, "--config", str(configure(Path(temporary), asked, others))]
        if asked.postgres:
            options += ["--database", others.enter_context(running_postgres()).create("registry")]
        with registry(Path(temporary) / "data", options) as address:
            report = results(suite, address, folder, asked.login)
    how = f"{'login' if asked.login else 'open'}, {'PostgreSQL' if asked.postgres else 'SQLite'}"
    return 0 if judge(report, f"{how}, {'S3' if asked.s3 else 'folder'}") else 1


def configure(folder: Path, asked: argparse.Namespace, others: ExitStack) -> Path:
    """The settings file for what was asked."""
    lines = []
    if asked.login:
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "users").write_text(f"{USER}:{hashed}\n")
        lines += ["[access]", f"htpasswd = '{folder / 'users'}'", "[[access.rules]]", "repositories = '**'"]
        lines += [f"subject = 'user:{USER}'", "actions = ['admin']"]
    if asked.s3:
        if find_versity() is None:
            raise SystemExit("there is no versitygw; python scripts/peers.py versitygw builds it")
        server = others.enter_context(running_versity())
        lines += [
            "[storage]",
            f"url = 's3://{server.create()}'",
            f"endpoint = '{server.endpoint}'",
            "path_style = true",
        ]
        lines += ["region = 'us-east-1'", f"access_key = '{ACCESS}'", f"secret_key = '{SECRET}'"]
    path = folder / "registry.toml"
    path.write_text("\n".join(lines))
    return path


def parse(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser()
    for name in ("--login", "--postgres", "--s3"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("options", nargs="*", metavar="OPTION")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(cache() / "bin" / "conformance", parse(sys.argv[1:])))
