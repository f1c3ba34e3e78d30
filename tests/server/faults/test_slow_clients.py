"""Clients that stand still, drip, or go away: each is cut off, and costs the others nothing."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server import embedded
from registry.server.config import ServerConfig, TlsConfig
from registry.server.testing import running_server
from tests.server.faults.serving import Served, answers, connect, drain, serving, until
from tests.server.faults.test_ending import certify

LARGE = os.urandom(1024**2) * 50
DIGEST = f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
BLOB = f"/v2/demo/hello/blobs/{DIGEST}"
READERS = 200
MEGABYTES = 1024**2


class Site:
    """A server of patience 1 s with one large blob, plain or over TLS."""

    def __init__(self, served: Served, session: requests.Session, *, tls: bool) -> None:
        self.served, self.session, self.tls = served, session, tls

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        scheme = "https" if self.tls else "http"
        return self.session.request(method, f"{scheme}://{self.served.address}{path}", timeout=30, **options)

    def stalled(self, extra: str = "") -> socket.socket:
        """A client that asks for the blob, and reads nothing of it."""
        client = connect(self.served.place, tls=self.tls, window=4096)
        client.sendall(f"GET {BLOB} HTTP/1.1\r\nHost: {self.served.address}\r\n{extra}\r\n".encode())
        return client

    def being_sent(self) -> int:
        return len(self.served.files("/blobs/"))


@pytest.fixture(params=["plain", "tls"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    tls = request.param == "tls"
    settings = 'patience = "1s"\n'
    if tls:
        certify(tmp_path, "server")
        settings += f'[tls]\ncertificate = "{tmp_path}/server.pem"\nkey = "{tmp_path}/server.key"\n'
    with serving(tmp_path, settings) as served, requests.Session() as session:
        session.trust_env, session.verify = False, str(tmp_path / "server.pem") if tls else True
        site = Site(served, session, tls=tls)
        assert site.call("POST", f"/v2/demo/hello/blobs/uploads/?digest={DIGEST}", data=LARGE).status_code == 201
        yield site


@pytest.mark.parametrize("extra", ["", f"Range: bytes=1-{len(LARGE) - 2}\r\n"], ids=["whole", "range"])
def test_a_reader_that_stands_still_leaves_nothing_behind(site: Site, extra: str) -> None:
    before = len(site.served.files())
    with site.stalled(extra) as client:
        until(lambda: site.being_sent() == 1)
        until(lambda: site.being_sent() == 0, 10)
        until(lambda: len(site.served.files()) <= before)
        assert len(drain(client)) < len(LARGE) // 2
    assert site.call("GET", BLOB).content == LARGE


def test_many_readers_that_stand_still_are_nobodys_trouble(site: Site) -> None:
    before, memory = len(site.served.files()), site.served.memory()
    with ExitStack() as clients:
        for _ in range(READERS):
            clients.enter_context(site.stalled())
        for _ in range(5):
            began = time.monotonic()
            assert site.call("GET", "/v2/").status_code == 200
            assert time.monotonic() - began < 5
        assert site.call("GET", BLOB).content == LARGE
        until(lambda: site.being_sent() == 0, 20)
        until(lambda: len(site.served.files()) <= before)
    assert site.served.peak_memory() - memory < 250 * MEGABYTES


def test_readers_that_go_away_leave_nothing_behind(site: Site) -> None:
    before = len(site.served.files())
    for _ in range(30):
        site.stalled().close()
    until(lambda: site.being_sent() == 0)
    until(lambda: len(site.served.files()) <= before)


def test_a_slow_reader_gets_everything(site: Site) -> None:
    """Whoever reads now and then, as much as has come, is not cut off."""
    with connect(site.served.place, tls=site.tls) as client:
        request = f"GET {BLOB} HTTP/1.1\r\nHost: {site.served.address}\r\nConnection: close\r\n\r\n"
        client.sendall(request.encode())
        found = bytearray()
        for _ in range(6):
            time.sleep(0.25)
            enough = len(found) + 4 * MEGABYTES
            while len(found) < enough:
                data = client.recv(2 * MEGABYTES)
                assert data
                found += data
        found += drain(client)
    assert answers(bytes(found))[0].body == LARGE


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("impatient"), 'patience = "0.5s"\n') as served:
        yield served


def head(served: Served, method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {served.address}", *lines, "", ""]).encode()


WRITES = [
    ("POST", f"/v2/demo/blobs/uploads/?digest={DIGEST}", "Content-Length: 100"),
    ("POST", f"/v2/demo/blobs/uploads/?digest={DIGEST}", "Transfer-Encoding: chunked"),
    ("PUT", "/v2/demo/manifests/latest", "Content-Length: 100"),
]


@pytest.mark.parametrize(("method", "path", "length"), WRITES)
@pytest.mark.parametrize("sent", [b"", b"5\r\nab"])
def test_a_writer_that_stands_still_is_told_and_cut_off(
    impatient: Served, method: str, path: str, length: str, sent: bytes, tools: Any
) -> None:
    with connect(impatient.place) as client:
        client.sendall(head(impatient, method, path, length) + sent)
        (answer,) = answers(drain(client))
    assert (answer.status, answer.header("connection")) == (408, "close")
    assert b'"errors"' in answer.body
    until(lambda: impatient.files("/uploads/") == [])


@pytest.mark.parametrize(("method", "path", "length"), WRITES[::2])
def test_a_body_that_drips_is_cut_off(impatient: Served, method: str, path: str, length: str) -> None:
    """A byte now and then keeps no connection for ever."""
    with connect(impatient.place) as client:
        client.sendall(head(impatient, method, path, "Content-Length: 1000000"))
        assert drip(client, b"x" * 1000) < 200
        (answer,) = answers(drain(client))
        assert (answer.status, b"too slowly" in answer.body) == (408, True)


def drip(client: socket.socket, data: bytes) -> int:
    """Send a byte every 50 ms, until there is an answer, or an end: how many were sent."""
    client.settimeout(0.05)
    for count in range(len(data)):
        try:
            client.sendall(data[count : count + 1])
            client.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        except ConnectionError:
            pass
        client.settimeout(20)
        return count
    return len(data)


def test_a_slow_writer_finishes(impatient: Served) -> None:
    """2 KB in each of a few pauses shorter than the patience."""
    body = b"y" * 12_000
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    with connect(impatient.place) as client:
        path = f"/v2/demo/blobs/uploads/?digest={digest}"
        client.sendall(head(impatient, "POST", path, f"Content-Length: {len(body)}", "Connection: close"))
        for start in range(0, len(body), 2000):
            time.sleep(0.2)
            client.sendall(body[start : start + 2000])
        assert answers(drain(client))[0].status == 201


def test_a_head_that_drips_is_cut_off(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_IDLE_MILLISECONDS", 500)
    with running_server(data) as address:
        host, _, port = address.rpartition(":")
        with connect((host, int(port))) as client:
            assert drip(client, b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 1000) < 60


def test_a_handshake_that_never_ends_is_cut_off(data: Path, tmp_path: Path) -> None:
    """After 10 s, which is Granian's to say."""
    certify(tmp_path, "server")
    config = ServerConfig(data, tls=TlsConfig(tmp_path / "server.pem", tmp_path / "server.key"))
    with running_server(data, config) as address, ExitStack() as stack:
        host, _, port = address.rpartition(":")
        clients = [stack.enter_context(connect((host, int(port)))) for _ in range(2)]
        clients[1].sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        for client in clients:
            drain(client)


def test_many_writers_that_stand_still_hold_little_memory(tmp_path: Path) -> None:
    """What has come of a body is written, and not held, when there are many."""
    with serving(tmp_path) as served, requests.Session() as session, ExitStack() as clients:
        memory = served.memory()
        for _ in range(300):
            location = session.post(f"http://{served.address}/v2/demo/blobs/uploads/", timeout=10).headers["Location"]
            client = clients.enter_context(connect(served.place))
            client.sendall(head(served, "PATCH", location, "Content-Length: 4000000") + bytes(1_000_000))
        assert session.get(f"http://{served.address}/v2/", timeout=10).status_code == 200
        assert served.peak_memory() - memory < 250 * MEGABYTES


def test_a_blob_that_is_deleted_while_it_is_sent_arrives(data: Path, tools: Any) -> None:
    with running_server(data) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_blob(LARGE)
        answer = api.get_blob(digest, stream=True)
        first = next(answer.iter_content(MEGABYTES))
        assert session.delete(f"http://{address}/v2/demo/hello/blobs/{digest}", timeout=10).status_code == 202
        for path in data.glob("blobs/sha256/*/*"):
            path.unlink()
        assert first + b"".join(answer.iter_content(MEGABYTES)) == LARGE
        assert api.get_blob(digest).status_code == 404


@pytest.mark.parametrize("extra", ["", f"Range: bytes=1-{len(LARGE) - 1}\r\n"], ids=["whole", "range"])
def test_a_file_that_becomes_shorter_while_it_is_sent_ends_the_connection(data: Path, tools: Any, extra: str) -> None:
    """The client sees that bytes are missing, and does not wait for them."""
    with running_server(data) as address, requests.Session() as session:
        api = tools.Api(address, session)
        api.push_blob(LARGE)
        host, _, port = address.rpartition(":")
        with connect((host, int(port)), window=4096) as client:
            client.sendall(f"GET {BLOB} HTTP/1.1\r\nHost: {address}\r\n{extra}\r\n".encode())
            assert client.recv(9) == b"HTTP/1.1 "
            (path,) = data.glob("blobs/sha256/*/*")
            os.truncate(path, 1000)
            found: list[bytes] = []
            reading = threading.Thread(target=lambda: found.append(drain(client)))
            reading.start()
            reading.join(10)
            assert not reading.is_alive()
        assert len(found[0]) < len(LARGE)
        # From now on it is said to be missing, so that the next push mends it.
        assert api.get_blob(DIGEST).status_code == 404
        api.push_blob(LARGE)
        assert api.get_blob(DIGEST).content == LARGE
