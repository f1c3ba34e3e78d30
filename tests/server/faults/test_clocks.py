"""The clock steps, far and in both directions, while clients push and pull and the registry cleans up."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from registry.server.config import AccessConfig, CollectionConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server

YEAR = 365 * 24 * 3600.0
STEPS = [3600.0, -3600.0, YEAR, 0.0, -YEAR, 10 * YEAR, -30 * YEAR, 0.5, 60.0]
SECONDS = 3.0


class Clock:
    """The time of day, moved by ``offset`` seconds."""

    def __init__(self, real: Any) -> None:
        self.real, self.offset = real, 0.0

    def __call__(self) -> float:
        return max(1.0, self.real() + self.offset)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(time.time)
    monkeypatch.setattr(time, "time", clock)
    return clock


@contextmanager
def stepping(clock: Clock) -> Iterator[None]:
    """Step every 50 ms, until the end of the block."""
    ended = threading.Event()

    def step() -> None:
        for offset in itertools.cycle(STEPS):
            if ended.wait(0.05):
                break
            clock.offset = offset

    thread = threading.Thread(target=step)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        clock.offset = 0.0


def test_images_that_are_pushed_stay(data: Path, tools: Any, clock: Clock) -> None:
    """With a collection every 50 ms, too.

    What may happen is that a blob, which nothing needs yet, is gone before its manifest comes, when the
    clock stepped forward in between: then the push is refused, and goes well when it is tried again.
    """
    collection = CollectionConfig(grace=2.0, interval=0.05, untagged_after=1000 * YEAR, scrub_interval=0.0)
    pushed: dict[str, bytes] = {}
    with running_server(data, ServerConfig(data, collection=collection)) as address, requests.Session() as session:
        api, number = tools.Api(address, session), 0
        with stepping(clock):
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                number += 1
                layer = b"layer %d" % number
                while not push(api, tools, f"v{number}", layer):
                    assert time.monotonic() < until + 10
                pushed[f"v{number}"] = layer
                check(api, tools, f"v{(number + 1) // 2}", pushed[f"v{(number + 1) // 2}"])
        for tag, layer in pushed.items():
            check(api, tools, tag, layer)
        found = api.call("GET", "/v2/demo/hello/_oci/tag-history/v1").json()["history"]
        assert [entry["digest"] for entry in found] == [tools.sha256(image(tools, b"layer 1"))]
    assert number > 10


def image(tools: Any, layer: bytes) -> bytes:
    return tools.manifest(config=tools.descriptor(layer), layers=[tools.descriptor(layer)])


def push(api: Any, tools: Any, tag: str, layer: bytes) -> bool:
    location = api.begin()
    assert api.call("PATCH", location, data=layer[:3]).status_code == 202
    assert api.call("PUT", f"{location}?digest={tools.sha256(layer)}", data=layer[3:]).status_code == 201
    answer = api.put_manifest(tag, image(tools, layer))
    assert answer.status_code in (201, 404), answer.text
    return answer.status_code == 201


def check(api: Any, tools: Any, tag: str, layer: bytes) -> None:
    assert api.get_manifest(tag).content == image(tools, layer)
    assert api.get_blob(tools.sha256(layer)).content == layer


def test_tokens_are_refused_or_taken_but_nothing_fails(data: Path, tools: Any, clock: Clock, tmp_path: Path) -> None:
    """A token of another time is no token: its client logs in again."""
    (tmp_path / "htpasswd").write_text(f"ada:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    access = AccessConfig(htpasswd=tmp_path / "htpasswd", rules=(RuleConfig("**", "user:ada", ("admin",)),))
    statuses = set()
    with running_server(data, ServerConfig(data, access=access)) as address, requests.Session() as session:
        session.trust_env = False
        url = f"http://{address}/auth/token"
        with stepping(clock):
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                token = session.get(url, auth=("ada", "secret"), timeout=10).json()["token"]
                answer = session.get(f"http://{address}/v2/", headers={"Authorization": f"Bearer {token}"}, timeout=10)
                statuses.add(answer.status_code)
        assert statuses <= {200, 401}
        assert 200 in statuses
        token = session.get(url, auth=("ada", "secret"), timeout=10).json()["token"]
        answer = session.get(f"http://{address}/v2/", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        assert answer.status_code == 200


def test_an_upload_goes_on_in_another_time(data: Path, tools: Any, clock: Clock) -> None:
    """With a lifetime that the steps are far beyond."""
    with running_server(data, ServerConfig(data, upload_lifetime=60.0)) as address, requests.Session() as session:
        api = tools.Api(address, session)
        location = api.begin()
        for offset in STEPS:
            clock.offset = offset
            assert api.call("PATCH", location, data=b"part").status_code == 202
        content = b"part" * len(STEPS)
        assert api.call("PUT", f"{location}?digest={tools.sha256(content)}").status_code == 201
        assert api.get_blob(tools.sha256(content)).content == content
