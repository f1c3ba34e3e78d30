"""Manual pages: one for each command, as troff reads them."""

import re
import shlex

import click
import pytest

from wasmbuild.cli.commandtree import CommandPage, command_pages
from wasmbuild.cli.main import _program, run
from wasmbuild.cli.manpages import EXIT_STATUS, man_page
from wasmbuild.errors import ExitCode

REQUESTS = {".TH", ".nh", ".SH", ".B", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE"}
"""Those that pages are made of."""


@pytest.fixture(scope="module")
def pages():
    return {page.words: page for page in command_pages(_program)}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man") / "man1"
    assert run(["man", "--output", str(folder)]) == 0
    return folder


def test_every_command_has_help_with_an_example(pages):
    """What is read as ``--help`` is read here; each example begins with the command that it is of."""
    for page in pages.values():
        assert page.summary, page.name
        assert page.example, page.name
        assert page.name in page.example.replace("\n", " "), f"{page.name}: {page.example}"


def test_every_command_takes_help_by_both_names_whoever_calls_it_first(pages):
    for words in pages:
        command = _program
        for word in words[1:]:
            command = command.get_command(click.Context(command), word)
        context = click.Context(command, **command.context_settings)
        assert set(command.get_help_option_names(context)) == {"-h", "--help"}, words


def understood(words):
    """Reads a command line as it is read before a command begins."""
    command, context, name = _program, None, "wasmbuild"
    while isinstance(command, click.Group):
        context = command.make_context(name, list(words), parent=context)
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(name, list(words), parent=context)


def test_every_example_can_be_read(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = 0
    for page in pages.values():
        for line in re.findall(r"wasmbuild ([^|<>&)]+)", page.example):
            try:
                understood(shlex.split(line))
            except click.ClickException as error:
                pytest.fail(f"{page.name}: {line}: {error.format_message()}")
            read += 1
    assert read >= len(pages)


@pytest.mark.parametrize("line", ["push --no-such x", "registry usr list", "keys generate --output", "resolve"])
def test_an_example_that_is_wrong_is_found(line):
    with pytest.raises(click.UsageError):
        understood(shlex.split(line))


def test_every_option_says_what_it_is(pages):
    missing = [(page.name, option.names) for page in pages.values() for option in page.options if not option.text]
    assert missing == []


def test_every_command_has_a_page(pages, written):
    assert {each.stem for each in written.iterdir()} == {"-".join(words) for words in pages}


def test_a_page_says_what_help_says(capsys):
    assert run(["man", "registry", "user", "add"]) == 0
    page = capsys.readouterr().out
    assert page.startswith('.TH "WASMBUILD\\-REGISTRY\\-USER\\-ADD" 1 ')
    for word in (r"\-\-password\-stdin", "WASMBUILD_REGISTRY_USER_ADD_GROUPS", "Usage or configuration.", "ada"):
        assert word in page
    assert r"\fBwasmbuild\-registry\-user\fR(1)" in page


def test_every_exit_code_is_told():
    assert set(EXIT_STATUS) == set(ExitCode)


def test_text_is_never_a_request(pages):
    """A line of a page begins with a dot only where we wrote a request."""
    summaries = {words: page.summary for words, page in pages.items()}
    for page in pages.values():
        lines = man_page(page, summaries).splitlines()
        assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= REQUESTS
        assert all(re.fullmatch(r"[\x20-\x7e]*", line) for line in lines)


def test_text_of_any_kind_stays_text():
    words = (".SH A", "'br", r"a\fBb \n(.x", "-x `y` ^~", "é")
    page = CommandPage(("wasmbuild", "x"), "wasmbuild x", '.so "/etc/passwd"', words, ".PP\nwasmbuild x\n'sp")
    text = man_page(page, {})
    assert {line for line in text.splitlines() if line[:1] in (".", "'") and line.split()[0] not in REQUESTS} == set()
    assert {r"\&.SH A", r"\&\(aqbr", r"\&.PP", r"\&\(aqsp"} <= set(text.splitlines())
    assert r"a\efBb \en(.x" in text
    assert r"\-x \(gay\(ga \(ha\(ti" in text
    assert r"\[u00E9]" in text


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["man", "pusj"], "wasmbuild man push"), (["man", "push", "-o", "x"], "leave out"), (["man", "zz"], "--help")],
)
def test_what_cannot_be_done_is_said(arguments, hint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert hint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
