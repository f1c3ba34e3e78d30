"""``wasmbuild new``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.cli.completing import template_names
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.templates import Template


@verb("new", "wasmbuild new --template c-cli hello")
@argument("folder", type=FOLDER, required=False)
@option(
    "-t",
    "--template",
    metavar="TEMPLATE",
    shell_complete=template_names,
    help="Its id, the URL of a git repository, or ./FOLDER.",
)
@option("--language", help="The language, in place of --template.")
@option("--kind", help="cli, library, http or program, in place of --template.  [default: cli]")
@option("--subfolder", metavar="PATH", help="Where in a repository or folder the template is.")
@option("--name", help="The project's name, when it is not the folder's.")
@option("--list", "listed", is_flag=True, envvar="WASMBUILD_NEW_LIST", help="List the templates, and make nothing.")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    *,
    folder: Path | None,
    template: str | None,
    language: str | None,
    kind: str | None,
    subfolder: str | None,
    name: str | None,
    listed: bool,
) -> None:
    """Start a project in FOLDER from a template.

    Without --template, a terminal is asked for it.
    """
    from wasmbuild.workflows.new import new
    from wasmbuild.workflows.templates import choose

    if template and (language or kind):
        raise UsageFailed("--template says it all: --language and --kind are in place of it")
    if listed:
        if folder or template or subfolder or name:
            raise UsageFailed("--list makes nothing", hint="wasmbuild new --list (--language and --kind narrow it)")
        _show(console, choose(language, kind))
        return
    template = template or _asked_for(console, choose(language, kind))
    folder = folder or _asked_where()
    files = new(template, folder, name=name or folder.absolute().name, subfolder=subfolder, sink=console.emit)
    document = {"path": str(folder), "files": [str(file.relative_to(folder)) for file in files]}
    console.result("new", str(folder), document)


def _show(console: Console, templates: "Sequence[Template]") -> None:
    console.result("new", _lines(templates), {"templates": [each.to_json() for each in templates]})


def _lines(templates: "Sequence[Template]") -> str:
    width = max(len(each.id) for each in templates)
    return "\n".join(f"{each.id:<{width}}  {each.description}" for each in templates)


def _asked_for(console: Console, templates: "Sequence[Template]") -> str:
    """The only template that is left, or the answer of a person."""
    ids = [each.id for each in templates]
    if len(ids) == 1:
        return ids[0]
    if not _terminal():
        example = "c-cli" if "c-cli" in ids else ids[0]
        raise UsageFailed(
            "it has to be said which template",
            cause=f"there are {', '.join(ids)}",
            hint=f"wasmbuild new --template {example} hello",
        )
    console.tell(_lines(templates))
    answer: str = click.prompt("Template", type=click.Choice(ids), show_choices=False, err=True)
    return answer


def _asked_where() -> Path:
    if not _terminal():
        raise UsageFailed("Missing argument 'FOLDER'", hint="wasmbuild new --template c-cli hello")
    answer: Path = click.prompt("Folder", type=FOLDER, err=True)
    return answer


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
