import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import InvalidConfiguration
from registry.server.config import ServerConfig
from registry.server.metadata.quotas import Quota, find_quotas, room, set_quota
from registry.server.refusal import Refusal
from registry.server.testing import running_server


@contextmanager
def limited(data: Path, opened: Any, tools: Any, database: str | None = None, **limits: int) -> Iterator[Any]:
    """A server whose repository ``team/app`` and others have quotas."""
    registry = opened(database)
    for name, limit in limits.items():
        namespace = "" if name == "everything" else name.replace("__", "/")
        registry.write(lambda connection, namespace=namespace, limit=limit: set_quota(connection, namespace, limit))
    with running_server(data, ServerConfig(data, database=database)) as address, requests.Session() as session:
        yield tools.Api(address, session)


def refused(answer: Any, tools: Any) -> str:
    assert (answer.status_code, tools.codes(answer)) == (403, ["DENIED"])
    message: str = answer.json()["errors"][0]["message"]
    assert message.startswith("the quota of ")
    return message


def test_bytes_are_refused_before_they_are_sent(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=1000) as api:
        assert api.push_blob(bytes(900), "team/app")
        connection = http.client.HTTPConnection(api.address, timeout=10)
        connection.putrequest("POST", f"/v2/team/app/blobs/uploads/?digest=sha256:{'0' * 64}")
        connection.putheader("Content-Length", "101")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 403
        assert b"the quota of team is exceeded: 1001 of 1000 bytes would be used" in answer.read()
        connection.close()
        location = api.begin("team/app")
        refused(api.call("PATCH", location, data=bytes(101)), tools)
        refused(api.call("PUT", f"{location}?digest={tools.sha256(bytes(101))}", data=bytes(101)), tools)
        assert api.call("PUT", f"{location}?digest={tools.sha256(bytes(100))}", data=bytes(100)).status_code == 201
        assert api.push_blob(bytes(5000), "other")
    assert {path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file()} == {900, 100, 5000}


def test_bytes_are_refused_when_they_cross_the_bound(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=1000) as api:
        location = api.begin("team/app")
        assert api.call("PATCH", location, data=iter([bytes(600)])).status_code == 202
        refused(api.call("PATCH", location, data=iter([bytes(300), bytes(300)])), tools)
        status = api.call("GET", location)
        assert status.headers["Range"] == "0-599"
        assert api.call("PATCH", location, data=iter([bytes(400)])).status_code == 202
        assert api.call("PUT", f"{location}?digest={tools.sha256(bytes(1000))}").status_code == 201


def test_a_server_that_counts_while_it_is_sent(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=100) as api:
        host, _, port = api.address.rpartition(":")
        location = api.begin("team/app")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            head = f"PATCH {location} HTTP/1.1\r\nHost: {api.address}\r\nTransfer-Encoding: chunked\r\n\r\n"
            raw.sendall(head.encode() + b"65\r\n" + bytes(101) + b"\r\n")
            assert raw.recv(12) == b"HTTP/1.1 403"  # although the body has not ended


def test_mounts_and_manifests_count_too(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=1000, small=20) as api:
        digest = api.push_blob(bytes(1001), "source")
        refused(api.call("POST", f"/v2/team/app/blobs/uploads/?mount={digest}&from=source"), tools)
        assert api.get_blob(digest, "team/app").status_code == 404
        body = api.image("small")
        refused(api.put_manifest("latest", body, "small"), tools)
        assert api.get_manifest("latest", "small").status_code == 404
        chunked = api.call(
            "PUT",
            "/v2/small/manifests/latest",
            data=iter([body]),
            headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        )
        assert refused(chunked, tools).endswith(f"{len(body) + 7} of 20 bytes would be used")


def test_what_is_there_already_costs_nothing(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=7000) as api:
        digest = api.push_image("latest", "team/app")
        assert api.push_image("again", "team/app") == digest
        assert api.call("POST", f"/v2/team/app/blobs/uploads/?mount={tools.sha256(b'layer')}").status_code == 201


def test_deleting_makes_room(data: Path, opened: Any, tools: Any) -> None:
    with limited(data, opened, tools, team=1000) as api:
        digest = api.push_blob(bytes(800), "team/app")
        refused(api.call("POST", "/v2/team/app/blobs/uploads/", params={"digest": digest}, data=bytes(300)), tools)
        assert api.call("DELETE", f"/v2/team/app/blobs/{digest}").status_code == 202
        assert api.push_blob(bytes(900), "team/app")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_uploads_that_race_only_as_many_as_fit_are_kept(
    data: Path, opened: Any, tools: Any, kind: str, request: pytest.FixtureRequest
) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    with limited(data, opened, tools, url, everything=1000) as api:
        locations = [api.begin(f"team/r{number}") for number in range(8)]
        contents = [bytes([number]) * 400 for number in range(8)]
        for location, content in zip(locations, contents, strict=True):
            assert api.call("PATCH", location, data=content).status_code == 202

        def finish(number: int) -> int:
            digest = tools.sha256(contents[number])
            with requests.Session() as session:
                answer = tools.Api(api.address, session).call("PUT", f"{locations[number]}?digest={digest}")
            return int(answer.status_code)

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(finish, range(8)))
    assert statuses == [201, 201, *[403] * 6]


def test_a_race_is_decided_when_rows_are_written(registry: Any) -> None:
    registry.write(lambda connection: set_quota(connection, "team", 10))
    registry.blob(b"12345678", "team/one")
    with pytest.raises(Refusal, match="16 of 10 bytes"):
        registry.blob(b"87654321", "team/two")
    assert registry.collect(orphans=True)[0].orphans == 1
    registry.blob(b"87654321", "elsewhere")


def test_which_repositories_a_namespace_covers(registry: Any) -> None:
    for name, size in {"team": 1, "team/app": 2, "team/app/deep": 4, "team-two": 8, "team0": 16, "tea": 32}.items():
        registry.blob(bytes(size), name)
    for name in ("", "team", "team/app/", "other"):
        registry.write(lambda connection, name=name: set_quota(connection, name, 100))
    assert registry.read(find_quotas) == [
        Quota("", 100, 63), Quota("other", 100, 0), Quota("team", 100, 7), Quota("team/app", 100, 6),
    ]  # fmt: skip
    tightest = {name: registry.read(lambda connection, name=name: room(connection, name)) for name in ("team", "tea")}
    assert tightest == {"team": Quota("", 100, 63), "tea": Quota("", 100, 63)}
    registry.write(lambda connection: set_quota(connection, "", None))
    assert registry.read(lambda connection: room(connection, "team/app/deep/er")) == Quota("team", 100, 7)
    for name in ("tea", "team_two", "team-two", "tea/m"):
        assert registry.read(lambda connection, name=name: room(connection, name)) is None
    registry.write(lambda connection: set_quota(connection, "team", 5))
    assert registry.read(lambda connection: room(connection, "team/x")).room == -2


@pytest.mark.parametrize(("namespace", "limit"), [("Team", 1), ("a//b", 1), ("../x", 1), ("/", 1), ("team", -1)])
def test_malformed_quotas(opened: Any, namespace: str, limit: int) -> None:
    registry = opened()
    with pytest.raises(InvalidConfiguration):
        registry.write(lambda connection: set_quota(connection, namespace, limit))
