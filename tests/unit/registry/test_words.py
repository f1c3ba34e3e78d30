import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.words import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é ü 漢", "plain é ü 漢"),
        ("\x1b[31mred\r\n", "\\x1b[31mred\\x0d\\x0a"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
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
