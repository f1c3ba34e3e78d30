"""``wasmbuild logout``."""

from wasmbuild.cli.common import argument, verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("logout", "wasmbuild logout ghcr.io")
@argument("registry")
def command(console: Console, registry: str) -> int:
    """Forget the credentials of REGISTRY. Ends with 3 when there were none."""
    from wasmbuild.workflows.login import logout, registry_host

    host = registry_host(registry)
    forgotten = logout(host)
    if not forgotten:
        console.emit(Note("info", f"there are no credentials of {host}"))
    console.result("logout", host, {"registry": host, "forgotten": forgotten})
    return ExitCode.OK if forgotten else ExitCode.NOTHING_TO_DO
