"""``wasmbuild registry migrate``."""

from wasmbuild.cli.common import option
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@operator_verb("migrate", "migrate --check --data ./registry-data")
@option("--check", is_flag=True, help="Only look; ends with 1 when there is something to do.")
def command(console: Console, registry: LocalRegistry, check: bool) -> int:
    """Bring the database to the schema of this version, or make it. Prints the revision before and after.

    A server does this by itself when it starts. Stop older servers first; what they cannot read they
    refuse.
    """
    from registry.server.operating import find_migration, migrate

    found = find_migration(registry.config) if check else migrate(registry.config)
    after = found.found if check else found.needed
    document = {"before": found.found, "after": after, "needed": found.needed}
    if not found.due:
        console.emit(Note("info", "the database is up to date"))
    elif check:
        console.emit(Note("info", f"this version works with revision {found.needed}"))
    console.result("registry migrate", f"{found.found or 'none'} {after or 'none'}", document)
    return ExitCode.FAILED if check and found.due else ExitCode.OK
