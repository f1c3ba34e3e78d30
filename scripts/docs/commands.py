"""A page for each command of the command line, with those below it, from the tree that ``--help`` shows."""

from collections.abc import Iterator
from functools import cache
from itertools import groupby

from scripts.docs.markdown import code, table, text
from wasmbuild.cli.commandtree import ArgumentPage, CommandPage, OptionPage, command_pages
from wasmbuild.cli.main import _program

__all__ = ["commands", "overview", "variables"]


def commands() -> dict[str, str]:
    """The pages of all verbs, by the name of the verb."""
    pages = _pages()
    verbs = [page for page in pages if len(page.words) == 2]
    return {verb.words[1]: _page([each for each in pages if each.words[:2] == verb.words]) for verb in verbs}


def overview() -> str:
    """All commands with what they are for."""
    pages = _pages()
    rows = [
        (f"[`{page.name}`]({page.words[1]}.md{_anchor(page)})", text(page.summary))
        for page in pages
        if len(page.words) > 1 and not page.commands
    ]
    return (
        "# Commands\n\nEvery command has these pages, `--help`, and a manual page (`wasmbuild man`). What a command "
        "ends with is in [errors](../../errors.md#exit-codes).\n\n" + table(("command", "does"), rows)
    )


def variables() -> dict[str, list[str]]:
    """The options that each environment variable stands for, with their commands, by the variable."""
    found: dict[str, list[str]] = {}
    for page in _pages():
        for option in page.options:
            for variable in option.variables:
                found.setdefault(variable, []).append(f"{page.name} {_longest(option)}")
    return found


@cache
def _pages() -> tuple[CommandPage, ...]:
    return tuple(command_pages(_program))


def _longest(option: OptionPage) -> str:
    words = [word.strip(",") for word in option.names.split() if word.startswith("-")]
    return next((word for word in words if word.startswith("--")), words[0])


def _anchor(page: CommandPage) -> str:
    return f"#{'-'.join(page.words)}" if len(page.words) > 2 else ""


def _page(pages: list[CommandPage]) -> str:
    return "\n".join(line for page in pages for line in _lines(page))


def _lines(page: CommandPage) -> Iterator[str]:
    level = "#" * (len(page.words) - 1)
    anchor = f" {{ {_anchor(page)} }}" if _anchor(page) else ""
    yield f"{level} {page.name}{anchor}\n"
    for paragraph in page.paragraphs:
        yield f"{text(paragraph)}\n"
    yield f'```text title="Usage"\n{page.usage}\n```\n'
    yield f'```text title="Example"\n{page.example}\n```\n'
    yield from _choices(page.arguments)
    for section, members in groupby(page.options, key=lambda each: each.section):
        rows = [_row(each) for each in members if each.names != "-h, --help"]
        if rows:
            title = "option" if section == "Options" else f"option ({section.lower()})"
            yield table((title, "says", "default", "variable"), rows)


def _choices(arguments: tuple[ArgumentPage, ...]) -> Iterator[str]:
    for argument in arguments:
        if argument.choices:
            yield f"{code(argument.name)} is one of {', '.join(map(code, argument.choices))}.\n"


def _row(option: OptionPage) -> tuple[str, ...]:
    variables = ", ".join(map(code, option.variables))
    default = "required" if option.required else code(option.default)
    return code(option.names), text(option.text), default, variables
