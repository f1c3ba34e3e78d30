import asyncio
import hashlib
import http.client
import os
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, insert, select, update

from registry.digest import Digest
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import ANONYMOUS, Action, Principal
from registry.server.config import ServerConfig
from registry.server.database import sqlite as database
from registry.server.metadata.blobs import MOST_SOURCES, find_readable, link_blob
from registry.server.metadata.uploads import add_upload
from registry.server.schema import repositories, repository_blobs, uploads
from registry.server.services import open_services
from registry.server.testing import running_server
from tests.server.elsewhere import change
from tests.server.faults.serving import drain

CONTENT = bytes(range(256)) * 4096  # 1 MiB


def test_put_with_everything(api: Any, tools: Any) -> None:
    location = api.begin()
    assert "?" not in location
    assert location.startswith("/v2/demo/hello/blobs/uploads/")
    digest = tools.sha256(CONTENT)
    answer = api.call("PUT", f"{location}?digest={digest}", data=CONTENT)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v2/demo/hello/blobs/{digest}"
    assert answer.headers["Docker-Content-Digest"] == digest
    assert api.get_blob(digest).content == CONTENT
    assert api.call("GET", location).status_code == 404


def test_chunks_in_order(api: Any, tools: Any) -> None:
    location = api.begin()
    for start in (0, 300_000, 600_000):
        chunk = CONTENT[start : start + 300_000]
        headers = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
        answer = api.call("PATCH", location, data=chunk, headers=headers)
        assert answer.status_code == 202
        assert answer.headers["Range"] == f"0-{start + len(chunk) - 1}"
        location = answer.headers["Location"]
    last = CONTENT[900_000:]
    digest = tools.sha256(CONTENT)
    headers = {"Content-Range": f"900000-{len(CONTENT) - 1}"}
    assert api.call("PUT", f"{location}?digest={digest}", data=last, headers=headers).status_code == 201
    assert api.get_blob(digest).content == CONTENT


def test_a_stream_of_unknown_length(api: Any, tools: Any) -> None:
    location = api.begin()
    answer = api.call("PATCH", location, data=iter([CONTENT[:7], CONTENT[7:]]))
    assert answer.status_code == 202
    digest = tools.sha256(CONTENT)
    assert api.call("PUT", f"{location}?digest={digest}").status_code == 201
    assert api.get_blob(digest).content == CONTENT


def test_out_of_order_is_refused_and_can_be_resumed(api: Any, tools: Any) -> None:
    location = api.begin()
    early = api.call("PATCH", location, data=b"later", headers={"Content-Range": "5-9"})
    assert early.status_code == 416
    tools.codes(early)
    status = api.call("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-0")
    assert api.call("PATCH", location, data=b"first", headers={"Content-Range": "0-4"}).status_code == 202
    again = api.call("PATCH", location, data=b"first", headers={"Content-Range": "0-4"})
    assert (again.status_code, again.headers["Range"], again.headers["Location"]) == (416, "0-4", location)
    digest = tools.sha256(b"firstlater")
    late = api.call("PUT", f"{location}?digest={digest}", data=b"later", headers={"Content-Range": "6-10"})
    assert late.status_code == 416
    done = api.call("PUT", f"{location}?digest={digest}", data=b"later", headers={"Content-Range": "5-9"})
    assert done.status_code == 201
    assert api.get_blob(digest).content == b"firstlater"


@pytest.mark.parametrize("text", ["bytes 0-4", "0-", "4-0", "x"])
def test_a_malformed_content_range(api: Any, tools: Any, text: str) -> None:
    answer = api.call("PATCH", api.begin(), data=b"12345", headers={"Content-Range": text})
    assert answer.status_code == 400
    assert tools.codes(answer) == ["BLOB_UPLOAD_INVALID"]


def test_a_chunk_of_another_length_leaves_nothing(api: Any, tools: Any) -> None:
    location = api.begin()
    announced = api.call("PATCH", location, data=b"12345", headers={"Content-Range": "0-9"})
    assert (announced.status_code, tools.codes(announced)) == (400, ["SIZE_INVALID"])
    streamed = api.call("PATCH", location, data=iter([b"12345"]), headers={"Content-Range": "0-9"})
    assert (streamed.status_code, tools.codes(streamed)) == (400, ["SIZE_INVALID"])
    assert api.call("PATCH", location, data=b"12345", headers={"Content-Range": "0-4"}).status_code == 202


@pytest.mark.parametrize("announce", [True, False])
def test_sha512_announced_or_not(api: Any, announce: bool) -> None:
    query = "?digest-algorithm=sha512" if announce else ""
    location = api.call("POST", f"/v2/demo/hello/blobs/uploads/{query}").headers["Location"]
    assert api.call("PATCH", location, data=CONTENT[:1000]).status_code == 202
    digest = f"sha512:{hashlib.sha512(CONTENT).hexdigest()}"
    assert api.call("PUT", f"{location}?digest={digest}", data=CONTENT[1000:]).status_code == 201
    assert api.get_blob(digest).content == CONTENT


def test_an_unknown_algorithm(api: Any, tools: Any) -> None:
    answer = api.call("POST", "/v2/demo/hello/blobs/uploads/?digest-algorithm=md5")
    assert (answer.status_code, tools.codes(answer)) == (400, ["DIGEST_INVALID"])


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "sha256:short", "md5:" + "0" * 32, "", "../../etc/passwd"])
def test_a_wrong_digest_stores_nothing(api: Any, data: Path, tools: Any, digest: str) -> None:
    at_once = api.call("POST", "/v2/demo/hello/blobs/uploads/", params={"digest": digest}, data=b"content")
    assert (at_once.status_code, tools.codes(at_once)) == (400, ["DIGEST_INVALID"])
    in_two = api.call("PUT", api.begin(), params={"digest": digest}, data=b"content")
    assert (in_two.status_code, tools.codes(in_two)) == (400, ["DIGEST_INVALID"])
    assert not [path for path in (data / "blobs").rglob("*") if path.is_file()]


def test_put_without_a_digest(api: Any, tools: Any) -> None:
    answer = api.call("PUT", api.begin(), data=b"content")
    assert (answer.status_code, tools.codes(answer)) == (400, ["DIGEST_INVALID"])


def test_cancel(api: Any, data: Path, tools: Any) -> None:
    location = api.begin()
    api.call("PATCH", location, data=b"unwanted")
    assert api.call("DELETE", location).status_code == 204
    assert list((data / "uploads").iterdir()) == []
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = api.call(method, location, params={"digest": tools.sha256(b"")})
        assert (answer.status_code, tools.codes(answer)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.parametrize("upload", ["x", "..", "00000000-0000-4000-8000-000000000000", "%2e%2e", "A" * 300])
def test_an_unknown_upload(api: Any, upload: str) -> None:
    answer = api.call("PATCH", f"/v2/demo/hello/blobs/uploads/{upload}", data=b"x")
    assert answer.status_code in {404, 405}


def test_an_upload_belongs_to_its_repository(api: Any, tools: Any) -> None:
    location = api.begin("team/one").replace("team/one", "team/two")
    answer = api.call("PATCH", location, data=b"x")
    assert (answer.status_code, tools.codes(answer)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_mounting(api: Any, tools: Any) -> None:
    digest = api.push_blob(b"shared", "source")
    answer = api.call("POST", f"/v2/target/blobs/uploads/?mount={digest}&from=source")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v2/target/blobs/{digest}"
    assert api.get_blob(digest, "target").content == b"shared"
    assert api.call("POST", f"/v2/third/blobs/uploads/?mount={digest}").status_code == 201
    missing = api.call("POST", f"/v2/fourth/blobs/uploads/?mount={digest}&from=nowhere")
    assert missing.status_code == 202
    assert missing.headers["Location"].startswith("/v2/fourth/blobs/uploads/")
    assert api.get_blob(digest, "fourth").status_code == 404
    bad = api.call("POST", "/v2/fourth/blobs/uploads/?mount=sha256:bad&from=source")
    assert (bad.status_code, tools.codes(bad)) == (400, ["DIGEST_INVALID"])


class Reader(OpenGate):
    """Lets one repository be pulled from, and counts how often it is asked."""

    def __init__(self, repository: str) -> None:
        self.repository, self.asked = repository, 0

    def allowed(self, connection: Any, principal: Principal, repository: str) -> frozenset[Action]:
        self.asked += 1
        return frozenset({Action.PULL} if repository == self.repository else ())


def test_a_mount_from_anywhere_looks_at_so_many_repositories(tmp_path: Path) -> None:
    """What all have, such as the empty config, is had by as many repositories as there are."""
    digest = Digest.of(b"{}")
    names = [f"r{number:04}" for number in range(MOST_SOURCES + 10)]

    def add(connection: Connection) -> None:
        link_blob(connection, "a", digest, 2)
        connection.execute(insert(repositories), [{"name": name, "created": 0.0} for name in names])
        found = connection.execute(select(repositories.c.id).where(repositories.c.name != "a")).scalars()
        connection.execute(
            insert(repository_blobs), [{"repository_id": i, "digest": str(digest), "created": 0} for i in found]
        )

    change(tmp_path, add)

    def mountable(source: str | None, readable: str) -> tuple[bool, int]:
        gate = Reader(readable)
        permit = Permit(gate, ANONYMOUS)
        found = change(tmp_path, lambda connection: find_readable(connection, permit, digest, source))
        return found is not None, gate.asked

    assert mountable(None, "r0010") == (True, 12)
    assert mountable(None, names[-1]) == (False, MOST_SOURCES)
    assert mountable(names[-1], names[-1]) == (True, 1)
    assert mountable("a\0", "a\0") == (False, 0)


def test_a_deleted_blob_cannot_be_mounted(api: Any) -> None:
    digest = api.push_blob(b"withdrawn", "source")
    api.call("DELETE", f"/v2/source/blobs/{digest}")
    assert api.call("POST", f"/v2/target/blobs/uploads/?mount={digest}").status_code == 202


def test_a_broken_connection_keeps_what_arrived(api: Any, tools: Any) -> None:
    location = api.begin()
    host, _, port = api.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        head = f"PATCH {location} HTTP/1.1\r\nHost: {api.address}\r\nContent-Length: 10\r\n\r\n"
        raw.sendall(head.encode() + b"12345")
    answer = wait_for(lambda: api.call("GET", location), lambda found: found.headers.get("Range") == "0-4")
    assert answer.status_code == 204
    headers = {"Content-Range": "5-9"}
    rest = wait_for(lambda: api.call("PATCH", location, data=b"67890", headers=headers), lambda found: found.ok)
    assert rest.headers["Range"] == "0-9"
    assert api.call("PUT", f"{location}?digest={tools.sha256(b'1234567890')}").status_code == 201


def wait_for(ask: Any, good: Any) -> requests.Response:
    for _ in range(200):
        answer: requests.Response = ask()
        if good(answer):
            break
        time.sleep(0.02)
    return answer


def test_two_writers_do_not_mix(api: Any, tools: Any) -> None:
    location = api.begin()
    host, _, port = api.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        head = f"PATCH {location} HTTP/1.1\r\nHost: {api.address}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        raw.sendall(head.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 100 ")  # it has the upload, and waits for the body
        raw.sendall(b"12345")
        busy = api.call("PATCH", location, data=bytes(10), headers={"Content-Range": "90-99"})
        assert busy.status_code == 409
        assert api.call("DELETE", location).status_code == 409
        assert tools.codes(busy) == ["BLOB_UPLOAD_INVALID"]
        raw.sendall(b"67890")
        assert raw.recv(1000).startswith(b"HTTP/1.1 202 ")


def test_many_pushes_of_one_blob_at_once(api: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda number: push_alone(api, f"team/r{number % 4}"), range(32)))
    assert len(set(digests)) == 1
    for number in range(4):
        assert api.get_blob(digests[0], f"team/r{number}").content == CONTENT


def push_alone(api: Any, repository: str) -> str:
    with requests.Session() as session:
        return str(type(api)(api.address, session).push_blob(CONTENT, repository))


def test_too_large_is_refused_before_and_while_it_is_sent(data: Path, tools: Any) -> None:
    config = ServerConfig(data, max_blob=1000)
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        api.push_blob(bytes(1000))
        declared = api.call("PATCH", api.begin(), data=bytes(1001))
        assert (declared.status_code, tools.codes(declared)) == (413, ["SIZE_INVALID"])
        location = api.begin()
        streamed = api.call("PATCH", location, data=iter([bytes(600), bytes(600)]))
        assert (streamed.status_code, tools.codes(streamed)) == (413, ["SIZE_INVALID"])
        assert api.call("PATCH", location, data=bytes(600)).status_code == 202
        assert api.call("PATCH", location, data=bytes(600)).status_code == 413


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_an_early_no_leaves_the_client_able_to_go_on(api: Any, size: int) -> None:
    unknown = "/v2/demo/hello/blobs/uploads/00000000-0000-4000-8000-000000000000"
    for _ in range(3):
        answer = api.call("PATCH", unknown, data=bytes(size))
        assert (answer.status_code, answer.headers.get("Connection")) == (404, "close")
        assert "Connection" not in api.call("GET", "/v2/").headers
        assert "Connection" not in api.call("PATCH", api.begin(), data=bytes(size)).headers


def test_a_client_that_stands_still_is_sent_away(data: Path) -> None:
    config = ServerConfig(data, patience=0.3)
    with running_server(data, config) as address:
        connection = http.client.HTTPConnection(address, timeout=10)
        connection.putrequest("POST", f"/v2/demo/blobs/uploads/?digest=sha256:{'0' * 64}")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"a few")
        assert connection.getresponse().status == 408
        connection.close()
    assert list((data / "uploads").iterdir()) == []


def test_a_reader_that_stands_still_is_cut_off(data: Path, tools: Any) -> None:
    config = ServerConfig(data, patience=0.3)
    content = bytes(32 * 1024 * 1024)
    with running_server(data, config) as address, requests.Session() as session:
        digest = tools.Api(address, session).push_blob(content)
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(f"GET /v2/demo/hello/blobs/{digest} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            time.sleep(1.0)
            seen = len(drain(raw))
        assert seen < len(content)


def test_abandoned_uploads_expire_at_start(data: Path, tools: Any) -> None:
    with running_server(data) as address, requests.Session() as session:
        location = tools.Api(address, session).begin()
    config = ServerConfig(data, upload_lifetime=0.0)
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        assert wait_for(lambda: api.call("GET", location), lambda found: found.status_code == 404).status_code == 404
    assert list((data / "uploads").iterdir()) == []


def test_files_without_a_row_and_rows_without_a_file_expire(data: Path) -> None:
    services = open_services(ServerConfig(data, upload_lifetime=1000.0))
    kept, orphan, old, busy, lost, missing = (str(uuid.uuid4()) for _ in range(6))
    now = time.time()
    for name, age in ((kept, 10), (orphan, 2000), (old, 2000), (busy, 2000)):
        path = data / "uploads" / name
        path.touch()
        os.utime(path, (now - age, now - age))
    for name in (kept, old, busy, lost, missing):
        asyncio.run(
            services.write(lambda connection, name=name: add_upload(connection, name, "demo", "sha256", "local"))
        )
    aged = update(uploads).where(uploads.c.id != missing).values(touched=now - 2000)
    asyncio.run(services.write(lambda connection: connection.execute(aged)))
    spool = services.storage.spools.open(busy, "sha256")
    assert asyncio.run(services.expire_uploads()) == 3
    spool.close()
    assert {path.name for path in (data / "uploads").iterdir()} == {kept, busy}
    rows = asyncio.run(services.read(lambda connection: set(connection.execute(select(uploads.c.id)).scalars())))
    asyncio.run(services.close())
    assert rows == {kept, busy, missing}


def test_a_full_database_is_an_answer_and_leaves_nothing(
    data: Path, tools: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running_server(data) as address, requests.Session() as session:
        body = tools.Api(address, session).image(annotations={"a": "x" * 20_000})
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "max_page_count=1"))
    with running_server(data) as address, requests.Session() as session:
        api = tools.Api(address, session)
        answers = [api.put_manifest("latest", body)]
        while answers[-1].status_code != 507 or len(answers) == 1:
            answers.append(api.call("POST", "/v2/demo/hello/blobs/uploads/"))
        assert [answer.status_code for answer in answers] == [507, *[202] * (len(answers) - 2), 507]
        assert [tools.codes(answer) for answer in (answers[0], answers[-1])] == [["UNKNOWN"]] * 2
        assert api.get_manifest("latest").status_code == 404
        assert len(list((data / "uploads").iterdir())) == len(answers) - 2
    assert {record.getMessage() for record in caplog.records} == {"the registry's disk is full"}


def test_no_thread_stays_behind(data: Path) -> None:
    before = set(threading.enumerate())
    with running_server(data):
        pass
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("registry")]
