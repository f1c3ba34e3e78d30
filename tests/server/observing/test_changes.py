"""What is told of changes: the audit log, and webhooks."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import URL, func, select

from registry.digest import Digest
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.changes import Change
from registry.server.config import AccessConfig, ObservingConfig, ServerConfig
from registry.server.config.observing import WebhookConfig
from registry.server.database import open_database
from registry.server.database.sqlite import open_sqlite
from registry.server.metadata.manifests import remove_manifest
from registry.server.observing import webhooks as sending
from registry.server.observing.events import Events
from registry.server.observing.webhooks import Webhooks, signature
from registry.server.schema import deliveries
from registry.server.services import open_services
from registry.server.testing import running_server

HERE = AccessConfig(egress_allow=("127.0.0.0/8",))


def with_hooks(data: Path, *hooks: WebhookConfig, **more: Any) -> ServerConfig:
    return ServerConfig(data, access=HERE, observing=ObservingConfig(webhooks=hooks, **more))


def test_the_audit_log_says_who_did_what(data: Path, tools: Any, lines: Any, until: Any) -> None:
    log = data.with_name("audit.jsonl")
    config = ServerConfig(data, observing=ObservingConfig(audit_log=str(log)))
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        first = api.push_image("latest")
        second = api.push_image("latest", annotations={"a": "b"})
        assert api.call("DELETE", "/v2/demo/hello/manifests/latest").status_code == 202
        assert api.call("DELETE", f"/v2/demo/hello/manifests/{first}").status_code == 202
        assert api.call("DELETE", f"/v2/demo/hello/manifests/{first}").status_code == 404
        layer = tools.sha256(b"layer")
        mount = f"/v2/other/blobs/uploads/?mount={layer}&from=demo/hello"
        assert api.call("POST", mount, headers={"X-Request-ID": "the-mount"}).status_code == 201
        assert api.call("DELETE", f"/v2/other/blobs/{layer}").status_code == 202
        until(lambda: lines(log) and lines(log)[-1]["action"] == "blob-delete")
    told = [line for line in lines(log) if line["action"] != "blob-push"]
    assert [(line["action"], line.get("tag"), line.get("digest")) for line in told] == [
        ("push", "latest", first),
        ("tag", "latest", first),
        ("push", "latest", second),
        ("tag-moved", "latest", second),
        ("tag-deleted", "latest", None),
        ("delete", None, first),
        ("blob-mount", None, layer),
        ("blob-delete", None, layer),
    ]
    assert told[3]["before"] == first
    assert {line["principal"] for line in told} == {"local"}
    assert {line["client"] for line in told} == {"127.0.0.1"}
    assert told[6]["request"] == "the-mount"


def test_what_is_refused_is_not_told(data: Path, tools: Any, lines: Any) -> None:
    log = data.with_name("audit.jsonl")
    config = ServerConfig(data, observing=ObservingConfig(audit_log=str(log)))
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        assert api.put_manifest("latest", tools.manifest()).status_code == 404
    assert lines(log) == []


def test_what_the_registry_does_itself_is_told_as_well(data: Path, lines: Any, tools: Any) -> None:
    log = data.with_name("audit.jsonl")
    config = ServerConfig(data, observing=ObservingConfig(audit_log=str(log)))
    with running_server(data, config) as address, requests.Session() as session:
        digest = Digest.parse(tools.Api(address, session).push_image("latest"))

    async def collect() -> None:
        services = open_services(config)
        permit = Permit(OpenGate(), SYSTEM)
        await services.write(lambda connection: remove_manifest(connection, permit, "demo/hello", digest))
        await services.close()

    asyncio.run(collect())
    assert [(line["action"], line["principal"], line.get("client")) for line in lines(log)[-2:]] == [
        ("tag-deleted", "system", None),
        ("delete", "system", None),
    ]


def test_webhooks_hear_in_the_envelope_of_distribution(data: Path, tools: Any, listener: Any) -> None:
    hook = WebhookConfig(f"{listener.url}/hook", secret="s3cret")
    with running_server(data, with_hooks(data, hook)) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_image("v1")
        listener.wait(2)
    pushed = next(event for event in listener.events() if event["action"] == "push")
    assert set(pushed) == {"id", "timestamp", "action", "target", "request", "actor", "source"}
    target = pushed["target"]
    assert (target["repository"], target["tag"], target["digest"]) == ("demo/hello", "v1", digest)
    assert target["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert target["size"] == target["length"] > 100
    assert target["url"] == f"http://{address}/v2/demo/hello/manifests/{digest}"
    assert pushed["request"]["method"] == "PUT"
    assert pushed["request"]["addr"] == "127.0.0.1"
    assert pushed["actor"] == {"name": "local"}
    path, headers, body = listener.got[0]
    assert path == "/hook"
    assert headers["content-type"] == "application/vnd.docker.distribution.events.v2+json"
    said = dict(part.split("=") for part in headers["wasmbuild-signature"].split(","))
    mac = hmac.new(b"s3cret", f"{said['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert said["v1"] == mac
    assert abs(int(said["t"]) - time.time()) < 60
    assert {event["action"] for event in listener.events()} == {"push", "tag"}


def test_webhooks_hear_what_they_asked_for(data: Path, tools: Any, listener: Any) -> None:
    hooks = (
        WebhookConfig(f"{listener.url}/deletes", actions=("delete", "tag-deleted")),
        WebhookConfig(f"{listener.url}/team", repositories=("team/*",), actions=("blob-push", "push")),
    )
    with running_server(data, with_hooks(data, *hooks)) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_image("v1")
        api.push_image("v1", "team/one/below")
        api.push_image("v1", "team/one")
        assert api.call("DELETE", f"/v2/demo/hello/manifests/{digest}").status_code == 202
        listener.wait(5)
    heard = sorted((path, json.loads(body)["events"][0]["action"]) for path, _, body in listener.got)
    assert heard == [
        ("/deletes", "delete"),
        ("/deletes", "tag-deleted"),
        *[("/team", "blob-push")] * 2,
        ("/team", "push"),
    ]


def test_a_webhook_that_fails_is_tried_again(
    data: Path, tools: Any, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_pause", lambda _: 0.05)
    monkeypatch.setattr(sending, "_LOOK_SECONDS", 0.1)
    listener.statuses += [500, 302, 429]
    hook = WebhookConfig(listener.url, actions=("push",))
    with running_server(data, with_hooks(data, hook)) as address, requests.Session() as session:
        tools.Api(address, session).push_image("v1")
        listener.wait(4)
        time.sleep(0.3)
    assert len(listener.got) == 4
    assert len({event["id"] for event in listener.events()}) == 1


def test_what_was_not_sent_is_sent_after_a_restart(data: Path, tools: Any, listener: Any) -> None:
    def settings(allowed: bool) -> ServerConfig:
        hook = WebhookConfig(listener.url, name="hook", actions=("push",))
        access = HERE if allowed else AccessConfig()
        return ServerConfig(data, access=access, observing=ObservingConfig(webhooks=(hook,)))

    with running_server(data, settings(False)) as address, requests.Session() as session:
        tools.Api(address, session).push_image("v1")
        time.sleep(0.3)
    assert listener.got == []  # 127.0.0.1 is no public address, so the guard lets nothing out
    rows(data, deliveries.update().values(due=0))
    with running_server(data, settings(True)):
        listener.wait(1)
    assert rows(data, select(func.count()).select_from(deliveries)) == [(0,)]


def rows(data: Path, statement: Any) -> list[tuple[Any, ...]]:
    async def work() -> list[tuple[Any, ...]]:
        database = open_sqlite(URL.create("sqlite", database=str(data / "registry.db")))

        def run(connection: Any) -> list[tuple[Any, ...]]:
            result = connection.execute(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

        try:
            return await database.write(run)
        finally:
            database.close()

    return asyncio.run(work())


class Bench:
    """A queue with a sender whose network is a function."""

    def __init__(self, data: Path, answer: Any, url: str | None = None, **settings: Any) -> None:
        data.mkdir(exist_ok=True)
        self.config = ObservingConfig(webhooks=(WebhookConfig("https://example.com/", name="hook"),), **settings)
        self.database = open_database(url or data / "registry.db")
        self.events = Events(self.config)
        self.sent: list[bytes] = []
        self.answer = answer
        self.webhooks = Webhooks(self.config, self.database, self.events, self.post)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        self.sent.append(body)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return int(self.answer)

    async def push(self, count: int = 1) -> None:
        changes = [Change("push", "demo", f"sha256:{number}") for number in range(count)]
        await self.database.write(lambda connection: self.events.record(connection, changes))

    async def rows(self) -> list[tuple[Any, ...]]:
        statement = select(deliveries.c.attempts, deliveries.c.due, deliveries.c.error)
        return await self.database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])


def test_after_enough_attempts_it_is_kept_for_a_person(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_pause", lambda _: -1.0)

    async def main() -> None:
        bench = Bench(data, ConnectionRefusedError(111, "refused"), webhook_attempts=3, webhook_keep=1000.0)
        await bench.push()
        while await bench.webhooks.send_due():
            pass
        assert len(bench.sent) == 3
        assert await bench.rows() == [(3, 1e15, "no answer: refused")]
        await bench.webhooks._look_after()
        assert (bench.webhooks.counts.dead, bench.webhooks.counts.waiting) == (1, 0)
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 2  # the first failure, and the end
        assert "does not take events" in said[0]
        assert "given up after 3 attempts" in said[1]
        assert "/hook" not in caplog.text
        assert bench.webhooks.counts.given_up == 1
        await bench.database.write(lambda connection: connection.execute(deliveries.update().values(created=0)))
        await bench.webhooks._look_after()
        assert await bench.rows() == []
        bench.database.close()

    asyncio.run(main())


def test_the_queue_is_bounded(data: Path) -> None:
    async def main() -> None:
        bench = Bench(data, 200, webhook_queue=5)
        await bench.push(8)
        assert (len(await bench.rows()), bench.events.dropped) == (5, 3)
        while await bench.webhooks.send_due():
            pass
        await bench.webhooks._look_after()
        await bench.push(2)
        assert (len(await bench.rows()), bench.events.dropped) == (2, 3)
        bench.database.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_several_replicas_one_sends(data: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else None

    async def main() -> None:
        benches = [Bench(data, 200, url) for _ in range(3)]
        await benches[0].push(20)
        while sum(await asyncio.gather(*(bench.webhooks.send_due() for bench in benches))):
            pass
        sent = [body for bench in benches for body in bench.sent]
        assert len(sent) == len(set(sent)) == 20
        assert await benches[0].rows() == []
        await benches[0].webhooks._look_after()
        for bench in benches:
            bench.database.close()

    asyncio.run(main())


def test_nothing_is_queued_for_what_is_undone(data: Path) -> None:
    async def main() -> None:
        bench = Bench(data, 200)

        def fail(connection: Any) -> None:
            bench.events.record(connection, [Change("push", "demo", "sha256:1")])
            raise KeyError

        with pytest.raises(KeyError):
            await bench.database.write(fail)
        assert await bench.rows() == []
        bench.database.close()

    asyncio.run(main())


def test_an_error_does_not_hold_the_secret_in_the_url(data: Path) -> None:
    async def main() -> None:
        bench = Bench(data, ValueError("https://example.com/hunter2"))
        await bench.push()
        await bench.webhooks.send_due()
        (row,) = await bench.rows()
        assert row[2] == "no answer: ValueError"
        bench.database.close()

    asyncio.run(main())


def test_the_signature_is_over_time_and_body() -> None:
    assert signature("key", b"body", 1) != signature("key", b"body", 2)
    assert signature("key", b"body", 1) != signature("other", b"body", 1)
    mac = hmac.new(b"key", b"1.body", hashlib.sha256).hexdigest()
    assert signature("key", b"body", 1) == f"t=1,v1={mac}"
