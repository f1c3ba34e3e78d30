"""Bytes on a socket that are no request, or half of one, or two in one: smuggling, giants, rubbish.

Each test ends with an ordinary request: the process is up, and nobody else was harmed.
"""

import hashlib
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.server.faults.fuzz.target import REPOSITORY, Target

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /v2/ HTTP/1.1\r\n" + HOST
SMUGGLED = b"DELETE /v2/demo/hello/manifests/latest HTTP/1.1\r\n" + HOST + b"\r\n"
EMPTY = hashlib.sha256(b"").hexdigest()
PUSH = f"POST /v2/{REPOSITORY}/blobs/uploads/?digest=sha256:{EMPTY} HTTP/1.1\r\n".encode() + HOST
"""A request that reads its body to the end, which is empty."""

BROKEN = [
    b"\r\n",
    b"\0",
    b"\0" * 10_000,
    b"\xff" * 500,
    b"GET\r\n\r\n",
    b"GET /v2/\r\n\r\n",
    b"GET /v2/ HTTP/9.9\r\n" + HOST + b"\r\n",
    b"GET /v2/ HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/ \r\n" + HOST + b"\r\n",
    b"GET v2 HTTP/1.1\r\n" + HOST + b"\r\n",
    b" GET /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET\t/v2/\tHTTP/1.1\r\n" + HOST + b"\r\n",
    b"G\xc3\x89T /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"TRACE /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://169.254.169.254/latest/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET //evil.example/v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/?a=\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/%zz%-1/tags/list HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/" + b"a" * 100_000 + b"/tags/list HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/?" + b"n=1&" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/demo/hello/tags/list?" + b"last=x&" * 10_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    GET + b"X: " + b"x" * 300_000 + b"\r\n\r\n",
    GET + b"X: " + b"x" * 2_000_000 + b"\r\n\r\n",
    GET + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
    GET + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
    GET + b"No colon here\r\n\r\n",
    GET + b": no name\r\n\r\n",
    GET + b"Name with space: x\r\n\r\n",
    GET + b"X : x\r\n\r\n",
    GET + b"X: a\0b\r\n\r\n",
    GET + b"X: a\rb\r\n\r\n",
    GET + b"X: a\r\n folded\r\n\r\n",
    GET + b"X: \xff\xfe\r\n\r\n",
    GET + b"Expect: 100-continue\r\n\r\n",
    GET + b"Expect: a miracle\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
    GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    GET + b"Content-Length: 18446744073709551616\r\n\r\n",
    GET + b"Content-Length: -1\r\n\r\n",
    GET + b"Content-Length: 1e3\r\n\r\n",
    GET + b"Content-Length:\r\n\r\n",
    GET + b"Host: 127.0.0.1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET /v2/ HTTP/1.0\r\n\r\n",
]


@pytest.mark.parametrize("sent", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_request(target: Target, sent: bytes) -> None:
    target.send(sent)
    target.lives()


FRAMINGS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED),
    b"Content-Length: 0, %d\r\n\r\n" % len(SMUGGLED),
    b"Content-Length: +0\r\n\r\n",
    b"Content-Length: 0x0\r\n\r\n",
    b"Content-Length : 0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\n chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0;" + b"x" * 100_000 + b"\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b'Transfer-Encoding: chunked\r\n\r\n0;a="\r\n"\r\n\r\n',
    b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
]


@pytest.mark.parametrize("framing", FRAMINGS, ids=range(len(FRAMINGS)))
def test_no_request_hides_in_the_body_of_another(target: Target, framing: bytes) -> None:
    """Either the framing is refused, and the connection ends; or what follows is a request to everybody alike.

    A length that two programs read differently must never be taken: that is what smuggling is.
    """
    found = target.send(PUSH + framing + SMUGGLED)
    if found and found[0].status == 400:
        assert len(found) == 1
        assert target.call("GET", f"/v2/{REPOSITORY}/manifests/latest").status_code == 200
    target.put("latest", target.document)
    target.lives()


AMBIGUOUS = [*range(8), *range(9, 22)]
"""Framings that RFC 9112, sections 6.1, 6.3 and 7.1, does not let a server go on after."""


@pytest.mark.parametrize("number", AMBIGUOUS)
def test_a_connection_of_ambiguous_length_ends(target: Target, number: int) -> None:
    found = target.send(PUSH + FRAMINGS[number] + SMUGGLED)
    assert target.call("GET", f"/v2/{REPOSITORY}/manifests/latest").status_code == 200
    assert len(found) <= 1


def test_line_feeds_alone_mean_what_they_mean_everywhere(target: Target) -> None:
    """RFC 9112, section 2.2, lets a recipient take them; then they end lines, and hide nothing."""
    found = target.send(b"GET /v2/ HTTP/1.1\nHost: 127.0.0.1\n\n")
    assert [answer.status for answer in found] in ([200, 400], [400])
    found = target.send(GET + b"X: y\nX-Other: z\r\n\r\n")
    assert [answer.status for answer in found] in ([200, 400], [400])
    target.lives()


def test_requests_one_after_another_are_answered_in_order(target: Target) -> None:
    found = target.send((GET + b"\r\n") * 50 + b"GET /v2/no/tags/list HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED[:20])
    assert [answer.status for answer in found[:51]] == [200] * 50 + [404]
    target.lives()


def mutated(data: bytes, seed: int) -> bytes:
    """A request with a few bytes changed, lost, doubled or moved."""
    chance = random.Random(seed)
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(made))
        kind = chance.randrange(5)
        if kind == 0:
            made[place] = chance.randrange(256)
        elif kind == 1:
            del made[place : place + chance.randint(1, 5)]
        elif kind == 2:
            made[place:place] = made[place : place + chance.randint(1, 200)]
        elif kind == 3:
            made[place:place] = chance.choice([b"\r\n", b"\n", b"\0", b"\r", b" ", b":", b"%00", b"\xff", b"0" * 50])
        else:
            other = chance.randrange(len(made))
            made[place], made[other] = made[other], made[place]
        if not made:
            break
    return bytes(made)


SAMPLES = [
    PUSH + b"Content-Length: 0\r\n\r\n",
    PUSH + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    f"PUT /v2/{REPOSITORY}/manifests/fuzz HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 2\r\n\r\n{}",
    f"GET /v2/{REPOSITORY}/blobs/sha256:{'0' * 64} HTTP/1.1\r\n".encode() + HOST + b"Range: bytes=0-5\r\n\r\n",
    b"GET /v2/_catalog?n=5&last=demo HTTP/1.1\r\n" + HOST + b"Accept: */*\r\nAuthorization: Basic eDp5\r\n\r\n",
]


@settings(max_examples=300)
@given(sample=st.sampled_from(SAMPLES), seed=st.integers(0, 2**32))
@example(sample=SAMPLES[0], seed=0)
def test_requests_with_a_few_wrong_bytes(target: Target, sample: bytes, seed: int) -> None:
    target.send(mutated(sample, seed))


@settings(max_examples=100)
@given(data=st.binary(max_size=2000))
def test_any_bytes(target: Target, data: bytes) -> None:
    target.send(data)


def test_it_lives(target: Target, folder: Any) -> None:
    target.lives()
    assert target.call("GET", f"/v2/{REPOSITORY}/blobs/{target.blob}").status_code == 200
    assert (folder / "secret").read_text() == "nobody may see secret"
