"""Starts what ``deploy/compose.yaml`` describes as plain processes on loopback, for ``make e2e-cluster``.

The file is the truth: images, commands, environment, configuration, secrets and health checks are its.
What differs is what a container would give: names of services and ports become addresses on loopback,
and paths in a container become paths in a folder of one's own. PostgreSQL is ``scripts/postgres.py``'s.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from scripts.compose import Composed, Service, read
from scripts.peers import cache, unpack
from scripts.postgres import Postgres

DEPLOY = Path(__file__).parents[1] / "deploy"
DOCKERFILE = DEPLOY.parent / "Dockerfile"
VARIABLES = {"WASMBUILD_IMAGE": "wasmbuild", "WASMBUILD_EXTERNAL_URL": "https://localhost:8443"}
SECRETS = "/run/secrets/"
READY_SECONDS = 30
STOP_SECONDS = 50
_ADDRESS = (
    r"\b(?P<name>{names}):(?P<there>\d{{4,5}})\b|\blisten (?P<listen>\d{{4,5}})\b"
    r"|(?<![\w.])(?:0\.0\.0\.0|127\.0\.0\.1)?:(?P<own>\d{{4,5}})\b"
)
"""Another service, or where clients reach all of them; and where a service itself listens."""


def find_nginx() -> Path:
    """The system's nginx, or Debian's, unpacked. Raises Unavailable."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    return Path(found) if found else unpack("nginx", "usr/sbin/nginx")


def image_settings() -> dict[str, str]:
    """The variables of the server that the image sets."""
    return dict(re.findall(r"(WASMBUILD_SERVE_\w+)=(\S+)", DOCKERFILE.read_text()))


class Cluster:
    """All services. ``folder`` is for everything they read and write; secrets are in it before the first starts."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.composed: Composed = read(DEPLOY / "compose.yaml", VARIABLES)
        self.folder = folder
        self._postgres = postgres
        self._ports: dict[tuple[str, int], int] = {("postgres", 5432): postgres.port}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "nginx").symlink_to(find_nginx())
        for name in self.composed.services:
            (folder / name / "tmp").mkdir(parents=True)

    # -- what it is made of --------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where clients reach it, by TLS."""
        return f"localhost:{self.port('proxy', 8443)}"

    def port(self, name: str, inside: int) -> int:
        """The port on loopback that stands for a service's."""
        if (name, inside) not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._ports[name, inside] = probe.getsockname()[1]
        return self._ports[name, inside]

    def write_secret(self, name: str, text: str) -> None:
        """Give a secret of the compose file its content."""
        if name not in self.composed.secrets:
            raise SystemExit(f"{name} is no secret of the compose file")
        path = self.folder / "secrets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self._outside("proxy", text))

    def create_database(self, password: str) -> None:
        """What PostgreSQL's image does at its first start; that database wants the password."""
        said = self.composed.services["postgres"].environment
        self._postgres.create(said["POSTGRES_DB"])
        with psycopg.connect(self._postgres.url(), autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {said['POSTGRES_USER']} PASSWORD '{password}'")
            rules = Path(str(connection.execute("SHOW hba_file").fetchone()[0]))  # type: ignore[index]
            first = f"host {said['POSTGRES_DB']} all 127.0.0.1/32 scram-sha-256\n"
            rules.write_text(first + rules.read_text())
            connection.execute("SELECT pg_reload_conf()")

    def _outside(self, service: str, text: str) -> str:
        """A text of a container as it is for a process: addresses, ports of its own, networks and paths."""

        def address(found: "re.Match[str]") -> str:
            if found["name"] == "localhost":
                return self.address
            name, inside = found["name"] or service, found["there"] or found["listen"] or found["own"]
            return f"{'listen ' if found['listen'] else ''}127.0.0.1:{self.port(name, int(inside))}"

        names = "|".join(map(re.escape, (*self.composed.services, "localhost")))
        text = re.sub(_ADDRESS.format(names=names), address, text)
        for subnet in self.composed.subnets:
            text = text.replace(subnet, "127.0.0.0/8")
        places = self._places(service)
        inside = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
        return re.sub(rf"(?<![\w/.])({inside})(?![\w.-])", lambda found: str(places[found[1]]), text)

    def _places(self, service: str) -> dict[str, Path]:
        """Files and folders of a container, and where they are."""
        described = self.composed.services[service]
        folders = {each: self.folder / service / each.strip("/") for each in (*described.folders, "/tmp")}
        return folders | {each: self._file(service, each) for each in described.files}

    def _file(self, service: str, inside: str) -> Path:
        """Where a file of a container is: secrets are shared, configuration is each service's own."""
        return self.folder / ("secrets" if inside.startswith(SECRETS) else service) / Path(inside).name

    def _prepare(self, service: Service) -> None:
        """Write its configuration, and make its volumes."""
        for inside, source in service.files.items():
            if not inside.startswith(SECRETS):
                self._file(service.name, inside).write_text(self._outside(service.name, source.read_text()))
        for inside in service.folders:
            (self.folder / service.name / inside.strip("/")).mkdir(parents=True, exist_ok=True)

    # -- running ------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a service, or start it again; it need not answer yet."""
        service = self.composed.services[name]
        self._prepare(service)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._command(service, (*service.entrypoint, *service.command)),
                env=self._environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, name: str, *arguments: str, stdin: str = "") -> str:
        """What a command of a service's image prints, as with ``docker compose run``. Raises CalledProcessError."""
        service = self.composed.services[name]
        self._prepare(service)
        return subprocess.run(
            self._command(service, arguments),
            env=self._environment(service),
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            timeout=READY_SECONDS,
            check=True,
        ).stdout

    def healthy(self, name: str) -> bool:
        """Whether the service's own health check passes now; without one, whether it runs."""
        service = self.composed.services[name]
        if not service.health:
            return self._processes[name].poll() is None
        command = [self._outside(name, each) for each in service.health]
        found = subprocess.run(
            command, env=self._environment(service), capture_output=True, check=False, timeout=READY_SECONDS
        )
        return found.returncode == 0

    def wait(self, name: str) -> None:
        """Return when it is healthy. Raises SystemExit with its log when it is not in time."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self._processes[name].poll() is None:
            if self.healthy(name):
                return
            time.sleep(0.2)
        raise SystemExit(f"{name} did not become healthy:\n{self.log(name)[-3000:]}")

    def log(self, name: str) -> str:
        """What a service has said so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """End a service at once, and all its processes, as a machine does that loses power."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def stop(self, name: str) -> int:
        """Ask a service to end, and wait: what it ends with."""
        process = self._processes.pop(name)
        process.terminate()
        return process.wait(STOP_SECONDS)

    def end(self) -> None:
        """End everything that still runs."""
        for name in list(self._processes):
            self.kill(name)

    def _command(self, service: Service, arguments: tuple[str, ...]) -> list[str]:
        translated = [self._outside(service.name, each) for each in arguments]
        return translated if service.entrypoint else ["wasmbuild", *translated]

    def _environment(self, service: Service) -> dict[str, str]:
        """What the image sets, and the compose file; programs are ours, those of peers, and the system's."""
        path = [self.folder / "bin", Path(sys.executable).parent, cache() / "bin", os.environ.get("PATH", "")]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WASMBUILD_")}
        own = {**({} if service.entrypoint else image_settings()), **service.environment}
        translated = {name: self._outside(service.name, value) for name, value in own.items()}
        return clean | {"PATH": os.pathsep.join(map(str, path))} | translated
