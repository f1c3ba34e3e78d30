"""``wasmbuild clean``."""

from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("clean", "wasmbuild clean --dry-run")
@argument("folder", type=FOLDER, default=".")
@option(
    "--all",
    "everything",
    is_flag=True,
    envvar="WASMBUILD_CLEAN_ALL",
    help="Forget, too, what the user's cache knows of its builds.",
)
@option("--dry-run", is_flag=True, help="Remove nothing, and say what would go.")
def command(console: Console, folder: Path, everything: bool, dry_run: bool) -> int:
    """Remove what builds left in dist/ of the project in FOLDER and of its members.

    Other files in there stay, and are named. Prints what went, one path a line; ends with 3 when there was
    nothing.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.clean import clean

    cleaned = clean(folder, records=everything, dry_run=dry_run, caches=Caches.of_user())
    for path in cleaned.left:
        console.emit(Note("warning", f"{path} is not of wasmbuild, and stays"))
    if not cleaned.removed and console.format == "text":
        console.emit(Note("info", "there was nothing to remove"))
        return ExitCode.NOTHING_TO_DO
    removed = [str(path) for path in cleaned.removed]
    document = {"removed": removed, "left": [str(path) for path in cleaned.left], "dryRun": dry_run}
    console.result("clean", "\n".join(removed), document)
    return ExitCode.OK if removed else ExitCode.NOTHING_TO_DO
