"""Sixteen clients at once that push the same: one digest, one tag, one upload. What is there in the end is whole."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server.config import CollectionConfig, ServerConfig
from registry.server.testing import running_server

CLIENTS = 16
CONTENT = bytes(range(256)) * 2000
ROUNDS = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, data: Path) -> Any:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    collection = CollectionConfig(grace=60.0, interval=0.1)
    with running_server(data, ServerConfig(data, database=url, collection=collection)) as address:
        yield address


def everybody(tools: Any, address: str, work: Callable[[Any, int], Any]) -> list[Any]:
    """What ``work`` returns for each client; all begin at once."""
    together = threading.Barrier(CLIENTS)

    def one(number: int) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            api = tools.Api(address, session)
            api.call("GET", "/v2/")
            together.wait(30)
            return work(api, number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def test_one_digest_in_every_way_there_is(address: str, data: Path, tools: Any) -> None:
    digest = tools.sha256(CONTENT)

    def push(api: Any, number: int) -> set[int]:
        found, repository = set(), f"team/r{number % 3}"
        for turn in range(ROUNDS):
            way = (number + turn) % 3
            if way == 0:
                answer = api.call("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data=CONTENT)
            elif way == 1:
                location = api.begin(repository)
                assert api.call("PATCH", location, data=CONTENT[:100_000]).status_code == 202
                answer = api.call("PUT", f"{location}?digest={digest}", data=CONTENT[100_000:])
            else:
                answer = api.call("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from=team/r0")
                if answer.status_code == 202:
                    answer = api.call("PUT", f"{answer.headers['Location']}?digest={digest}", data=CONTENT)
            found.add(answer.status_code)
            assert api.get_blob(digest, repository).content == CONTENT
        return found

    assert everybody(tools, address, push) == [{201}] * CLIENTS
    assert [path.name for path in data.glob("blobs/*/*/*")] == [digest[7:]]
    assert list((data / "uploads").iterdir()) == []


def test_one_tag(address: str, tools: Any) -> None:
    """It means one of what was pushed, at every moment, and its history tells of each move in order."""
    with requests.Session() as session:
        tools.Api(address, session).image()

    def push(api: Any, number: int) -> list[str]:
        pushed = []
        for turn in range(ROUNDS):
            body = tools.manifest(annotations={"by": f"{number} {turn}"})
            assert api.put_manifest("latest", body).status_code == 201
            pushed.append(tools.sha256(body))
            found = api.get_manifest("latest")
            assert tools.sha256(found.content) == found.headers["Docker-Content-Digest"]
        return pushed

    pushed = everybody(tools, address, push)
    with requests.Session() as session:
        api = tools.Api(address, session)
        last = api.get_manifest("latest").headers["Docker-Content-Digest"]
        history = api.call("GET", "/v2/demo/hello/_oci/tag-history/latest?n=1000").json()["history"]
        assert history[0]["digest"] == last
        assert last in {digests[-1] for digests in pushed}
        digests = [entry["digest"] for entry in reversed(history)]
        assert sorted(digests) == sorted(digest for each in pushed for digest in each)
        for each in pushed:
            assert [digest for digest in digests if digest in each] == each
        for digest in digests:
            assert api.get_manifest(digest).status_code == 200


def test_a_tag_that_some_move_and_others_delete(address: str, tools: Any) -> None:
    with requests.Session() as session:
        body = tools.Api(address, session).image()

    def work(api: Any, number: int) -> set[int]:
        found = set()
        for turn in range(ROUNDS):
            if number % 2:
                found.add(api.put_manifest("moving", body).status_code)
            else:
                target = "moving" if turn % 2 else tools.sha256(body)
                found.add(api.call("DELETE", f"/v2/demo/hello/manifests/{target}").status_code)
        return found

    assert set.union(*everybody(tools, address, work)) <= {201, 202, 404}
    with requests.Session() as session:
        api = tools.Api(address, session)
        assert api.put_manifest("moving", body).status_code == 201
        assert api.get_manifest("moving").content == body
        assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == ["moving"]


def test_one_upload_has_one_writer(address: str, data: Path, tools: Any) -> None:
    """Whoever comes while another writes is told so; the bytes of two are never mixed."""
    with requests.Session() as session:
        location = tools.Api(address, session).begin()

    def write(api: Any, number: int) -> bool:
        answer = api.call("PATCH", location, data=bytes([number]) * 50_000)
        assert answer.status_code in (202, 409), answer.text
        return answer.status_code == 202

    taken = [number for number, wrote in enumerate(everybody(tools, address, write)) if wrote]
    assert taken
    with requests.Session() as session:
        api = tools.Api(address, session)
        size = int(api.call("GET", location).headers["Range"].partition("-")[2]) + 1
        assert size == 50_000 * len(taken)
        content = (data / "uploads" / location.rpartition("/")[2]).read_bytes()
        assert sorted({content[start : start + 50_000] for start in range(0, size, 50_000)}) == [
            bytes([number]) * 50_000 for number in taken
        ]
        answer = api.call("PUT", f"{location}?digest={tools.sha256(content)}")
        assert answer.status_code == 201
