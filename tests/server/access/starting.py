"""A server with users for many tests."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from registry.server.config import ServerConfig
from registry.server.config.access import AccessConfig, RuleConfig
from registry.server.testing import running_server


class Shared:
    def __init__(self, api: Any, data: Path, helpers: Any, stack: ExitStack) -> None:
        self.api, self.data, self.helpers, self.stack = api, data, helpers, stack
        self.address = api.address

    def call(self, method: str, path: str, user: str | None = None, **options: Any) -> requests.Response:
        if user is not None:
            options["auth"] = (user, self.helpers.password)
        return self.api.call(method, path, **options)

    def bearing(self, token: str) -> Any:
        session = self.stack.enter_context(requests.Session())
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        return type(self.api)(self.address, session)


@contextmanager
def started(folder: Path, tools: Any, helpers: Any, *rules: RuleConfig, **access: Any) -> Iterator[Shared]:
    users = folder / "htpasswd"
    users.write_text(helpers.htpasswd_line("root") + helpers.htpasswd_line("ada"))
    everything = RuleConfig("**", "user:root", ("admin",))
    config = AccessConfig(htpasswd=users, rules=(everything, *rules), **{"fail_delay": 0.0, **access})
    data = folder / "data"
    with ExitStack() as stack, requests.Session() as session:
        session.trust_env = False
        address = stack.enter_context(running_server(data, ServerConfig(data, access=config)))
        yield Shared(tools.Api(address, session), data, helpers, stack)
