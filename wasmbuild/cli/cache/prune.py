"""``wasmbuild cache prune``."""

from wasmbuild.cli.cache.quantities import DURATION, SIZE
from wasmbuild.cli.common import option, verb
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

_DEFAULT_SIZE = 5 * 1000**3
_DEFAULT_AGE = 30 * 86400


@verb("prune", "wasmbuild cache prune --max-size 5GB")
@option("--max-size", type=SIZE, help="Keep so much of what was used last, such as 5GB.")
@option("--older-than", type=DURATION, help="Remove what was not used for so long, such as 30d.")
@option("--all", "everything", is_flag=True, help="Remove all of it; not while something is being built.")
def command(console: Console, max_size: int | None, older_than: int | None, everything: bool) -> int:
    """Remove what was not used for long: without options, for 30 days, and what is then over 5 GB.

    A build that runs is not disturbed, unless all is removed. Prints what went, part by part; ends with
    3 when there was nothing. Without --all, what was used within the last hour stays, except results.
    """
    from wasmbuild.build.cache.parts import prune_all, prune_parts
    from wasmbuild.caches import Caches
    from wasmbuild.cli.registry.common import columns
    from wasmbuild.ui.words import size

    if everything and (max_size is not None or older_than is not None):
        raise UsageFailed("--all leaves nothing for --max-size and --older-than", hint="give one or the other")
    if max_size is None and older_than is None:
        max_size, older_than = _DEFAULT_SIZE, _DEFAULT_AGE
    caches = Caches.of_user()
    gone = prune_all(caches) if everything else prune_parts(caches, max_bytes=max_size, older_than=older_than)
    document = {name: {"things": each.count, "bytes": each.size} for name, each in gone.items()}
    if not gone and console.format == "text":
        spared = "" if everything else ": what was used within the last hour stays"
        console.emit(Note("info", f"there was nothing to remove{spared}"))
        return ExitCode.NOTHING_TO_DO
    rows = [[name, str(each.count), size(each.size)] for name, each in gone.items()]
    console.result("cache prune", columns(rows), {"folder": str(caches.root), "removed": document})
    return ExitCode.OK if gone else ExitCode.NOTHING_TO_DO
