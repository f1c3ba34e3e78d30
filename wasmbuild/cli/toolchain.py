"""``wasmbuild toolchain``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.cli.lazy import HELP
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.toolchains import Pinned


@click.group("toolchain", context_settings=HELP, epilog="Example: wasmbuild toolchain list")
def command() -> None:
    """Look after the compilers that wasmbuild fetches: each once for all projects, by hash."""


_project = option("--project", type=FOLDER, default=".", help="The project whose lock counts, too. [default: .]")


@verb("list", "wasmbuild toolchain list")
@_project
def _list(console: Console, project: Path) -> None:
    """List the tools that wasmbuild pins, and those that the project's wasmbuild.lock has.

    One a line: name, version, its size on disk or - when it is not installed yet, and "used" when the
    project's lock has it. A release that only the lock has is marked "locked".
    """
    from wasmbuild.caches import Caches
    from wasmbuild.ui.words import size
    from wasmbuild.workflows.toolchains import list_tools

    found = list_tools(project, Caches.of_user())
    rows = [
        (each.pin.name, each.pin.version, "-" if each.size is None else size(each.size), _remark(each))
        for each in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {version:<{widths[1]}}  {room:>{widths[2]}}  {remark}".rstrip()
        for name, version, room, remark in rows
    ]
    console.result("toolchain list", "\n".join(lines), {"tools": [_to_json(each) for each in found]})


@verb("install", "wasmbuild toolchain install zig go")
@argument("names", metavar="[NAME]...", nargs=-1)
@option(
    "--all",
    "everything",
    is_flag=True,
    envvar="WASMBUILD_TOOLCHAIN_INSTALL_ALL",
    help="Every tool that wasmbuild pins.",
)
@_project
def _install(console: Console, names: tuple[str, ...], everything: bool, project: Path) -> None:
    """Fetch the tools NAME, or without a name those of the project's wasmbuild.lock.

    Builds fetch what they need themselves: this is for machines that will have no network. Prints the
    folder of each.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.toolchains import install_tools

    if names and everything:
        raise UsageFailed("--all and names do not go together")
    tools = install_tools(project, Caches.of_user(), console.emit, names=names, everything=everything)
    document = [
        {"name": tool.name, "version": tool.version, "digest": str(tool.digest), "folder": str(tool.root)}
        for tool in tools
    ]
    console.result("toolchain install", "\n".join(str(tool.root) for tool in tools), {"tools": document})


@verb("prune", "wasmbuild toolchain prune")
@option("--all", "everything", is_flag=True, envvar="WASMBUILD_TOOLCHAIN_PRUNE_ALL", help="Remove all of them.")
@_project
def _prune(console: Console, everything: bool, project: Path) -> None:
    """Remove the tools that neither this wasmbuild nor the project's wasmbuild.lock pins.

    A build that needs one again fetches it again. What is being used stays. Prints the bytes freed.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.ui.words import size
    from wasmbuild.workflows.toolchains import prune_tools

    pruned = prune_tools(project, Caches.of_user(), console.emit, everything=everything)
    for name, freed in pruned.removed:
        console.emit(Note("info", f"removed {name}: {size(freed)}"))
    document = {
        "freed": pruned.freed,
        "removed": [{"folder": name, "size": freed} for name, freed in pruned.removed],
        "inUse": list(pruned.in_use),
    }
    console.result("toolchain prune", size(pruned.freed), document)


def _remark(each: "Pinned") -> str:
    words = [word for word, holds in (("locked", not each.shipped), ("used", each.used)) if holds]
    return " ".join(words)


def _to_json(each: "Pinned") -> dict[str, object]:
    return {
        "name": each.pin.name,
        "package": each.pin.package,
        "version": each.pin.version,
        "digest": str(each.pin.digest),
        "installed": each.size is not None,
        "size": each.size,
        "folder": str(each.folder),
        "shipped": each.shipped,
        "used": each.used,
    }


command.add_command(_list)
command.add_command(_install)
command.add_command(_prune)
