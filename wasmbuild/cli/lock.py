"""``wasmbuild lock``."""

import shlex
from pathlib import Path

from registry.words import pasted
from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("lock", "wasmbuild lock --upgrade zig")
@argument("names", metavar="[NAME]...", nargs=-1)
@option("--upgrade", is_flag=True, help="Move NAME, or all tools, to the releases that this wasmbuild ships.")
@option("--check", is_flag=True, help="Change nothing; fail when something would change.")
@option("--project", type=FOLDER, default=".", help="The project. [default: .]")
def command(console: Console, names: tuple[str, ...], upgrade: bool, check: bool, project: Path) -> int:
    """Pin the tools that the project needs in its wasmbuild.lock, and print all that it pins.

    A build does the same for what the lock lacks. Without --upgrade, what is pinned stays.
    """
    from wasmbuild.workflows.locking import lock_project

    if names:
        _refuse_unknown(names, upgrade=upgrade, check=check)
    if names and not upgrade:
        raise UsageFailed("names go with --upgrade", hint=f"wasmbuild lock --upgrade {' '.join(map(pasted, names))}")
    locked = lock_project(project, upgrading=upgrade, names=names, check=check)
    for change in locked.changes:
        console.emit(Note("info", f"would change: {change}" if check else str(change)))
    document = {
        "tools": [
            {"name": pin.name, "package": pin.package, "version": pin.version, "digest": str(pin.digest)}
            for pin in locked.pins
        ],
        "changes": [
            {"name": each.name, "before": each.before.version if each.before else None, "after": each.after.version}
            for each in locked.changes
        ],
    }
    console.result("lock", "\n".join(str(pin) for pin in locked.pins), document)
    return ExitCode.FAILED if check and locked.changes else ExitCode.OK


def _refuse_unknown(names: tuple[str, ...], *, upgrade: bool, check: bool) -> None:
    from wasmbuild.workflows.locking import unknown_tool

    unknown = unknown_tool(names)
    if unknown is None:
        return
    name, guess = unknown
    if guess is not None and not Path(name).is_dir():
        hint = f"did you mean {guess}?"
    else:
        flags = [flag for flag, given in (("--upgrade", upgrade), ("--check", check)) if given]
        hint = f"a project is named by --project: {shlex.join(['wasmbuild', 'lock', *flags, '--project', name])}"
    raise UsageFailed(f"no tool is called {name[:60]!r}", hint=hint)
