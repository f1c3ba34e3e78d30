import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.server.access.globs import parse_glob
from registry.server.access.reach import overlap


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("team/**", "team/app", True),
        ("team/**", "**/app", True),
        ("team/*", "team/a/b", False),
        ("team/*", "*/*/b", False),
        ("a?", "*b", True),
        ("a?b", "a/b", False),
        ("a*", "b*", False),
        ("**", "x", True),
    ],
)
def test_globs_that_meet(one: str, other: str, meet: bool) -> None:
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet


GLOBS = (
    st.lists(st.sampled_from(["a", "b", "/", "?", "*", "**"]), min_size=1, max_size=6)
    .map("".join)
    .filter(lambda text: "***" not in text)
)


@given(GLOBS, GLOBS, st.text("ab/", min_size=0, max_size=7))
def test_what_both_match_makes_them_meet(one: str, other: str, name: str) -> None:
    if parse_glob(one).matches(name) and parse_glob(other).matches(name):
        assert overlap(one, other)


@given(GLOBS, st.text("ab/", min_size=1, max_size=7))
def test_a_name_is_a_glob_of_itself(glob: str, name: str) -> None:
    assert overlap(glob, name) is parse_glob(glob).matches(name)


def test_the_longest_globs_take_no_time() -> None:
    assert not overlap("*a" * 127, "*b" * 127)
