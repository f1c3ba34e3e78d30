"""What was answered before is answered again, and never when it is no longer so."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from registry.server import fast
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import SYSTEM
from registry.server.config import AccessConfig, CollectionConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.metadata import manifests as rows
from registry.server.metadata.tags import remove_tag
from registry.server.schema import manifests
from registry.server.testing import running_server
from tests.server.elsewhere import change

PATHS = ("/v2/demo/hello/manifests/latest", "/v2/demo/hello/tags/list", "/v2/demo/hello/referrers/{digest}")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The look-ups of manifests that are made."""
    made: list[str] = []
    real = rows._BY_TAG.first

    def first(connection: Any, **values: Any) -> Any:
        made.append(str(values["reference"]))
        return real(connection, **values)

    monkeypatch.setattr(rows._BY_TAG, "first", first)
    return made


def test_the_same_question_is_looked_up_once(api: Any, looks: list[str]) -> None:
    digest = api.push_image("latest")
    answers = [api.get_manifest("latest") for _ in range(5)]
    assert looks == ["latest"]
    assert len({(answer.content, answer.headers["Docker-Content-Digest"]) for answer in answers}) == 1
    assert answers[0].headers["Docker-Content-Digest"] == digest
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 5
    head = [api.call("HEAD", PATHS[0]) for _ in range(3)]
    assert looks == ["latest"] * 2
    assert {answer.headers["Content-Length"] for answer in head} == {str(len(answers[0].content))}


def test_queries_are_not_mixed_up(api: Any) -> None:
    for name in ("a", "b", "c"):
        api.push_image(name)
    for _ in range(2):
        assert api.call("GET", "/v2/demo/hello/tags/list?n=1").json()["tags"] == ["a"]
        assert api.call("GET", "/v2/demo/hello/tags/list?n=1&last=a").json()["tags"] == ["b"]
        assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == ["a", "b", "c"]


def test_whatever_changes_here_is_seen_at_once(api: Any, tools: Any) -> None:
    first = api.push_image("latest")
    paths = [path.format(digest=first) for path in PATHS]
    for _ in range(2):
        before = [api.call("GET", path) for path in paths]
    signature = tools.manifest(
        subject=tools.descriptor(before[0].content, "application/vnd.oci.image.manifest.v1+json")
    )
    assert api.put_manifest(tools.sha256(signature), signature).status_code == 201
    second = api.push_image("latest", annotations={"version": "2"})
    api.push_image("other")
    after = [api.call("GET", path) for path in paths]
    assert after[0].headers["Docker-Content-Digest"] == second
    assert after[1].json()["tags"] == ["latest", "other"]
    assert [entry["digest"] for entry in after[2].json()["manifests"]] == [tools.sha256(signature)]


def test_whatever_another_process_changes_is_seen_at_once(api: Any, data: Path) -> None:
    api.push_image("latest")
    for _ in range(2):
        assert api.get_manifest("latest").status_code == 200
    permit = Permit(OpenGate(), SYSTEM)
    assert change(data, lambda connection: remove_tag(connection, permit, "demo/hello", "latest"))
    assert api.get_manifest("latest").status_code == 404
    assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == []


def for_everyone(data: Path, folder: Path, repositories: str) -> ServerConfig:
    """Users are set up, and whoever comes may pull and push."""
    users = folder / "users"
    users.write_text("ada:$2b$04$QZWm6pZDlF4pLJXP4bDw9O0x5v0Wk1kW1lq5Y0gS6XkZr9TzZ3m3K\n")
    rules = (RuleConfig(repositories, "everyone", ("pull", "push")),)
    return ServerConfig(data, access=AccessConfig(htpasswd=users, rules=rules))


def test_who_may_have_it_is_asked_each_time(data: Path, tmp_path: Path, tools: Any) -> None:
    with running_server(data, for_everyone(data, tmp_path, "demo/*")) as address, requests.Session() as session:
        api = tools.Api(address, session)
        token = api.call("GET", "/auth/token?scope=repository:demo/hello:pull,push").json()["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        api.push_image("latest")
        for _ in range(3):
            assert api.get_manifest("latest").status_code == 200
        del session.headers["Authorization"]
        token = api.call("GET", "/auth/token?scope=repository:demo/other:pull").json()["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        assert api.get_manifest("latest").status_code == 401


def test_what_prolongs_a_lease_is_asked_again(data: Path, tools: Any) -> None:
    config = ServerConfig(data, collection=CollectionConfig(grace=100.0, interval=0))

    def due(connection: Any) -> float:
        return float(connection.execute(select(manifests.c.due)).scalar_one())

    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_image("latest")
        for _ in range(2):
            assert api.get_manifest(digest).status_code == 200
        soon = time.time() + 10
        change(data, lambda connection: connection.execute(update(manifests).values(due=soon)))
        assert api.get_manifest(digest).status_code == 200
        assert change(data, due) > time.time() + 90


def test_what_is_kept_is_bounded(api: Any, monkeypatch: pytest.MonkeyPatch, looks: list[str]) -> None:
    monkeypatch.setattr(fast, "_MAX_KEPT", 3)
    api.push_image("latest")
    for number in range(10):
        assert api.call("GET", f"{PATHS[0]}?number={number}").status_code == 200
    assert api.call("GET", f"{PATHS[0]}?number=9").status_code == 200
    assert looks == ["latest"] * 10
    monkeypatch.setattr(fast, "_MAX_BODY", 2000)
    for _ in range(2):
        assert api.call("GET", f"{PATHS[0]}?{'x' * 2000}").status_code == 200
    assert looks == ["latest"] * 12
    monkeypatch.setattr(fast, "_MAX_BODY", 10)
    for _ in range(3):
        assert api.call("GET", f"{PATHS[0]}?large").status_code == 200
    assert looks == ["latest"] * 15


@pytest.mark.parametrize("repository", ["demo/manifests/app", "demo/tags/list", "demo/referrers/app"])
def test_a_repository_that_is_called_as_what_is_kept(data: Path, tmp_path: Path, tools: Any, repository: str) -> None:
    """Of a history, not everybody who may pull is told the same."""
    with running_server(data, for_everyone(data, tmp_path, "demo/**")) as address, requests.Session() as session:
        api = tools.Api(address, session)

        def log_in(actions: str) -> None:
            session.headers.pop("Authorization", None)
            token = api.call("GET", f"/auth/token?scope=repository:{repository}:{actions}").json()["token"]
            session.headers["Authorization"] = f"Bearer {token}"

        log_in("pull,push")
        api.push_image("latest", repository)
        path = f"/v2/{repository}/_oci/tag-history/latest"
        assert [entry["actor"] for entry in api.call("GET", path).json()["history"]] == ["anonymous"]
        log_in("pull")
        assert ["actor" in entry for entry in api.call("GET", path).json()["history"]] == [False]
