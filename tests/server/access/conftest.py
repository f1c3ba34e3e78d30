from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from registry.server.access.accounts import add_user
from registry.server.access.passwords import hash_password
from registry.server.config import ServerConfig
from registry.server.config.access import AccessConfig, RuleConfig
from registry.server.testing import running_server
from tests.server.elsewhere import change

PASSWORD = "correct horse"
ADMIN = RuleConfig("**", "user:root", ("admin",))


def htpasswd_line(name: str, password: str = PASSWORD) -> str:
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


def rule(repositories: str, subject: str, *actions: str) -> RuleConfig:
    return RuleConfig(repositories, subject, actions)


@dataclass
class Site:
    """A server with users, and a client of it."""

    data: Path
    api: Any
    stack: ExitStack = field(repr=False)

    @property
    def address(self) -> str:
        return self.api.address

    def call(self, method: str, path: str, user: str | None = None, **options: Any) -> requests.Response:
        if user is not None:
            options["auth"] = (user, PASSWORD)
        return self.api.call(method, path, **options)

    def as_user(self, name: str | None, password: str = PASSWORD) -> Any:
        session = self.stack.enter_context(requests.Session())
        session.trust_env = False
        if name is not None:
            session.auth = (name, password)
        return type(self.api)(self.address, session)

    def bearing(self, token: str) -> Any:
        api = self.as_user(None)
        api.session.headers["Authorization"] = f"Bearer {token}"
        return api

    def token(self, *scopes: str, user: str | None = None, **query: str) -> dict[str, Any]:
        answer = self.call("GET", "/auth/token", user, params={"scope": list(scopes), **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def change(self, work: Callable[[Any], Any]) -> Any:
        return change(self.data, work)

    def add_account(self, name: str, password: str = PASSWORD) -> None:
        hashed = hash_password(password)
        self.change(lambda connection: add_user(connection, name, hashed))


@pytest.fixture
def site(tmp_path: Path, tools: Any) -> Iterator[Callable[..., Site]]:
    """Starts a server whose users are in a file; ``root`` may do everything."""
    with ExitStack() as stack:

        def start(*rules: RuleConfig, users: tuple[str, ...] = (), server: Any = None, **access: Any) -> Site:
            data = tmp_path / "data"
            if "htpasswd" not in access:
                access["htpasswd"] = tmp_path / "htpasswd"
                access["htpasswd"].write_text("".join(map(htpasswd_line, ("root", *users))))
            access.setdefault("fail_delay", 0.0)
            config = ServerConfig(data, access=AccessConfig(rules=(ADMIN, *rules), **access), **(server or {}))
            address = stack.enter_context(running_server(data, config))
            session = stack.enter_context(requests.Session())
            session.trust_env = False
            return Site(data, tools.Api(address, session), stack)

        yield start


class Helpers:
    password = PASSWORD
    change = staticmethod(change)
    htpasswd_line = staticmethod(htpasswd_line)
    rule = staticmethod(rule)


@pytest.fixture(scope="session")
def helpers() -> type[Helpers]:
    return Helpers
