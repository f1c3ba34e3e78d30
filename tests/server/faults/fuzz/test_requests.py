"""Requests that are well framed, and odd in everything else: methods, paths, queries, headers, bodies."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.model import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.server.faults.fuzz.target import REPOSITORY, UPLOAD, Target, head_of

DIGEST = f"sha256:{'0' * 64}"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "get"]
PIECES = [
    *("v2", "demo", "hello", "manifests", "blobs", "uploads", "tags", "list", "referrers", "_catalog", "_oci", "ext"),
    *("discover", "tag-history", "latest", "auth", "token", "oidc", "exchange", "healthz", "readyz", "metrics"),
    *("", ".", "..", "%2e%2e", "%2f", "%5c", "%00", "%ff", "%C3%A9", "..;", "~", "a" * 300, UPLOAD, DIGEST),
    *("sha256:", "sha512:" + "0" * 128, "md5:0", "sha256:" + "G" * 64, ":", "%0d%0a", "%F0%9F%92%A9", "A", "-", "a--b"),
]
NAMES = [
    "n",
    "last",
    "mount",
    "from",
    "digest",
    "digest-algorithm",
    "tag",
    "artifactType",
    "service",
    "scope",
    "account",
]
VALUES = [
    *(
        "",
        "0",
        "1",
        "-1",
        "1e9",
        "9" * 30,
        "%00",
        "%ff%fe",
        "a/b",
        "..",
        "latest",
        DIGEST,
        "sha256",
        "sha1",
        "*",
        "null",
    ),
    *("repository:demo/hello:pull", "%D9%A1", "x" * 3000, "%0d%0aX-Injected:%20y", "'--", "{}"),
]
HEADERS = {
    "Range": [
        "bytes=0-0",
        "bytes=5-1",
        "bytes=-0",
        "bytes=" + "9" * 30 + "-",
        "bytes=0-1,3-4," * 500,
        "lines=1-2",
        "=",
    ],
    "Content-Range": ["0-0", "5-1", "bytes 0-1/2", "9" * 30 + "-" + "9" * 30, "a-b", "-", "0-18446744073709551615"],
    "Content-Type": [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "", ";", "text/html", "a" * 5000, "é"],
    "Authorization": [
        "Basic",
        "Basic !!",
        "Basic " + "A" * 5000,
        "Bearer",
        "Bearer ..",
        "Bearer a.b.c",
        "Digest x",
        "",
    ],
    "Host": ["", "evil.example", "127.0.0.1:99999", "[::1", "a b", "127.0.0.1/@", "x" * 3000],
    "If-Range": ["", '"x"', "W/*"],
    "Accept": ["", "*/*", "a/b;q=" + "9" * 100, "," * 2000],
    "Wasmbuild-Lease": ["0", "-1", "1e3", "9" * 40, "x"],
    "X-Request-Id": ["", "x" * 4000, "a b", "\t"],
    "X-Forwarded-For": ["1.2.3.4", "," * 1000],
    "Content-Encoding": ["gzip", "br"],
    "Cookie": ["a=b;" * 500],
    "Expect": ["100-continue"],
}

paths = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=9).map(lambda pieces: "/" + "/".join(pieces)),
    st.sampled_from(
        ["blobs/uploads/", f"blobs/uploads/{UPLOAD}", f"blobs/{DIGEST}", "manifests/latest", "tags/list"]
    ).map(lambda rest: f"/v2/{REPOSITORY}/{rest}"),
    st.text(max_size=40).map(lambda text: "/v2/" + quote(text, safe="/:%", errors="surrogatepass")),
)
queries = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5)
odd = st.binary(max_size=60).map(lambda data: bytes(byte for byte in data if byte == 9 or 32 <= byte != 127))
headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.one_of(st.sampled_from(HEADERS[name]).map(str.encode), odd))
    ),
    max_size=5,
    unique_by=lambda pair: pair[0],
)


@settings(max_examples=600)
@given(method=st.sampled_from(METHODS), path=paths, query=queries, lines=headers, body=st.binary(max_size=200))
@example("GET", f"/v2/{REPOSITORY}/tags/list", [("n", "9" * 30)], [], b"")
@example("GET", "/v2/", [], [("Host", b"\xff")], b"")
@example("PUT", f"/v2/{REPOSITORY}/manifests/x", [], [("Expect", b"100-continue")], b"{}")
@example("PUT", f"/v2/{REPOSITORY}/manifests/x", [("tag", "%00")], [("Content-Type", b"\xff")], b"{}")
def test_any_request(
    target: Target, method: str, path: str, query: list[Any], lines: list[tuple[str, bytes]], body: bytes
) -> None:
    target.ask(head_of(method, path, query, lines, len(body)), body)


@pytest.mark.parametrize(
    "number", ["99999999999999999999", "2147483648", "9223372036854775808", "1" * 3000, "0", "00005"]
)
@pytest.mark.parametrize(
    "path",
    ["/v2/_catalog", f"/v2/{REPOSITORY}/tags/list", f"/v2/{REPOSITORY}/referrers/{DIGEST}",
     f"/v2/{REPOSITORY}/_oci/tag-history/latest"],
)  # fmt: skip
def test_a_giant_page_costs_nothing(target: Target, path: str, number: str) -> None:
    before = target.served.peak_memory()
    answer = target.call("GET", f"{path}?n={number}")
    assert answer.status_code == 200
    assert len(answer.content) < 10_000
    assert target.served.peak_memory() - before < 8 * 1024**2


def nested(levels: int, opening: bytes, closing: bytes) -> bytes:
    return opening * levels + closing * levels


def in_manifest(target: Target, field: str, value: bytes) -> bytes:
    """A manifest that is whole, but for one field more."""
    return target.document[:-1] + b', "%s": %s}' % (field.encode(), value)


DEEP = [
    nested(100_000, b"[", b"]"),
    nested(100_000, b'{"a":', b"}").replace(b"}", b"1}", 1),
    b"[" * 2_000_000,
    b'{"a":' * 500_000,
    nested(40, b"[", b"]"),
]


@pytest.mark.parametrize("deep", DEEP, ids=["lists", "objects", "open lists", "open objects", "a little too deep"])
def test_deep_json(target: Target, deep: bytes) -> None:
    for body in (deep, in_manifest(target, "extra", deep), in_manifest(target, "annotations", deep)):
        for media_type in (OCI_MANIFEST, OCI_INDEX):
            answer = target.put("deep", body, media_type)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
    target.lives()
    assert target.call("GET", f"/v2/{REPOSITORY}/manifests/deep").status_code == 404


ENTRY = b'{"mediaType":"a/b","digest":"sha256:%s","size":1}' % (b"0" * 64)
HUGE = {
    "many layers": b'{"schemaVersion":2,"config":%s,"layers":[%s]}' % (ENTRY, b",".join([ENTRY] * 34_000)),
    "many values": b'{"schemaVersion":2,"config":%s,"layers":[],"x":[%s]}' % (ENTRY, b",".join([b"1"] * 1_900_000)),
    "many keys": b'{"schemaVersion":2,%s}' % b",".join(b'"k%d":1' % number for number in range(300_000)),
    "one key twice": b'{"schemaVersion":2,"schemaVersion":2,"layers":[]}',
    "a large number": b'{"schemaVersion":2,"layers":[],"size":%s}' % (b"9" * 4_000_000),
    "a large exponent": b'{"schemaVersion":2,"config":%s,"layers":[]}' % ENTRY.replace(b":1}", b":1e999999}"),
    "a negative size": b'{"schemaVersion":2,"config":%s,"layers":[]}' % ENTRY.replace(b":1}", b":-1}"),
    "half a character": b'{"schemaVersion":2,"config":%s,"layers":[],"x":"\\ud800"}' % ENTRY,
    "not UTF-8": b'{"schemaVersion":2,"x":"\xff"}',
    "UTF-16": '{"schemaVersion":2}'.encode("utf-16"),
    "a mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"schemaVersion":NaN}',
    "nothing": b"",
    "a text": b'"manifest"',
}


@pytest.mark.parametrize("name", HUGE)
def test_documents_that_are_made_to_hurt(target: Target, name: str) -> None:
    target.served.forget_peak()
    before = target.served.memory()
    answer = target.put("huge", HUGE[name])
    assert 400 <= answer.status_code < 500
    assert {entry["code"] for entry in answer.json()["errors"]} <= {"MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN"}
    assert len(answer.content) < 100_000
    assert target.served.peak_memory() - before < 150 * 1024**2
    target.lives()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
fields = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "artifactType", "digest"]
)


@settings(max_examples=200)
@given(
    changes=st.dictionaries(fields, values, min_size=1, max_size=3),
    media_type=st.sampled_from([OCI_MANIFEST, OCI_INDEX]),
)
def test_any_document(target: Target, changes: dict[str, Any], media_type: str) -> None:
    """A manifest with fields of any kind: kept byte for byte, or refused."""
    body = json.dumps({**json.loads(target.document), **changes}).encode()
    answer = target.put("any", body, media_type)
    assert answer.status_code in (201, 400, 404), answer.text
    if answer.status_code == 201:
        assert target.call("GET", f"/v2/{REPOSITORY}/manifests/any").content == body
    else:
        assert answer.json()["errors"]


def test_nothing_was_harmed(target: Target) -> None:
    target.lives()
    assert target.call("GET", f"/v2/{REPOSITORY}/manifests/{target.manifest}").content == target.document
