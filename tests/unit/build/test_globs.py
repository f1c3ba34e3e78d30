import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmbuild.build.globs import matching


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("*.c", ["a.c"]),
        ("**/*.c", ["a.c", "src/b.c", "src/deep/c.c"]),
        ("src/*.c", ["src/b.c"]),
        ("./src//b.c", ["src/b.c"]),
        ("src/**", ["src/b.c", "src/deep/c.c", "src/x.h"]),
        ("src/**/?.c", ["src/b.c", "src/deep/c.c"]),
        ("s*/**/c.c", ["src/deep/c.c"]),
        ("A.c", []),
        ("[a].c", []),
        ("a.c/", ["a.c"]),
    ],
)
def test_patterns(pattern: str, named: list[str]) -> None:
    assert list(matching(["a.c", "src/b.c", "src/deep/c.c", "src/x.h"], pattern)) == named


names = st.text("ab.*?[](){}\\+-^$ ", min_size=1, max_size=8).filter(lambda name: name not in {".", "**"})


@given(st.lists(names, min_size=1, max_size=4).map("/".join), st.text(max_size=20))
def test_a_pattern_without_signs_names_itself_only(path: str, other: str) -> None:
    plain = path.replace("*", "x").replace("?", "x")
    assert matching([plain], plain) == (plain,) or "/./" in f"/{plain}/"
    assert matching([other], plain) == () or other == plain


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("src/" + "a" * 200 + ".c", "src/" + "*a" * 60 + "b.c"),
        ("src/" + "a" * 200 + ".c", "src/" + "*?" * 60 + "b.c"),
        ("d/" * 30 + "a.c", "**/" * 15 + "z.c"),
        ("d/" * 30 + "a.c", "**/d/" * 14 + "z.c"),
        (("d" * 30 + "/") * 30 + "a.c", "**/*d*d*d/" * 14 + "z.c"),
    ],
)
def test_no_pattern_takes_exponential_time(path: str, pattern: str) -> None:
    began = time.process_time()
    assert matching([path] * 100, pattern) == ()
    assert time.process_time() - began < 2


def plainly(pattern: str) -> re.Pattern[str]:
    """What a glob means, written down without a thought for time."""
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    text = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:[^/]+/)*"
        else:
            signs = {"*": "[^/]*", "?": "[^/]"}
            text += "".join(signs.get(sign, re.escape(sign)) for sign in part) + ("" if last else "/")
    return re.compile(text, re.DOTALL)


few = st.text("ab.", min_size=1, max_size=5)
globs = st.lists(st.just("**") | st.text("ab.*?", min_size=1, max_size=5), min_size=1, max_size=5).map("/".join)


@settings(max_examples=500)
@given(st.lists(few, min_size=1, max_size=5).map("/".join), globs)
def test_a_pattern_means_what_it_plainly_says(path: str, pattern: str) -> None:
    assert (matching([path], pattern) == (path,)) == (plainly(pattern).fullmatch(path) is not None)
