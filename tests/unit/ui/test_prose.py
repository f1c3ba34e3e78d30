"""Markdown of our documents, as a terminal gets it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.ui.prose import plain_text


def test_paragraphs_are_filled_and_links_written_out():
    text = "One **two** three\nfour [keys](keys.md#as-a-file) and\n[here](#above), [keys.md](keys.md)."
    assert plain_text(text, 40) == "One two three four keys\n(docs/keys.md#as-a-file) and here,\ndocs/keys.md."


def test_lists_and_code_keep_their_form():
    text = "Do:\n\n- one thing that is longer than the line can be\n- another\n```\nls  -l\n\nx\n```\nend"
    expected = "Do:\n\n- one thing that is longer than the line\n  can be\n- another\n\n    ls  -l\n\n    x\n\nend"
    assert plain_text(text, 40) == expected


@given(st.text(alphabet="ab -.\n", max_size=300), st.integers(0, 200))
def test_no_letter_is_lost_and_no_line_is_too_long(text, width):
    printed = plain_text(text, width)
    assert re.sub("[^ab]", "", printed) == re.sub("[^ab]", "", text)
    assert all(len(line) <= max(width, 40) or " " not in line.strip("- ") for line in printed.splitlines())


@given(st.text(alphabet="a -*|`[](#)\n", max_size=200))
def test_no_text_stops_it(text):
    assert plain_text(f"{text}\n\nend").rstrip("`").endswith("end")
