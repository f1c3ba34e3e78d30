"""``wasmbuild registry retention``."""

import time
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import option
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.cli.registry.going import Going
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.server.collection.report import Report
    from registry.server.services import Services


@click.group(
    "retention",
    context_settings=HELP,
    epilog="Example: wasmbuild registry retention run --dry-run --config registry.toml",
)
def command() -> None:
    """Take away the tags that no rule keeps; the rules are [[collection.retention]] in the settings."""


@operator_verb("run", "retention run --dry-run --config registry.toml")
@option("--dry-run", is_flag=True, help="Only say what would go.")
def _run(console: Console, registry: LocalRegistry, dry_run: bool) -> int:
    """Apply the rules now. Prints the tags that go, and why; what they mean is left to collection.

    Ends with 3 when there are no rules, and with 1 while a backup is being made.
    """
    from registry.server.collection.manifests import Held
    from registry.server.collection.report import Report
    from registry.server.collection.retention import apply_retention

    if not registry.config.collection.retention:
        console.emit(Note("info", "there are no retention rules in the settings"))
        return ExitCode.NOTHING_TO_DO
    going = Going(console, "retention run")

    async def apply(services: "Services") -> "Report":
        report = Report(dry_run=dry_run)
        try:
            await apply_retention(services, report, going, time.time())
        except Held:
            report.held = True
        return report

    return going.end(registry.run(apply))


command.add_command(_run)
