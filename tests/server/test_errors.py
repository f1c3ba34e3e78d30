import http.client
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/", "/v2/x", "/v2/demo/hello/nothing/here", "/favicon.ico", "/v2//", "//", "/v2/%0A", "/healthz%0A"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_routes(api: Any, tools: Any, path: str, method: str) -> None:
    answer = api.call(method, path)
    assert answer.status_code == 404
    assert tools.codes(answer) == ["UNSUPPORTED"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v2/"), ("PATCH", "/v2/a/manifests/b"), ("GET", "/v2/a/blobs/uploads/"), ("PUT", "/v2/a/tags/list")],
)
def test_known_routes_with_another_method(api: Any, tools: Any, method: str, path: str) -> None:
    answer = api.call(method, path)
    assert answer.status_code == 405
    assert tools.codes(answer) == ["UNSUPPORTED"]


@pytest.mark.parametrize("name", ["UPPER", "a..b", "a//b", "-a", "a_", "a" * 256, "a/../b", "ä", "a b", "a%00b"])
@pytest.mark.parametrize("rest", ["tags/list", "manifests/latest", f"blobs/sha256:{'0' * 64}"])
def test_bad_names(api: Any, name: str, rest: str) -> None:
    connection = http.client.HTTPConnection(api.address, timeout=10)
    connection.request("GET", f"/v2/{quote(name, safe='/%')}/{rest}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 400
    assert b"NAME_INVALID" in body


def test_names_that_look_like_routes(api: Any) -> None:
    for name in ("a/manifests/b", "a/blobs/uploads", "tags/list", "v2", "a/referrers"):
        digest = api.push_image("latest", name)
        assert api.get_manifest("latest", name).headers["Docker-Content-Digest"] == digest
        assert api.call("GET", f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["latest"]}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(METHODS), path=st.text(max_size=60), tail=st.sampled_from(["", "tags/list", "blobs/x"]))
def test_any_path_is_answered_in_shape(api: Any, tools: Any, method: str, path: str, tail: str) -> None:
    target = f"/v2/{quote(path, safe='/:', errors='surrogatepass')}/{tail}"
    answer = api.call(method, target)
    assert answer.status_code < 500
    if answer.status_code >= 400 and method != "HEAD":
        tools.codes(answer)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(min_size=1, max_size=40))
def test_any_bytes_in_a_path_are_answered(api: Any, raw: bytes) -> None:
    path = "/v2/" + "".join(f"%{byte:02x}" for byte in raw) + "/manifests/x"
    connection = http.client.HTTPConnection(api.address, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    assert 400 <= status < 500 or raw.isalnum()


def test_a_bug_is_an_answer_and_the_server_lives(api: Any, data: Any, tools: Any) -> None:
    digest = api.push_blob(b"content")
    encoded = digest.partition(":")[2]
    path = data / "blobs" / "sha256" / encoded[:2] / encoded
    path.unlink()
    path.mkdir()
    answer = api.get_blob(digest)
    assert (answer.status_code, tools.codes(answer)) == (500, ["UNKNOWN"])
    assert api.call("GET", "/v2/").status_code == 200
