"""Manual pages, section 1, out of the tree of commands: man(7), as groff and mandoc both read it."""

from collections.abc import Iterator
from itertools import groupby

from wasmbuild import __version__
from wasmbuild.cli.commandtree import ArgumentPage, CommandPage, OptionPage
from wasmbuild.errors import ExitCode

__all__ = ["EXIT_STATUS", "man_page", "page_name"]

EXIT_STATUS = {
    ExitCode.OK: "It worked.",
    ExitCode.FAILED: "The build or the operation failed, or the answer to a question was no.",
    ExitCode.USAGE: "Usage or configuration.",
    ExitCode.NOTHING_TO_DO: "There was nothing to do.",
    ExitCode.DENIED: "Verification or a policy denied it.",
    ExitCode.AUTHENTICATION: "The registry wants other credentials, or forbids it.",
    ExitCode.REGISTRY: "The registry or the network.",
    ExitCode.TOOLCHAIN: "The toolchain is missing.",
    ExitCode.BUG: "A bug in wasmbuild.",
    ExitCode.TIMED_OUT: "The guest took longer than it may.",
    ExitCode.INTERRUPTED: "Interrupted.",
    ExitCode.TRAPPED: "The guest trapped.",
    ExitCode.OUT_OF_MEMORY: "The guest needs more memory than it may have.",
    ExitCode.OUT_OF_FUEL: "The guest executed more than it may.",
}
_OF_GUESTS = frozenset({ExitCode.TIMED_OUT, ExitCode.TRAPPED, ExitCode.OUT_OF_MEMORY, ExitCode.OUT_OF_FUEL})
_RUNS_GUESTS = frozenset({"run"})


def page_name(words: tuple[str, ...]) -> str:
    """What a command's page is called: ``wasmbuild-registry-user-add``."""
    return "-".join(words)


def man_page(page: CommandPage, summaries: dict[tuple[str, ...], str]) -> str:
    """The page of a command, as roff; ``summaries`` are what all commands are for, by their words."""
    name = page_name(page.words)
    lines = [
        f'.TH {_quoted(name.upper())} 1 "" {_quoted(f"wasmbuild {__version__}")} {_quoted("wasmbuild")}',
        ".nh",
        ".SH NAME",
        f"{_text(name)} \\- {_text(page.summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_text(page.name)}",
        _text(page.usage.removeprefix(page.name).strip()),
        ".SH DESCRIPTION",
        *_paragraphs(page.paragraphs),
        *_arguments(page.arguments),
        *_commands(page.commands, summaries),
        *_options(page.options),
        *_exit_status(page.words),
        ".SH EXAMPLES",
        *_block(page.example),
        ".SH SEE ALSO",
        *_see_also(page),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _paragraphs(paragraphs: tuple[str, ...]) -> Iterator[str]:
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _text(paragraph)


def _arguments(arguments: tuple[ArgumentPage, ...]) -> Iterator[str]:
    for argument in arguments:
        if argument.choices:
            yield ".PP"
            yield _text(f"{argument.name} is one of {', '.join(argument.choices)}.")


def _commands(commands: tuple[tuple[str, ...], ...], summaries: dict[tuple[str, ...], str]) -> Iterator[str]:
    if commands:
        yield ".SH COMMANDS"
    for words in commands:
        yield from (".TP", f".B {_text(words[-1])}", _text(summaries[words]))


def _options(options: tuple[OptionPage, ...]) -> Iterator[str]:
    for section, members in groupby(options, key=lambda each: each.section):
        yield f".SH {section.upper() if section == 'Options' else _quoted(f'{section} options'.upper())}"
        for option in members:
            yield from (".TP", f".B {_text(option.names)}", _text(option.text))
            if option.default:
                yield _text(f"Default: {option.default}.")
            if option.variables:
                yield _text(f"Environment: {', '.join(option.variables)}.")


def _exit_status(words: tuple[str, ...]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_STATUS.items():
        if code not in _OF_GUESTS or len(words) == 1 or words[1] in _RUNS_GUESTS:
            yield from (".TP", f".B {int(code)}", _text(meaning))


def _block(text: str) -> Iterator[str]:
    yield from (".nf", ".RS", *map(_text, text.split("\n")), ".RE", ".fi")


def _see_also(page: CommandPage) -> Iterator[str]:
    near = [page.words[:-1]] if len(page.words) > 1 else []
    names = [page_name(words) for words in (*near, *page.commands)]
    yield ",\n".join(f"\\fB{_text(name)}\\fR(1)" for name in names)


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', "\\(dq") + '"'


def _text(text: str) -> str:
    """Text that is nothing but text to roff: no escapes, no requests, and a hyphen that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti")
    escaped = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped
