"""``wasmbuild registry gc``."""

from typing import TYPE_CHECKING

from wasmbuild.cli.common import option
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.cli.registry.going import Going
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.server.collection.report import Report
    from registry.server.services import Services


@operator_verb("gc", "gc --dry-run --data ./registry-data")
@option("--dry-run", is_flag=True, help="Only say what would go.")
def command(console: Console, registry: LocalRegistry, dry_run: bool) -> int:
    """Delete what nobody needs: what the server does every minute, and bytes that a crash has left.

    Prints what goes, and why. What has just become superfluous stays for a while
    (collection.grace). Ends with 1 while a backup is being made.
    """
    from registry.server.collection.collector import Collector

    going = Going(console, "gc")

    async def collect(services: "Services") -> "tuple[Report, int]":
        await services.storage.check()
        uploads = 0 if dry_run else await services.expire_uploads()
        return await Collector(services).run(dry_run=dry_run, orphans=True, tell=going), uploads

    report, uploads = registry.run(collect)
    return going.end(report, uploads=uploads)
