"""``wasmbuild ls``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("ls", "wasmbuild ls 127.0.0.1:5000/acme")
@argument("registry")
def command(console: Console, registries: Registries, registry: str) -> None:
    """List the repositories of REGISTRY, a host or HOST/PREFIX, one a line.

    Many registries, the large public ones among them, do not give such a list.
    """
    from wasmbuild.workflows.listing import list_repositories

    listed = list_repositories(registry, registries)
    if not listed.repositories:
        console.emit(Note("info", f"{registry} has no repositories that we may see"))
        if console.format == "text":
            return
    console.result("ls", "\n".join(listed.repositories), listed.to_json())
