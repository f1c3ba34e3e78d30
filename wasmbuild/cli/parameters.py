"""What click is told about options and arguments: the kinds of paths, and how help shows them."""

import os
from pathlib import Path
from typing import Any

import click

from wasmbuild.errors import UsageFailed

__all__ = ["FILE", "FOLDER", "ONE_FILE", "OUTPUT", "SECTIONS", "Shared", "Verb", "once", "was_given"]

SECTIONS = ("Options", "Build", "Registry", "Connection", "Output")
"""In which help has options, in its order; the first has the command's own."""


class _File(click.Path):
    """The path of a file; ``-`` stays as it is, and ``./-`` is a file of that name."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        return path.absolute() if str(path) == "-" != os.fspath(value) else path


class _Output(_File):
    """The path of a file to be written under its own name: neither stdout nor a place."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        text = os.fspath(value)
        if text == "-":
            raise UsageFailed("--output takes a file, and - is stdout", hint="-o FILE (-o ./- for a file of that name)")
        if text.startswith(("oci:", "oci-archive:")):
            raise UsageFailed(
                f"--output takes a file, and {text} is a place", hint="-o FILE (wasmbuild copy takes places)"
            )
        path = super().convert(value, param, ctx)
        if not path.name:
            raise UsageFailed("--output names no file", hint="-o FILE")
        return path


class _OneFile(_File):
    """The path of a file for an option that may be given once alone; its variable has one path, too."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """One path, whatever is in it."""
        return [rv]


def once(_: click.Context, option: click.Parameter, given: tuple[Path, ...]) -> Path | None:
    """The one value of an option of ``ONE_FILE``; that it has ``multiple`` shows what click would drop.

    Raises UsageFailed for two: each of them demands something, and one would be passed over.
    """
    if len(given) > 1:
        raise UsageFailed(f"{option.opts[0]} is given twice, and one of them would not count", hint="give one")
    return given[0] if given else None


FILE = _File()
ONE_FILE = _OneFile()
FOLDER = click.Path(path_type=Path, file_okay=False)
OUTPUT = _Output()


class Shared(click.Option):
    """An option of many verbs, which help shows in a section after the verb's own."""

    def __init__(self, section: str, *names: str, **settings: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(names, **settings)
        self.section = section


class Verb(click.Command):
    """A command that shows its own options first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; each of its errors knows its command, for whose ``--help`` the hint asks."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each kind of option that there is."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):
                sections[parameter.section if isinstance(parameter, Shared) else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def was_given(name: str) -> bool:
    """Whether a parameter of the command that runs has its value from a person, and not by default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name in {"COMMANDLINE", "ENVIRONMENT"}
