from pathlib import Path
from typing import Any

import pytest

CONTENT = bytes(range(256)) * 8192  # 2 MiB: several chunks


def stored(data: Path, digest: str) -> Path:
    algorithm, _, encoded = digest.partition(":")
    return data / "blobs" / algorithm / encoded[:2] / encoded


@pytest.mark.parametrize("content", [b"", b"{}", b"x" * 65_537, CONTENT])
def test_what_was_pushed_is_what_is_pulled(api: Any, content: bytes) -> None:
    digest = api.push_blob(content)
    answer = api.get_blob(digest)
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment"


def test_head_tells_without_sending(api: Any) -> None:
    digest = api.push_blob(CONTENT)
    answer = api.call("HEAD", f"/v2/demo/hello/blobs/{digest}")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_bytes_are_stored_under_their_digest(api: Any, data: Path) -> None:
    digest = api.push_blob(b"content")
    assert stored(data, digest).read_bytes() == b"content"
    assert list((data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=500-1499", 500, 1500),
        ("bytes=500-", 500, len(CONTENT)),
        ("bytes=-500", len(CONTENT) - 500, len(CONTENT)),
        ("bytes=0-99999999", 0, len(CONTENT)),
        ("bytes=0-0", 0, 1),
    ],
)
def test_ranges(api: Any, text: str, start: int, stop: int) -> None:
    answer = api.get_blob(api.push_blob(CONTENT), headers={"Range": text})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("text", ["bytes=500-0", "bytes=99999999-", "bytes=-0"])
def test_ranges_that_cannot_be(api: Any, tools: Any, text: str) -> None:
    answer = api.get_blob(api.push_blob(CONTENT), headers={"Range": text})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
    tools.codes(answer)


@pytest.mark.parametrize("text", ["bytes=0-1,5-6", "lines=1-2", "bytes=junk"])
def test_ranges_that_are_ignored(api: Any, text: str) -> None:
    answer = api.get_blob(api.push_blob(b"0123456789"), headers={"Range": text})
    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_a_range_of_something_else_is_ignored(api: Any) -> None:
    digest = api.push_blob(b"0123456789")
    same = api.get_blob(digest, headers={"Range": "bytes=2-3", "If-Range": f'"{digest}"'})
    other = api.get_blob(digest, headers={"Range": "bytes=2-3", "If-Range": '"sha256:other"'})
    assert (same.status_code, same.content) == (206, b"23")
    assert (other.status_code, other.content) == (200, b"0123456789")


def test_a_blob_of_another_repository_is_unknown(api: Any, tools: Any) -> None:
    digest = api.push_blob(b"secret", "team/private")
    answer = api.get_blob(digest, "team/other")
    assert answer.status_code == 404
    assert tools.codes(answer) == ["BLOB_UNKNOWN"]


def test_delete_is_of_one_repository(api: Any) -> None:
    digest = api.push_blob(b"shared", "one")
    api.push_blob(b"shared", "two")
    assert api.call("DELETE", f"/v2/one/blobs/{digest}").status_code == 202
    assert api.get_blob(digest, "one").status_code == 404
    assert api.get_blob(digest, "two").content == b"shared"
    assert api.call("DELETE", f"/v2/one/blobs/{digest}").status_code == 404
    api.push_blob(b"shared", "one")
    assert api.get_blob(digest, "one").content == b"shared"


def test_damage_is_served_as_it_is_and_mended_by_a_push(api: Any, data: Path, tools: Any) -> None:
    digest = api.push_blob(b"precious content")
    path = stored(data, digest)
    path.write_bytes(b"precious cOntent")
    assert tools.sha256(api.get_blob(digest).content) != digest
    api.push_blob(b"precious content")
    assert api.get_blob(digest).content == b"precious content"


def test_lost_bytes_are_unknown_until_they_are_pushed_again(api: Any, data: Path, tools: Any) -> None:
    digest = api.push_blob(b"lost")
    stored(data, digest).unlink()
    answer = api.get_blob(digest)
    assert answer.status_code == 404
    assert tools.codes(answer) == ["BLOB_UNKNOWN"]
    mount = api.call("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=demo/hello")
    assert mount.status_code == 202
    api.push_blob(b"lost")
    assert api.get_blob(digest).content == b"lost"
