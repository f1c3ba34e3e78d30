"""What shells are told when somebody presses the tab key: the answer, and the values that no type lists.

A shell calls us for each key, in whatever folder it is: nothing heavy is imported, nothing is fetched, and
whatever goes wrong is an empty answer. Not here: the scripts of the shells (``completion``).
"""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

__all__ = [
    "SHELLS",
    "VARIABLE",
    "command_words",
    "complete",
    "error_codes",
    "files",
    "places",
    "targets",
    "template_names",
]

VARIABLE = "_WASMBUILD_COMPLETE"
"""What the scripts of click ask with: the name of a shell, and ``_complete``."""

_PLACE = re.compile(r"[A-Za-z0-9._:/-]+")
_SAFE = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
"""Of names that a project says: bash splits and expands an answer."""


class _Joined(ShellComplete):
    """Completes ``--option=value``, where the shell replaces the whole word, and not what is after the sign."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What click finds, which is the value alone, with the option before it."""
        option, sign, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if not sign or not option.startswith("--"):
            return found
        return [CompletionItem(f"{option}={each.value}", each.type, each.help) for each in found]


class _Bash(_Joined, BashComplete):
    """Completes ``--option=value``, where bash makes three words of it."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words of the line without those signs."""
        words, incomplete = super().get_completion_args()
        return [word for word in words if word != "="], incomplete


class _Zsh(_Joined, ZshComplete):
    """What click has for zsh, which would put the value in the place of the option, too, and find no file there."""

    source_template = ZshComplete.source_template.replace(" _path_files", " compset -P 1 '--*='; _path_files")


class _Fish(_Joined, FishComplete):
    """What click has for fish, whose script cuts descriptions at a comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}
"""Those that can be asked for: what makes the script of each, and answers it."""


def complete(program: click.Command, instruction: str) -> None:
    """Answer a shell on stdout; with nothing where the line, or a file of the folder, cannot be read."""
    for name, kind in SHELLS.items():
        add_completion_class(kind, name)
    with suppress(Exception), Path(os.devnull).open("w") as nowhere:
        sys.stderr, kept = nowhere, sys.stderr
        try:
            shell_complete(program, {}, "wasmbuild", VARIABLE, instruction)
        finally:
            sys.stderr = kept


def error_codes(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The codes of errors, each with its title."""
    from wasmbuild.workflows.explanations import explanations

    wanted = incomplete.upper()
    return [CompletionItem(page.code, help=page.title) for page in explanations() if page.code.startswith(wanted)]


def template_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The templates that come with wasmbuild; ids are the names of their folders."""
    from wasmbuild.workflows.templates import DESCRIPTION, templates_root

    names = sorted(path.parent.name for path in templates_root().glob(f"*/{DESCRIPTION}"))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def command_words(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The words of commands, one after the other."""
    group: click.Command | None = context.find_root().command
    for word in context.params.get("words") or ():
        group = group.get_command(context, word) if isinstance(group, click.Group) else None
    names = group.list_commands(context) if isinstance(group, click.Group) else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Files, for what may be something else as well, such as a key."""
    return [CompletionItem(incomplete, type="file")]


def places(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The repository of the project in this folder, once somebody has begun to write it; otherwise files."""
    from wasmbuild.project import PROJECT_FILE
    from wasmbuild.tables import read_table

    repository = None
    if incomplete:
        with suppress(Exception):  # files are there without a project, and beside a broken one
            repository = read_table(Path(PROJECT_FILE)).table("registry").text("repository")
    if repository and _PLACE.fullmatch(repository) and repository.startswith(incomplete):
        return [CompletionItem(repository)]
    return [CompletionItem(incomplete, type="file")]


def targets(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The targets of the project in the command's folder, or in this one."""
    from wasmbuild.project import PROJECT_FILE
    from wasmbuild.tables import read_table

    table = read_table(Path(context.params.get("folder") or ".") / PROJECT_FILE).table("target")
    return [CompletionItem(name) for name in table.values if _SAFE.fullmatch(name) and name.startswith(incomplete)]
