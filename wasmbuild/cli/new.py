"""``wasmbuild new``."""

from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.ui.console import Console


@verb("new", "wasmbuild new --template c-cli hello")
@argument("folder", type=FOLDER)
@option("-t", "--template", required=True, help="The template to start from.")
@option("--name", help="The project's name, when it is not the folder's.")
def command(console: Console, folder: Path, template: str, name: str | None) -> None:
    """Start a project in FOLDER from a template."""
    from wasmbuild.workflows.new import new

    files = new(template, folder, name=name or folder.absolute().name)
    document = {"path": str(folder), "files": [str(file.relative_to(folder)) for file in files]}
    console.result("new", str(folder), document)
