"""``wasmbuild logout``."""

from wasmbuild.cli.common import argument, verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("logout", "wasmbuild logout ghcr.io")
@argument("registry")
def command(console: Console, registry: str) -> int:
    """Forget the credentials of REGISTRY, in files and credential stores. Ends with 3 when there were none."""
    from wasmbuild.workflows.login import logout, registry_host

    host = registry_host(registry, "logout")
    places = logout(host, sink=console.emit)
    if not places:
        console.emit(Note("info", f"there are no credentials of {host}"))
    console.result("logout", host, {"registry": host, "forgotten": list(places)})
    return ExitCode.OK if places else ExitCode.NOTHING_TO_DO
