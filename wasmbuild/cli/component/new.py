"""``wasmbuild component new``."""

from pathlib import Path

from wasmbuild.cli.common import FILE, OUTPUT, argument, option, verb
from wasmbuild.ui.console import Console


@verb("new", "wasmbuild component new hello.wasm -o hello.component.wasm")
@argument("module", type=FILE)
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
@option(
    "--adapt",
    multiple=True,
    metavar="KIND|NAME=FILE",
    help="What replaces imports of WASI 0.1: command, reactor, or a file. [default: by what MODULE exports]",
)
@option("--wit", metavar="FOLDER", help="What a library's imports and exports mean, as WIT.")
@option("--world", help="Which world of the WIT it is, where there are several.")
def command(
    console: Console, module: Path, output: Path | None, adapt: tuple[str, ...], wit: str | None, world: str | None
) -> None:
    """Make a component of the core module in the file MODULE.

    A module with _start becomes a command (wasi:cli/run), any other a library, whose exports --wit
    describes unless its compiler wrote that into it. Prints the file's name.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.components import new_component
    from wasmbuild.workflows.files import write_file
    from wasmbuild.workflows.outputs import destination
    from wasmbuild.workflows.wasmtools import content
    from wasmbuild.workflows.workbench import Workbench

    target = destination(module, output)
    bench = Workbench(Caches.of_user(), console.emit)
    before = content(module)
    made = new_component(before, bench, adapt=adapt, wit=Path(wit) if wit is not None else None, world=world)
    write_file(target, (made,))
    console.result("component new", str(target), {"file": str(target), "before": len(before), "after": len(made)})
