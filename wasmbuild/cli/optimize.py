"""``wasmbuild optimize``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FILE, OUTPUT, argument, option, verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.project import Optimize


@verb("optimize", "wasmbuild optimize dist/hello.wasm -o hello.small.wasm")
@argument("file", type=FILE)
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
@option("--in-place", is_flag=True, help="Replace FILE itself.")
@option(
    "--level",
    type=click.Choice(["size", "speed", "debug"]),
    default="size",
    help="What to aim at; debug keeps names. [default: size]",
)
def command(console: Console, file: Path, output: Path | None, in_place: bool, level: "Optimize") -> None:
    """Make the .wasm file FILE smaller or faster with Binaryen; of a component, each module in it.

    The result is checked to be valid, and is never larger: what does not get smaller stays as it is.
    Prints the name of the file that was written.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.ui.words import size
    from wasmbuild.workflows.files import write_file
    from wasmbuild.workflows.optimizing import optimize
    from wasmbuild.workflows.outputs import destination
    from wasmbuild.workflows.wasmtools import content
    from wasmbuild.workflows.workbench import Workbench

    target = destination(file, output, in_place=in_place)
    done = optimize(content(file), file.name, level, Workbench(Caches.of_user(), console.emit))
    write_file(target, (done.wasm,))
    console.emit(Note("info", f"{size(done.before)} before, {size(len(done.wasm))} after"))
    document = {
        "file": str(target),
        "before": done.before,
        "after": len(done.wasm),
        "modules": done.modules,
        "smaller": done.smaller,
    }
    console.result("optimize", str(target), document)
