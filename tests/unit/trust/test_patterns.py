"""Expressions mean what Python's ``re`` says that they mean, and never take long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.trust.patterns import Pattern

ATOMS = st.sampled_from(["a", "b", "/", r"\.", ".", "[ab]", "[^a]", r"[a\]-]", r"\d", r"\w", "[]a]", "-", "é", "\n"])
QUANTIFIERS = st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | st.tuples(inner, QUANTIFIERS).map(lambda pair: f"(?:{pair[0]}){pair[1]}")
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.lists(st.text("ab/.5é-]\n", max_size=6), min_size=1, max_size=6))
def test_an_expression_means_what_it_does_elsewhere(expression, texts):
    for text in texts:
        assert Pattern.parse(expression).matches(text) is bool(re.fullmatch(expression, text, re.ASCII))


@given(st.text("ab(|)*+?{}[]\\^$.,1:-dw", max_size=12))
def test_whatever_is_understood_means_the_same(expression):
    try:
        found = Pattern.parse(expression)
    except ValueError:
        return
    for text in ("", "a", "b", "ab", "aab", "bba", "1", "-"):
        assert found.matches(text) is bool(re.fullmatch(expression, text, re.ASCII)), text


@pytest.mark.parametrize(
    "expression", [r"(a+)+b", r"(a|a)*b", r"(a*)*b", r".*/.*/.*/.*/.*@.*x", r"(a?){200}a{200}b", r"((a*b?)*c?)*x"]
)
def test_no_name_makes_an_expression_slow(expression):
    began = time.process_time()
    for text in ("a" * 4096, "/" * 4096, "ab" * 2048):
        assert not Pattern.parse(expression).matches(text)
    assert time.process_time() - began < 5  # for ever, with ``re``


MALFORMED = ["(", ")", "a)", "[a", "]", "*", "a**", "a+++", "a{2}{3}", "a{3,2}", "\\", "[b-a]", "{", "[a--b]", "[a&&b]"]
FOREIGN = [r"(a)\1", "(?=a)", "(?i)a", "(?P<n>a)", r"\A", r"\bx", "[[:alpha:]]", r"[\1]", r"[\b]", "x^", "(^a)", "a$b"]
LARGE = ["a{1000}{1000}", "(a{1000}){1000}", "a" * 2001, "(" * 21 + ")" * 21, "((a{99}){99}){99}"]


@pytest.mark.parametrize("expression", [*MALFORMED, *FOREIGN, *LARGE])
def test_what_is_not_understood_is_refused(expression):
    with pytest.raises(ValueError, match=r"."):
        Pattern.parse(expression)


def test_the_ends_may_be_marked():
    assert Pattern.parse("^a|b$").matches("a")
    assert Pattern.parse("^(a|b)$").matches("b")
    assert not Pattern.parse("^a$").matches("a\n")
