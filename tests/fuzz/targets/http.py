"""Any bytes on a socket: a real server answers in HTTP or closes, soon, and goes on to serve others.

No answer is a failure of ours (5xx), and none has anything of our inside in it.
"""

import atexit
import re
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Manifest
from registry.server.config import ServerConfig
from registry.server.testing import running_server
from tests.fuzz.target import Target

_HOST = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_LEAKS = (b"Traceback", b'File "/', b"sqlite3", b"sqlalchemy", b"/registry/server")
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
_SECONDS = 10.0
_END = b"\r\n\r\nEND\r\n\r\n"
_PROBE = b"GET /v2/" + _HOST + b"Connection: close\r\n\r\n"
_STAYS = ExitStack()
atexit.register(_STAYS.close)
DIGEST = str(EMPTY.digest).encode()
DOCUMENT = Manifest(EMPTY, (EMPTY,)).encode()
MANIFEST = b"/v2/demo/hello/manifests/latest"
UPLOADS = b"/v2/demo/hello/blobs/uploads/"


@cache
def place() -> tuple[str, int]:
    """Where a server is, which has an artifact; for as long as this process."""
    folder = Path(_STAYS.enter_context(tempfile.TemporaryDirectory()))
    address = _STAYS.enter_context(running_server(folder, ServerConfig(folder, patience=0.3)))
    host, _, port = address.rpartition(":")
    found = (host, int(port))
    pushed = UPLOADS + b"?digest=" + DIGEST
    for request in (request_of(b"POST " + pushed, body=EMPTY_BYTES), put(DOCUMENT)):
        assert _STATUS.findall(exchange(found, request)) == [b"201"]
    return found


def put(document: bytes) -> bytes:
    """A request that pushes a manifest."""
    return request_of(b"PUT " + MANIFEST, b"Content-Type: " + OCI_MANIFEST.encode(), body=document)


def request_of(first: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    """A request that is well framed, after which the connection closes."""
    head = b"".join(line + b"\r\n" for line in (*lines, b"Connection: close", b"Content-Length: %d" % len(body)))
    return first + _HOST + head + b"\r\n" + body


def exchange(where: tuple[str, int], sent: bytes) -> bytes:
    """All that comes back until the server closes. Raises AssertionError when that takes too long."""
    found, end = bytearray(), time.monotonic() + _SECONDS
    with socket.create_connection(where, timeout=_SECONDS) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):  # it may close at the first byte that it does not like
            connection.sendall(sent)
        try:
            while data := connection.recv(1 << 20):
                found += data
                assert time.monotonic() < end, "there is no end of it"
        except TimeoutError:
            raise AssertionError(f"no end for {_SECONDS:.0f} s, after {bytes(found[:200])!r}") from None
    return bytes(found)


def check_said(said: bytes) -> list[int]:
    """The statuses of answers, of which nothing is wrong."""
    assert not said or _STATUS.match(said), f"this is no answer: {said[:200]!r}"
    statuses = [int(status) for status in _STATUS.findall(said)]
    assert max(statuses, default=0) < 500, said[:2000]
    assert not [leak for leak in _LEAKS if leak in said], said[:2000]
    return statuses


def check(data: bytes) -> bool:
    """Whether any of it is a request that is granted."""
    statuses = check_said(exchange(place(), data + _END))
    assert check_said(exchange(place(), _PROBE)) == [200]
    return min(statuses, default=400) < 400


TARGET = Target(
    "http",
    beginning=(
        b"GET /v2/" + _HOST + b"\r\n",
        b"GET " + MANIFEST + _HOST + b"Range: bytes=0-3\r\nAccept: */*\r\n\r\nHEAD " + MANIFEST + _HOST + b"\r\n",
        put(DOCUMENT),
        b"POST " + UPLOADS + _HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"POST " + UPLOADS + b"?digest=" + DIGEST + _HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        b"OPTIONS *" + _HOST + b"Content-Length: 0\r\n\r\n",
    ),
    check=check,
    words=(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/2.0",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"ffffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"Connection: close\r\n",
        b"%00",
        b"%2e%2e",
        b"Host: \r\n",
        b"Upgrade: h2c\r\n",
        b"Expect: x\r\n",
        b" folded\r\n",
        b"Content-Length: -1\r\n",
        b"CONNECT ",
        b"\xff",
    ),
    largest=1 << 14,
    seconds=_SECONDS,
)
