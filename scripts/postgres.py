"""A PostgreSQL of one's own, for tests and for the conformance suite: made in a folder, gone at the end.

What it runs is the machine's own (PATH, or where Debian has it). It does not sync, so it is fast, and
it sorts as people do, so that code which relies on the order of bytes must say so.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

START_SECONDS = 60
STOP_SECONDS = 30
USER = "registry"
SECRET_USER, SECRET = "guarded", "correct-horse"
"""Who has to show a password, and which."""

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "deadlock_timeout": "100ms",
    "autovacuum": "off",
    "timezone": "UTC",
    "log_min_messages": "log",
}
_PR_SET_PDEATHSIG = 1


def find_postgres() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None: there is none."""
    found = [Path(name).resolve().parent for name in [shutil.which("postgres")] if name]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in [*found, *debian]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Postgres:
    """One server on loopback, which can be stopped and started."""

    def __init__(self, programs: Path, folder: Path, port: int, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str) -> None:
        """Run statements as the administrator."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, database: str, template: str = "template1") -> str:
        """A new database: its URL."""
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Delete a database, whoever uses it."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def initialise(self) -> None:
        """Make its files."""
        command = [self._programs / "initdb", "-D", self._folder / "data", "-U", USER, "--no-sync", "-E", "UTF8"]
        people = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        # Before version 15, and without ICU, it sorts as C does.
        for options in (people, ["--locale=C.UTF-8"], ["--no-locale"]):
            if self._call([*command, *options]).returncode == 0:
                break
            shutil.rmtree(self._folder / "data", ignore_errors=True)
        rules = f"host all {SECRET_USER} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        (self._folder / "data" / "pg_hba.conf").write_text(rules)
        lines = "".join(f"{name} = '{value}'\n" for name, value in {**_SETTINGS, "port": str(self.port)}.items())
        (self._folder / "data" / "postgresql.auto.conf").write_text(lines)
        self.start()
        self.run(f"CREATE ROLE {SECRET_USER} LOGIN PASSWORD '{SECRET}'")

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        groups = [] if self._user else None
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
                user=self._user,
                extra_groups=groups,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  one system call, which takes no lock
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(psycopg.OperationalError):
                return self.run()
            time.sleep(0.02)
        raise SystemExit("PostgreSQL did not start:\n" + (self._folder / "log").read_text()[-2000:])

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends all sessions, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def _call(self, command: list[str | Path]) -> subprocess.CompletedProcess[bytes]:
        groups = [] if self._user else None
        return subprocess.run(
            command, cwd=self._folder, capture_output=True, check=False, user=self._user, extra_groups=groups
        )


def _end_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _user() -> str | None:
    """Who runs it: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server, for as long as the block runs. Ends the program when there is none on this machine."""
    programs = find_postgres()
    if programs is None:
        raise SystemExit("there is no PostgreSQL here; on Debian and Ubuntu: apt install postgresql")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="registry-postgres-") as temporary:
        if user:
            shutil.chown(temporary, user)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = Postgres(programs, Path(temporary), port, user)
        try:
            server.initialise()
            yield server
        finally:
            server.stop()
