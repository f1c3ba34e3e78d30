from typing import Any

import pytest

from registry.server.access.origins import Origins


def realm(here: Any, **headers: str) -> str:
    answer = here.call("GET", "/v2/", headers=headers)
    assert answer.status_code == 401, answer.text
    return answer.headers["WWW-Authenticate"].split('"')[1]


def test_the_realm_is_where_the_client_came_to(site: Any) -> None:
    here = site()
    assert realm(here) == f"http://{here.address}/auth/token"
    assert realm(here, Host="registry.example:8443") == "http://registry.example:8443/auth/token"
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    assert realm(here, **lies) == f"http://{here.address}/auth/token"


@pytest.mark.parametrize("host", ['a"b', "a b", "a/b", "user@host", "a,b", "host:port", "a" * 300])
def test_hosts_that_are_none(site: Any, tools: Any, host: str) -> None:
    answer = site().call("GET", "/v2/", headers={"Host": host})
    assert answer.status_code == 400
    if answer.content:  # some do not get past the protocol
        assert tools.codes(answer) == ["UNSUPPORTED"]


def test_the_external_url_is_said_whatever_the_host(site: Any) -> None:
    here = site(server={"external_url": "https://registry.example"})
    assert realm(here) == realm(here, Host="other.example") == "https://registry.example/auth/token"


def test_a_trusted_proxy_is_believed(site: Any) -> None:
    here = site(server={"trusted_proxies": ("127.0.0.0/8",)})
    said = {"X-Forwarded-Host": "registry.example", "X-Forwarded-Proto": "https"}
    assert realm(here, **said) == "https://registry.example/auth/token"
    assert realm(here, **{"X-Forwarded-Proto": "http, https"}) == f"https://{here.address}/auth/token"
    answer = here.call("GET", "/v2/", headers={"X-Forwarded-Proto": "gopher"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.1", [b"192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", [b"192.0.2.66, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", [b"192.0.2.66", b"192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"192.0.2.66, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"192.0.2.66, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("192.0.2.1", [b"192.0.2.66"], "192.0.2.1"),
    ],
)
def test_the_address_of_the_client(peer: str, said: list[bytes], client: str) -> None:
    origins = Origins(None, ("10.0.0.0/8",))
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", value) for value in said]}
    assert origins.client(scope) == client
