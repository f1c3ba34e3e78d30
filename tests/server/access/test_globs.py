import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidConfiguration
from registry.server.access.globs import parse_glob


def slow_match(glob: str, name: str) -> bool:
    """The same, in the plainest way: all positions in the glob where a beginning of the name can lead."""
    tokens = []
    while glob:
        token = "**" if glob.startswith("**") else glob[0]
        tokens.append(token)
        glob = glob[len(token) :]

    def closed(states: set[int]) -> set[int]:
        for position, token in enumerate(tokens):
            if position in states and token in ("*", "**"):
                states.add(position + 1)
        return states

    states = closed({0})
    for character in name:
        after = set()
        for state in states:
            if state == len(tokens):
                continue
            token = tokens[state]
            if token == "**" or (token == "*" and character != "/"):
                after.add(state)
            elif (token == "?" and character != "/") or token == character:
                after.add(state + 1)
        states = closed(after)
    return len(tokens) in states


@pytest.mark.parametrize(
    ("glob", "names", "others"),
    [
        ("team/app", ["team/app"], ["team/app2", "team", "xteam/app", "team/app/"]),
        ("team/*", ["team/app", "team/"], ["team/app/web", "team", "other/app"]),
        ("team/**", ["team/app", "team/app/web"], ["team", "teams/app"]),
        ("**", ["", "a", "a/b/c"], []),
        ("*", ["a"], ["a/b"]),
        ("**/app", ["a/app", "a/b/app"], ["app", "a/app2"]),
        ("v?.*", ["v1.2", "v9."], ["v12.1", "v/.1"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_what_globs_mean(glob: str, names: list[str], others: list[str]) -> None:
    assert all(parse_glob(glob).matches(name) for name in names)
    assert not any(parse_glob(glob).matches(name) for name in others)


GLOBS = st.text("ab/*?", min_size=1, max_size=14).filter(lambda text: "***" not in text)


@given(GLOBS, st.text("ab/", max_size=14))
def test_as_the_plainest_way_has_it(glob: str, name: str) -> None:
    assert parse_glob(glob).matches(name) is slow_match(glob, name)


@pytest.mark.parametrize("glob", ["**a" * 60 + "c", "*a" * 100 + "b", "a/**/*b" * 20 + "c", "**/" * 80 + "x"])
def test_no_name_makes_a_glob_slow(glob: str) -> None:
    names = ["a" * 255, "a/" * 127, "a/ab" * 63]
    begun = time.process_time()
    assert not any(parse_glob(glob).matches(name) for name in names)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("glob", ["", "a***", "a" * 256, "a\n", "a\0b"])
def test_no_globs(glob: str) -> None:
    with pytest.raises(InvalidConfiguration):
        parse_glob(glob)


def test_what_says_more_weighs_more() -> None:
    globs = ["**", "team/**", "team/*", "team/?*", "team/app*", "team/app"]
    assert sorted(globs, key=lambda text: parse_glob(text).weight) == ["**", "team/**", "team/?*", "team/*", *globs[4:]]
