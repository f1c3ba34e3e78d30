"""``wasmbuild registry health``: what the health checks of containers run."""

import os

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console

_LISTEN = "WASMBUILD_SERVE_LISTEN"
_PORT = 5000
"""The port of ``registry.server.config.DEFAULT_LISTEN``, without importing a server."""


@registry_verb("health", "wasmbuild registry health 127.0.0.1:5000 --retry-for 0")
@argument("host", required=False)
@option("--alive", is_flag=True, help="Ask only whether its process runs, not its database and storage.")
def command(console: Console, registries: Registries, host: str | None, alive: bool) -> None:
    """Ask the server at HOST whether it can work, and print the answer.

    Without HOST it is this machine, at the port that WASMBUILD_SERVE_LISTEN says, or 5000. It is asked
    again for as long as --retry-for says; without a login.
    """
    from registry.client.health import ask_health
    from wasmbuild.workflows.login import registry_host

    asked = registry_host(host) if host else f"127.0.0.1:{_port()}"
    ask_health(registries.transport(asked), ready=not alive)
    word = "alive" if alive else "ready"
    console.result("registry health", word, {"host": asked, "status": word})


def _port() -> int:
    port = os.environ.get(_LISTEN, "").rpartition(":")[2]
    return int(port) if port.isdecimal() and len(port) < 6 else _PORT
