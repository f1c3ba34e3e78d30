"""Every command as data, read from what click knows: for manual pages and the reference.

Not here: how a page looks (``manpages``, ``scripts/docs``). Reading all of it imports every verb.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from wasmbuild.cli.parameters import SECTIONS

__all__ = ["ArgumentPage", "CommandPage", "OptionPage", "command_pages"]

_EXAMPLE = "Example: "
_DEFAULT = re.compile(r"(.*?)\s*\[default: (.+)\]")
"""Of an option whose default is made when the command runs: its help says it."""


@dataclass(frozen=True, slots=True)
class OptionPage:
    """An option: ``names`` with the word for its value, its environment variables, and its default ("" for none)."""

    names: str
    text: str
    variables: tuple[str, ...] = ()
    default: str = ""
    choices: tuple[str, ...] = ()
    section: str = "Options"
    required: bool = False


@dataclass(frozen=True, slots=True)
class ArgumentPage:
    """A word that is no option: its name in the usage, whether it may be left out or repeated, what it may be."""

    name: str
    required: bool
    several: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandPage:
    """A command: its words, what ``--help`` says in paragraphs, and what it takes.

    ``commands`` are those of a group, each with its own words.
    """

    words: tuple[str, ...]
    usage: str
    summary: str
    paragraphs: tuple[str, ...]
    example: str
    arguments: tuple[ArgumentPage, ...] = ()
    options: tuple[OptionPage, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """The words with spaces."""
        return " ".join(self.words)


def command_pages(program: click.Command, name: str = "wasmbuild") -> Iterator[CommandPage]:
    """The program and all that is below it, each command before its own commands."""
    yield from _pages(program, click.Context(program, info_name=name, **program.context_settings), (name,))


def _pages(command: click.Command, context: click.Context, words: tuple[str, ...]) -> Iterator[CommandPage]:
    below: list[tuple[str, click.Command]] = []
    if isinstance(command, click.Group):
        found = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        below = [(name, each) for name, each in found if each is not None and not each.hidden]
    yield _page(command, context, words, tuple((*words, name) for name, _ in below))
    for name, each in below:
        own = click.Context(each, info_name=name, parent=context, **each.context_settings)
        yield from _pages(each, own, (*words, name))


def _page(
    command: click.Command, context: click.Context, words: tuple[str, ...], below: tuple[tuple[str, ...], ...]
) -> CommandPage:
    """A command; its options by their sections, in the order of help."""
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    options = (_option(each, context) for each in shown if isinstance(each, click.Option))
    paragraphs = tuple(" ".join(text.split()) for text in inspect.cleandoc(command.help or "").split("\n\n") if text)
    return CommandPage(
        words=words,
        usage=" ".join([*words, *command.collect_usage_pieces(context)]),
        summary=paragraphs[0] if paragraphs else "",
        paragraphs=paragraphs,
        example=(command.epilog or "").removeprefix(_EXAMPLE),
        arguments=tuple(_argument(each, context) for each in shown if isinstance(each, click.Argument)),
        options=tuple(sorted(options, key=lambda each: SECTIONS.index(each.section))),
        commands=below,
    )


def _argument(argument: click.Argument, context: click.Context) -> ArgumentPage:
    name = (argument.metavar or argument.human_readable_name or "").strip("[]") or argument.make_metavar(context)
    return ArgumentPage(name, argument.required, argument.nargs != 1, _choices(argument))


def _option(option: click.Option, context: click.Context) -> OptionPage:
    record = option.get_help_record(context)
    extra = option.get_help_extra(context)
    text = " ".join((option.help or "").split())
    said = _DEFAULT.fullmatch(text)
    return OptionPage(
        names=record[0] if record else ", ".join(option.opts),
        text=f"{said[1] if said else text}{_bounds(option)}",
        variables=tuple(extra.get("envvars", ())),
        default=said[2] if said else extra.get("default", ""),
        choices=_choices(option),
        section=getattr(option, "section", "Options"),
        required=option.required,
    )


def _bounds(option: click.Option) -> str:
    """What a number may be, as a sentence behind what it is; empty where it may be any."""
    if not isinstance(option.type, click.IntRange | click.FloatRange) or option.type.min is None:
        return ""
    most = option.type.max
    return f" At least {option.type.min:g}." if most is None else f" From {option.type.min:g} to {most:g}."


def _choices(parameter: click.Parameter) -> tuple[str, ...]:
    return tuple(map(str, parameter.type.choices)) if isinstance(parameter.type, click.Choice) else ()
