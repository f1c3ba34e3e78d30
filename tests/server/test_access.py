import http.client
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.server.access.loopback import is_loopback_host


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:5000", "127.255.0.3:1", "localhost", "LOCALHOST:80", "[::1]", "[::1]:5000"],
)
def test_loopback_names(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "10.0.0.1",
        "[::]",
        "::1",
        "127.0.0.1:x",
        "127.0.0.1:",
        "user@127.0.0.1",
        "127.1",
        "2130706433",
        "127.0.0.1 ",
        "localhost\n",
    ],
)
def test_other_names(host: str) -> None:
    assert not is_loopback_host(host)


@given(st.text(max_size=80))
def test_any_text_is_judged(host: str) -> None:
    assert is_loopback_host(host) in {True, False}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "registry.evil.example"},
        {"Host": "169.254.169.254"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:80"},
        {"X-Forwarded-For": "10.1.2.3"},
        {"X-Forwarded-Host": "registry.example"},
        {"Forwarded": "for=10.1.2.3"},
        {"X-Real-IP": "10.1.2.3"},
        {"Via": "1.1 proxy"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_rebinding_web_pages_and_proxies_are_refused(
    api: Any, tools: Any, headers: dict[str, str], method: str
) -> None:
    answer = api.call(method, "/v2/demo/blobs/uploads/" if method == "POST" else "/v2/", headers=headers)
    assert answer.status_code == 403
    assert tools.codes(answer) == ["DENIED"]


def test_nothing_is_changed_by_a_refused_request(api: Any) -> None:
    digest = api.push_blob(b"kept")
    answer = api.call("DELETE", f"/v2/demo/hello/blobs/{digest}", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert api.get_blob(digest).content == b"kept"


def test_two_hosts_are_refused(api: Any) -> None:
    connection = http.client.HTTPConnection(api.address, timeout=10)
    connection.putrequest("GET", "/v2/", skip_host=True)
    connection.putheader("Host", "127.0.0.1")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status in {400, 403}
    connection.close()


def test_loopback_by_name_is_served(api: Any) -> None:
    port = api.address.rpartition(":")[2]
    answer = api.call("GET", "/v2/", headers={"Host": f"localhost:{port}"})
    assert answer.status_code == 200
