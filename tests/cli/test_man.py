"""Manual pages: one for each command, as troff reads them."""

import re

import pytest

from wasmbuild.cli.commandtree import command_pages
from wasmbuild.cli.main import _program, run
from wasmbuild.cli.manpages import EXIT_STATUS, man_page
from wasmbuild.errors import ExitCode


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
    known = {".TH", ".nh", ".SH", ".B", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE"}
    summaries = {words: page.summary for words, page in pages.items()}
    for page in pages.values():
        lines = man_page(page, summaries).splitlines()
        assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= known
        assert all(re.fullmatch(r"[\x20-\x7e]*", line) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["man", "pusj"], "wasmbuild man push"), (["man", "push", "-o", "x"], "leave out"), (["man", "zz"], "--help")],
)
def test_what_cannot_be_done_is_said(arguments, hint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert hint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
