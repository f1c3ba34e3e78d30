"""Any method, path, query, headers and body, well framed: one answer, none of them a failure of ours (5xx).

An error is JSON as the distribution-spec has it; and whatever was asked, no manifest that was pushed is served
with other bytes than its digest names.
"""

import hashlib
import json
import random
import re

from registry.model import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from tests.fuzz.mutate import bytes_changed, json_mutated
from tests.fuzz.target import Corpus, Target
from tests.fuzz.targets.http import DIGEST, DOCUMENT, MANIFEST, UPLOADS, check_said, exchange, place, request_of

_FRAMING = re.compile(rb"(?i)\s*(content-length|transfer-encoding|connection|expect|upgrade|host)\s*:")
_NAMED = re.compile(rb"(?i)\r\ndocker-content-digest: sha256:([0-9a-f]{64})\r\n")
_TYPE = b"Content-Type: "
_REFERRER = Manifest(describe("a/b", b"{}"), (), subject=describe(OCI_MANIFEST, DOCUMENT)).encode()


def check(data: bytes) -> bool:
    """Whether it is granted: ``METHOD path`` on the first line, then headers, an empty line, and the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = (line.strip(b"\r\0") for line in head.split(b"\n"))
    lines = [line for line in lines if line and not _FRAMING.match(line)]
    said = exchange(place(), request_of(b" ".join(first.split()[:2]) or b"GET /", *lines, body=body))
    statuses = check_said(said)
    assert len(_heads(said)) == 1, said[:2000]
    answered, _, content = said.partition(b"\r\n\r\n")
    named = _NAMED.search(answered + b"\r\n")
    if first.startswith(b"GET ") and statuses == [200] and named and b"partial" not in answered.lower():
        assert hashlib.sha256(content).hexdigest().encode() == named[1], said[:2000]
    if statuses[0] >= 400 and content:
        assert json.loads(content)["errors"], said[:2000]
    return statuses[0] < 400


def _heads(said: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.[01] [0-9]{3}[^\r\n]*\r\n", said)


def mutated(corpus: Corpus, rng: random.Random) -> bytes:
    """A request whose head is changed by bytes, and whose body is changed as JSON."""
    head, empty, body = rng.choice(corpus).partition(b"\n\n")
    if body and rng.random() < 0.6:
        return head + empty + json_mutated([body], rng)
    return bytes_changed(head, corpus, rng, TARGET.words) + empty + body


TARGET = Target(
    "routes",
    beginning=(
        b"GET " + MANIFEST + b"\nAccept: */*\n\n",
        b"GET /v2/demo/hello/blobs/" + DIGEST + b"\nRange: bytes=0-1\n\n",
        b"PUT " + MANIFEST + b"\n" + _TYPE + OCI_MANIFEST.encode() + b"\n\n" + DOCUMENT,
        b"PUT /v2/demo/hello/manifests/r\n" + _TYPE + OCI_MANIFEST.encode() + b"\n\n" + _REFERRER,
        b"PUT /v2/demo/hello/manifests/i\n"
        + _TYPE
        + OCI_INDEX.encode()
        + b"\n\n"
        + Index((describe(OCI_MANIFEST, DOCUMENT),)).encode(),
        b"POST " + UPLOADS + b"?digest=" + DIGEST + b"\n\n{}",
        b"POST " + UPLOADS + b"?mount=" + DIGEST + b"&from=demo/hello\n\n",
        b"PATCH " + UPLOADS + b"00000000-0000-4000-8000-000000000000\nContent-Range: 0-1\n\n{}",
        b"GET /v2/demo/hello/tags/list?n=1&last=a\n\n",
        b"GET /v2/demo/hello/referrers/sha256:"
        + hashlib.sha256(DOCUMENT).hexdigest().encode()
        + b"?artifactType=a/b\n\n",
        b"GET /v2/_catalog?n=5\n\n",
        b"GET /auth/token?service=x&scope=repository:demo/hello:pull\nAuthorization: Basic YTpi\n\n",
        b"DELETE /v2/demo/hello/manifests/none\n\n",
        b"GET /\n\n",
    ),
    check=check,
    words=(
        b"%2e%2e/",
        b"%2f",
        b"%00",
        b"%ff",
        b"..",
        b"//",
        b"?n=",
        b"&last=",
        b"-1",
        b"9" * 30,
        b"Range: bytes=5-1\n",
        b"\nAccept: ;q=x",
        b"If-None-Match: *\n",
        b"Authorization: Bearer a.b.c\n",
        b"_oci/",
        DOCKER_MANIFEST.encode(),
        b"sha512:" + b"0" * 128,
        b"HEAD ",
        b"Content-Range: 9-1\n",
        b"digest=sha256:x",
        b"OCI-Chunk-Min-Length: x\n",
        b"a" * 300,
        "é".encode(),
        b"manifests/",
        b"tags/",
    ),
    mutate=mutated,
    largest=1 << 14,
    seconds=10.0,
)
