"""A job of a CI system that has an identity, and a registry that trusts who issued it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import wasmtime

from registry.client.registries import Registries
from registry.client.settings import HostSettings, Settings
from registry.reference import Reference
from registry.server.config import ObservingConfig, ServerConfig
from registry.server.config.access import AccessConfig, IssuerConfig, PublisherConfig, RuleConfig
from registry.server.testing import running_server
from tests.client.scripted import Answer, Asked, scripted
from tests.server.access.issuer import AUDIENCE, Issuer
from wasmbuild.artifact import pack
from wasmbuild.events import ignore
from wasmbuild.workflows.push import Destination, Pushed, push

CLAIMS = {
    "sub": "repo:acme/app:ref:refs/tags/v1",
    "repository": "acme/app",
    "repository_id": "1234",
    "ref": "refs/tags/v1",
    "workflow_ref": "acme/app/.github/workflows/release.yml@refs/tags/v1",
    "run_id": "77",
    "run_attempt": "1",
}
REQUEST_SECRET = "request-secret"
PACKED = pack(bytes(wasmtime.wat2wasm("(module)")), "empty")


class Service(Issuer):
    """An issuer that makes a token whenever a job asks for one, as GitHub does; ``made`` are all of them.

    ``claims`` are what it says of the job; a ``lifetime`` is in seconds. ``trouble`` is answered in place of a token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[str, Any] = dict(CLAIMS)
        self.lifetime = 300
        self.made: list[str] = []
        self.trouble: Answer | None = None

    def answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        if parts.path != "/mint":
            return super().answer(asked)
        if asked.headers.get("authorization") != f"bearer {REQUEST_SECRET}":
            return Answer(401)
        if self.trouble is not None:
            return self.trouble
        audience = parse_qs(parts.query)["audience"][0]
        return Answer(200, json.dumps({"value": self.make(aud=audience)}).encode())

    def make(self, **changed: Any) -> str:
        now = changed.pop("now", None) or time.time()
        times = {"iat": int(now), "exp": int(now) + self.lifetime}
        self.made.append(self.token(**{**self.claims, **times, **changed}))
        return self.made[-1]

    def github(self) -> dict[str, str]:
        """The variables of a job with ``id-token: write``."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/mint?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_SECRET,
        }


@contextmanager
def serving() -> Iterator[Service]:
    issuer = Service()
    with scripted(issuer.answer) as server:
        issuer.server = server
        yield issuer


class Place:
    """A registry that lets in what is called ``acme/app`` at one issuer, for the repositories ``acme/*``."""

    def __init__(self, address: str, audit: Path) -> None:
        self.address, self._audit = address, audit

    def registries(self, audience: str | None = AUDIENCE) -> Registries:
        hosts = {self.address: HostSettings(audience=audience)} if audience else {}
        return Registries(Settings(hosts=hosts, retry_for=0.0))

    def reference(self, name: str = "acme/app", tag: str = "v1") -> Reference:
        return Reference.parse(f"{self.address}/{name}:{tag}")

    def push(self, name: str = "acme/app", tag: str = "v1", registries: Registries | None = None) -> Pushed:
        registries = registries or self.registries()
        destination = Destination.open(self.reference(name, tag), (), registries)
        return push(PACKED, destination, key=None, sink=ignore, environment={})

    def audited(self, action: str, **fields: str) -> list[dict[str, Any]]:
        """The lines of the audit log with an action, and fields; the log is written by a thread of its own."""
        wanted = {"action": action, **fields}
        for _ in range(300):
            text = self._audit.read_text() if self._audit.exists() else ""
            whole = text[: text.rfind("\n") + 1].splitlines()
            found = [line for line in map(json.loads, whole) if wanted.items() <= line.items()]
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(text)


@contextmanager
def trusting(issuer: Issuer, folder: Path) -> Iterator[Place]:
    access = AccessConfig(
        rules=(RuleConfig("public/*", "everyone", ("pull",)),),
        issuers=(IssuerConfig(issuer.url, AUDIENCE),),
        publishers=(PublisherConfig("app", issuer.url, {"repository_id": "1234"}, "acme/*", ("pull", "push")),),
        egress_allow=("127.0.0.0/8",),
        fail_delay=0.0,
    )
    audit = folder / "audit.jsonl"
    config = ServerConfig(folder / "data", access=access, observing=ObservingConfig(audit_log=str(audit)))
    with running_server(folder / "data", config) as address:
        yield Place(address, audit)
