import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import add_user
from registry.server.config import ServerConfig
from registry.server.config.access import AccessConfig, IssuerConfig, PublisherConfig, RuleConfig
from registry.server.runtime import serve
from registry.server.testing import running_server

EVERYWHERE = "0.0.0.0"


class Started(Exception):
    pass


def lines(config: ServerConfig) -> list[str]:
    """What a server says until it answers."""
    said: list[str] = []

    def ready(_: str) -> None:
        raise Started

    with pytest.raises(Started):
        serve(config, ready, said.append)
    return said


def test_the_first_line_says_who_may_do_what(data: Path, helpers: Any, tmp_path: Path) -> None:
    here = ServerConfig(data, port=0)
    assert lines(here)[0].startswith("no users are set up: every program on this machine may")
    users = tmp_path / "users"
    users.write_text(helpers.htpasswd_line("ada"))
    assert "no rule lets any of them" in lines(replace(here, access=AccessConfig(htpasswd=users)))[0]
    rules = (RuleConfig("**", "users", ("pull",)),)
    assert "rules say who" in lines(replace(here, access=AccessConfig(htpasswd=users, rules=rules)))[0]
    everybody = replace(here, host=EVERYWHERE, access=AccessConfig(anonymous="everything"))
    assert lines(everybody)[0].startswith("access.anonymous says so: everybody may pull, push and delete")


def test_strangers_need_users_or_a_word(data: Path, helpers: Any) -> None:
    config = ServerConfig(data, host=EVERYWHERE, port=0)
    with pytest.raises(InvalidConfiguration, match="not a loopback address") as caught:
        serve(config, print, print)
    assert "--allow-anonymous" in str(caught.value.hint)
    helpers.change(data, lambda connection: add_user(connection, "ada", None))
    assert "users are set up" in lines(config)[0]


def test_everybody_may_do_everything_only_when_nobody_is_asked(data: Path) -> None:
    issuer = IssuerConfig("https://issuer.example", "registry")
    access = AccessConfig(anonymous="everything", issuers=(issuer,))
    with pytest.raises(InvalidConfiguration, match=r"access\.anonymous"):
        serve(ServerConfig(data, port=0, access=access), print, print)


def test_everybody_may_come_from_anywhere(data: Path, tools: Any) -> None:
    config = ServerConfig(data, access=AccessConfig(anonymous="everything"))
    with running_server(data, config) as address:
        import requests

        answer = requests.get(f"http://{address}/v2/", headers={"Host": "registry.example"}, timeout=10)
        assert answer.status_code == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_first_user_closes_an_open_server(
    api: Any, data: Path, helpers: Any, tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api.session.trust_env = False
    digest = api.push_blob(b"open")
    place = api.begin()
    assert api.call("GET", "/auth/token").status_code == 404
    helpers.change(data, lambda connection: add_user(connection, "ada", None))
    deadline = time.monotonic() + 5
    while api.call("GET", "/v2/").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert tools.codes(api.get_blob(digest)) == ["UNAUTHORIZED"]
    assert api.call("PATCH", place, data=b"x").status_code == 401
    assert api.call("GET", "/v2/", headers={"Host": "registry.example"}).status_code == 401
    assert "the first user is set up" in caplog.text


@pytest.mark.parametrize(
    "access",
    [
        {"htpasswd": Path("/nowhere/users")},
        {"rules": (RuleConfig("**", "ada", ("pull",)),)},
        {"immutable": ("v1",)},
        {"egress_allow": ("127.0.0.1/8",)},
        {"issuers": (IssuerConfig("https://i", "a", algorithms=("HS256",)),)},
        {"issuers": (IssuerConfig("https://i", "a", algorithms=("none",)),)},
        {"issuers": (IssuerConfig("https://i", ""),)},
        {"publishers": (PublisherConfig("ci", "https://i", {"sub": "a"}, "**", ("pull",)),)},
    ],
)
def test_settings_that_are_refused(data: Path, access: Any) -> None:
    with pytest.raises(InvalidConfiguration):
        serve(ServerConfig(data, port=0, access=AccessConfig(**access)), print, print)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "*"},
        {"sub": "**"},
        {"iss": "https://i"},
        {"aud": "a", "sub": "?*"},
        {"sub": "repo:*:ref:refs/heads/main"},
        {"sub": "project_path:**"},
        {"repository": "*/app", "event_name": "push"},
        {"ref": "refs/tags/v*", "environment": "release", "workflow": "Release"},
    ],
)
def test_a_publisher_is_not_everybody(data: Path, claims: dict[str, str]) -> None:
    publisher = PublisherConfig("ci", "https://i", claims, "**", ("pull",))
    access = AccessConfig(issuers=(IssuerConfig("https://i", "a"),), publishers=(publisher,))
    with pytest.raises(InvalidConfiguration, match="everybody"):
        serve(ServerConfig(data, port=0, access=access), print, print)


@pytest.mark.parametrize(
    "server",
    [
        {"external_url": "https://a.example/path"},
        {"external_url": "ftp://a.example"},
        {"external_url": 'https://a"b'},
        {"external_url": "https://user@a.example"},
        {"trusted_proxies": ("10.0.0.1/8",)},
        {"trusted_proxies": ("proxy",)},
    ],
)
def test_addresses_that_are_refused(data: Path, server: Any) -> None:
    with pytest.raises(InvalidConfiguration):
        serve(ServerConfig(data, port=0, **server), print, print)


def test_an_open_server_loads_no_cryptography() -> None:
    code = "import sys, registry.server.app; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jwt", "bcrypt", "argon2", "cryptography"} & set(finished.stdout.split())
