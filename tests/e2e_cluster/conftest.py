"""A cluster as ``deploy/compose.yaml`` describes it, as plain processes; and the command line, as its users run it."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import Cluster, find_nginx
from scripts.peers import Unavailable
from scripts.postgres import find_postgres, running_postgres
from scripts.versity import find_versity

WASMBUILD = Path(sys.executable).with_name("wasmbuild")
PASSWORD = "correct horse battery staple"
SECONDS = 90
CERTIFICATE = (
    "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost -keyout tls-key.pem -out tls-certificate.pem"
)


def _missing() -> str | None:
    if find_postgres() is None:
        return "there is no PostgreSQL here; on Debian and Ubuntu: apt install postgresql"
    if find_versity() is None:
        return "there is no versitygw; python scripts/peers.py versitygw builds it"
    if not (shutil.which("wget") and shutil.which("openssl")):
        return "there is no wget, which the proxy's health check is made with, or no openssl"
    try:
        find_nginx()
    except Unavailable as error:
        return f"there is no nginx: {error}"
    return None


class Client:
    """One user at one machine: ``wasmbuild``, with the proxy's certificate and a login of its own."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        self.cluster = cluster
        self.home = home
        home.mkdir()
        self.environment = os.environ | {
            "DOCKER_CONFIG": str(home),
            "WASMBUILD_CONFIG": os.devnull,
            "WASMBUILD_CA_FILE": str(cluster.folder / "secrets" / "tls-certificate"),
            "WASMBUILD_PROGRESS": "plain",
        }

    def start(self, *arguments: "str | Path") -> "subprocess.Popen[bytes]":
        """A command that goes on by itself."""
        return subprocess.Popen(
            [WASMBUILD, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, *arguments: "str | Path", stdin: str = "") -> str:
        """What a command prints, which must succeed."""
        command = [WASMBUILD, *arguments]
        finished = subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """All services, healthy, with one user who may do everything."""
    missing = _missing()
    if missing is not None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, running_postgres() as postgres:
        made = Cluster(Path(folder), postgres)
        try:
            _prepare(made)
            for name in ("registry-1", "registry-2", "proxy"):
                made.start(name)
            for name in ("registry-1", "registry-2", "proxy"):
                made.wait(name)
            yield made
        finally:
            made.end()


def _prepare(cluster: Cluster) -> None:
    """What docs/how-to/deploy.md has before the first start."""
    password = secrets.token_hex(16)
    cluster.write_secret("postgres-password", password)
    cluster.write_secret("database-url", f"postgresql://registry:{password}@postgres:5432/registry\n")
    cluster.write_secret("s3-access-key", "registry\n")
    cluster.write_secret("s3-secret-key", secrets.token_hex(20) + "\n")
    place = cluster.folder / "made"
    place.mkdir()
    subprocess.run(CERTIFICATE.split(), cwd=place, check=True, capture_output=True)
    for name in ("tls-certificate", "tls-key"):
        cluster.write_secret(name, (place / f"{name}.pem").read_text())
    cluster.create_database(password)
    cluster.start("s3")
    add = ("registry", "user", "add", "ada", "--group", "admins", "--password-stdin")
    cluster.run("registry-1", *add, "--config", "/etc/wasmbuild/registry.toml", stdin=PASSWORD)


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Client:
    """The user, logged in."""
    made = Client(cluster, cluster.folder / "home")
    made.call("login", cluster.address, "--username", "ada", "--password-stdin", stdin=PASSWORD)
    return made
