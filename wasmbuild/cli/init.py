"""``wasmbuild init``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.init import Proposal


@verb("init", "wasmbuild init --language c")
@argument("folder", type=FOLDER, default=".")
@option("--language", help="The language, where there are sources in several.")
@option("--name", help="The project's name. [default: from package.json and the like, or the folder's]")
@option("--yes", is_flag=True, help="Ask nothing.")
def command(console: Console, folder: Path, language: str | None, name: str | None, yes: bool) -> None:
    """Write a wasmbuild.toml for the sources in FOLDER, and print its path.

    On a terminal, it asks what the project shall be called. A file that is there is never replaced.
    """
    from wasmbuild.project import make_name, valid_name
    from wasmbuild.workflows.init import propose, write_project

    if name is not None and not valid_name(name):
        raise UsageFailed(
            f"{name[:80]!r} cannot be the name of a project", hint=f"for example --name {make_name(name)}"
        )
    proposal = propose(folder, language).but(name=name)
    console.emit(Note("info", f"{proposal.language}: {proposal.why}"))
    if not yes and sys.stdin.isatty():
        console.close()
        proposal = _asked(proposal, ask_name=name is None)
    path = write_project(proposal)
    document = {"path": str(path), "name": proposal.name, "version": proposal.version, "language": proposal.language}
    console.result("init", str(path), document)


def _asked(proposal: "Proposal", *, ask_name: bool) -> "Proposal":
    """The proposal with a person's answers."""
    from wasmbuild.project import valid_name, valid_version

    name = _ask("Name", proposal.name, valid_name) if ask_name else proposal.name
    version = _ask("Version", proposal.version, valid_version)
    description: str = click.prompt("Description", default=proposal.about.description or "", err=True)
    return proposal.but(name=name, version=version, description=" ".join(description.split()) or None)


def _ask(question: str, default: str, valid: Callable[[str], bool]) -> str:
    while True:
        answer: str = click.prompt(question, default=default, err=True)
        if valid(answer):
            return answer
        click.echo(f"{answer!r} is not valid here; for example {default}", err=True)
