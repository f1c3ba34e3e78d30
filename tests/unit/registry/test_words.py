import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.words import pasted, printable, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é ü 漢", "plain é ü 漢"),
        ("\x1b[31mred\r\n", "\\x1b[31mred\\x0d\\x0a"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
        ("\u061cabc", "\\u061cabc"),
        ("wasi\u200b:\ufeff\U000e0041", "wasi\\u200b:\\ufeff\\ue0041"),
        ("half \ud800", "half \\ud800"),
        ("x" * 700, "x" * 600 + "…"),
    ],
)
def test_what_is_shown(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_it_is_one_line_and_can_be_written(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1


@given(st.text(st.sampled_from("a\x1b\u202e漢"), max_size=40), st.integers(0, 30))
def test_it_is_cut_where_it_is_too_long(text, limit):
    whole = printable(text, 10_000)
    assert printable(text, limit) == (whole if len(whole) <= limit else whole[:limit] + "…")


def test_of_a_long_text_only_the_beginning_is_looked_at():
    text = "\x1b" * 10_000_000
    began = time.process_time()
    assert len(printable(text)) == 601
    assert time.process_time() - began < 0.1


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="\x00"), min_size=1))
def test_what_is_pasted_is_one_word(word):
    assert shlex.split(f"wasmbuild verify {pasted(word)}")[2:] == [word]


def test_what_is_pasted_is_printable():
    assert pasted("a\x1b[2J;b") == "'a\\x1b[2J;b'"
    assert pasted("ghcr.io/acme/hello:1.0.0@sha256:ab") == "ghcr.io/acme/hello:1.0.0@sha256:ab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "'plain'"),
        ("it's", '"it\'s"'),
        ("x" * 20, f"'{'x' * 20}'"),
        ("x" * 21, f"'{'x' * 17}...'"),
        ("\0" * 5, "'\\x00\\x00\\x00\\x00\\x00'"),
        ("\0" * 20, "'\\x00\\x00\\x00\\x00\\...'"),
    ],
)
def test_what_is_quoted(text, shown):
    assert quoted(text, 20) == shown


@given(st.text())
def test_quotes_are_short_and_on_one_line(text):
    assert len(quoted(text, 30)) <= 32
    assert quoted(text, 30) == printable(quoted(text, 30))
