"""``wasmbuild component unbundle``."""

from pathlib import Path

import click

from wasmbuild.cli.common import FILE, FOLDER, argument, option, verb
from wasmbuild.ui.console import Console


@verb("unbundle", "wasmbuild component unbundle hello.wasm -o parts")
@argument("component", type=FILE)
@option("-o", "--output", type=FOLDER, required=True, help="The folder for the parts: a new one, or an empty one.")
@option(
    "--threshold", type=click.IntRange(0), default=0, help="Bytes: smaller modules stay where they are. [default: 0]"
)
def command(console: Console, component: Path, output: Path, threshold: int) -> None:
    """Take the core modules of the file COMPONENT out, each to a file.

    What is left is component.wasm, which imports them by the names of their files. Prints the names of
    the files.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.components import unbundle
    from wasmbuild.workflows.wasmtools import content
    from wasmbuild.workflows.workbench import Workbench

    bench = Workbench(Caches.of_user(), console.emit)
    made = unbundle(content(component), output, bench, threshold=threshold)
    files = [{"file": str(made.folder / name), "size": size} for name, size in made.files]
    text = "\n".join(str(made.folder / name) for name, _ in made.files)
    console.result("component unbundle", text, {"folder": str(made.folder), "files": files})
