"""``wasmbuild strip``."""

from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.cli.common import OUTPUT, argument, option, verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmbuild.wasm.editing.strip import Dropped

_SHOWN = 20


@verb("strip", "wasmbuild strip dist/hello.wasm -o hello.small.wasm")
@argument("file")
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
@option("--in-place", is_flag=True, help="Replace FILE itself.")
@option("--all", "everything", is_flag=True, envvar="WASMBUILD_STRIP_ALL", help="Take out names and the like, too.")
@option("--keep", multiple=True, metavar="NAME", help="A section that stays (* allowed); may be given again.")
@option("--delete", multiple=True, metavar="GLOB", help="Take out only these sections; may be given again.")
def command(
    console: Console,
    *,
    file: str,
    output: Path | None,
    in_place: bool,
    everything: bool,
    keep: tuple[str, ...],
    delete: tuple[str, ...],
) -> None:
    """Take custom sections out of the .wasm file FILE, and out of what is nested in it.

    Names of functions, the types of a component to be and dylink.0 stay, unless --all or --delete says
    otherwise. What is executed does not change. Prints the name of the file that was written.
    """
    from wasmbuild.ui.words import size
    from wasmbuild.workflows.outputs import destination
    from wasmbuild.workflows.rewriting import Source, strip_file, warning

    source = Source.open(file, "strip")
    target = destination(source.path, output, in_place=in_place)
    stripped, changed = strip_file(source, target, everything=everything, keep=keep, delete=delete)
    for line in _lines(stripped.dropped):
        console.emit(Note("info", line))
    console.emit(Note("info", f"{size(changed.before)} before, {size(changed.after)} after"))
    if changed.breaks_signature:
        console.emit(Note("warning", warning(changed)))
    dropped = [{"path": list(each.path), "name": each.name, "size": each.size} for each in stripped.dropped]
    console.result("strip", str(target), {**changed.to_json(), "dropped": dropped})


def _lines(dropped: "Sequence[Dropped]") -> list[str]:
    """What went, by name, the largest first."""
    from registry.words import printable
    from wasmbuild.ui.words import size

    sizes: dict[str, list[int]] = {}
    for each in dropped:
        sizes.setdefault(each.name, []).append(each.size)
    if not sizes:
        return ["there was nothing to take out"]
    ordered = sorted(sizes.items(), key=lambda item: (-sum(item[1]), item[0]))
    lines = [
        f"took out {printable(name, 80)}: {size(sum(each))}" + (f" in {len(each)} sections" if len(each) > 1 else "")
        for name, each in ordered[:_SHOWN]
    ]
    return [*lines, f"and {len(ordered) - _SHOWN} more"] if len(ordered) > _SHOWN else lines
