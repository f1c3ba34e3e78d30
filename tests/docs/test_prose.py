"""What pages, and the files of CI systems and of deployment, say of commands beside those that are played is there."""

import re

import pytest

from tests.docs.blocks import CHECKOUT, PAGES, prose_of, text_of
from wasmbuild.cli.commandtree import command_pages
from wasmbuild.cli.main import _program
from wasmbuild.workflows.ci.findings import RULES

OTHERS = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for pattern in ("action.yml", "templates/ci/*", ".github/workflows/*", "deploy/**/*", "templates/*/README.md")
    for path in CHECKOUT.glob(pattern)
    if path.is_file()
)
_INLINE = re.compile(r"`(wasmbuild [^`]+)`")
_LINE = re.compile(r"(?<![\w/.`-])wasmbuild [a-z][^\n`]*")
_END = re.compile(r"[|;&#()]|  |, ")
"""What ends a command in a line of a shell, or of a sentence."""


@pytest.fixture(scope="module")
def options():
    """The options of each command, by its words."""
    return {
        page.words: {word for option in page.options for word in re.findall(r"(?<![\w-])--?[a-z][\w-]*", option.names)}
        for page in command_pages(_program)
    }


def wrong_in(command, options):
    """The words of a command that there are not; none where it is not a command, but a sentence."""
    words = command.split()
    known = ("wasmbuild",)
    while len(words) > len(known) and (*known, words[len(known)]) in options:
        known = (*known, words[len(known)])
    rest = words[len(known) :]
    given = [word.partition("=")[0].rstrip(",.:") for word in rest[: rest.index("--") if "--" in rest else None]]
    return [word for word in given if re.match(r"--[a-z]", word) and word not in options[known]]


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_sentences_are_there(name, options):
    verbs = {words[1] for words in options if len(words) > 1}
    for command in _INLINE.findall(prose_of(name)):
        verb = command.split()[1]
        assert verb in verbs or not re.fullmatch(r"[a-z][a-z-]+", verb), f"{name}: {command}"
        assert wrong_in(command, options) == [], f"{name}: {command}"


@pytest.mark.parametrize("name", [*PAGES, *OTHERS])
def test_options_in_lines_are_there(name, options):
    for line in _LINE.findall(text_of(name).replace("\\\n", " ")):
        command = _END.split(line)[0]
        assert wrong_in(command, options) == [], f"{name}: {command}"


def test_every_rule_of_ci_check_is_in_a_table():
    tables = text_of("docs/how-to/github.md") + text_of("docs/how-to/gitlab.md")
    assert [rule for rule in RULES if f"`{rule}`" not in tables] == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("wasmbuild push x --sgin", ["--sgin"]),
        ("wasmbuild registry user add ada --group=dev --grup=x", ["--grup"]),
        ("wasmbuild run x --dir a -- --anything", []),
        ("wasmbuild is a tool", []),
    ],
)
def test_what_is_not_there_is_found(command, wrong, options):
    assert wrong_in(command, options) == wrong
