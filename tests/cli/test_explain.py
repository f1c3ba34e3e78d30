"""``wasmbuild explain``: the page of an error, however a person writes its code."""

import json

import pytest

from wasmbuild.cli.main import run
from wasmbuild.workflows.explanations import explanations


@pytest.mark.parametrize(
    "asked", ["WB401", "wb401", "401", "#401", "WB-401", "error[WB401]", "docs/errors.md#wb401", "Unsigned"]
)
def test_a_code_in_any_form(asked, capsys):
    assert run(["explain", asked]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("WB401: unsigned\n\nA signature is required")
    assert printed.endswith("Exit code 4. See docs/errors.md#wb401\n")


@pytest.mark.parametrize(
    "line",
    [
        "error[WB301]: the registry 127.0.0.1:401 could not be reached",
        "/srv/wb401/job.log:12: error[WB301]: the registry wb402.example.com could not be reached",
        "error[WB301]: the registry 127.0.0.1:1 could not be reached\n  docs:  wasmbuild explain WB110",
    ],
)
def test_a_whole_line_that_was_pasted(line, capsys):
    assert run(["explain", line]) == 0
    assert capsys.readouterr().out.startswith("WB301: unreachable\n")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("WB306", " WB305"), ("unsignd", " WB401"), ("WB4011", ""), ("", ""), ("\x1b[3m", ""), ("WB000", "")],
)
def test_an_unknown_code_is_guessed_and_named(asked, hint, capsys):
    assert run(["explain", asked]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert f"  hint:  wasmbuild explain{hint}" in told.splitlines()


def test_all_codes_are_listed_once(capsys):
    assert run(["explain", "--format", "json"]) == 0
    listed = [each["code"] for each in json.loads(capsys.readouterr().out)["errors"]]
    assert len(listed) == len(set(listed)) > 40
    assert run(["explain"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("  WB")] == listed


def test_as_a_document(capsys):
    assert run(["explain", "WB702", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["code"] == "WB702"
    assert document["exitCode"] == 124
    assert document["section"] == "WebAssembly"
    assert "--timeout" in document["text"]


def test_each_page_can_be_read():
    for page in explanations():
        assert page.title, page.code
        assert page.section, page.code
        assert len(page.text) > 40, page.code
        assert page.exit_code is not None, page.code
