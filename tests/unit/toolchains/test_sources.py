import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmbuild.errors import InvalidProject
from wasmbuild.toolchains import sources
from wasmbuild.toolchains.sources import list_files, matching, within


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_files_are_sorted_and_outputs_are_not_among_them(tmp_path: Path) -> None:
    make(tmp_path, "b.c", "a/z.c", "a/b/c.h", ".git/x.c", "dist/x.c", "build/x.c", "a/node_modules/x.c", ".hidden.c")
    assert list_files(tmp_path) == (".hidden.c", "a/b/c.h", "a/z.c", "b.c")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "a/x.c")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.c").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.c")
    assert list_files(tmp_path) == ("a/x.c",)


def test_more_files_than_a_project_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    make(tmp_path, "a", "b")
    assert list_files(tmp_path) == ("a", "b")
    make(tmp_path, "c")
    with pytest.raises(InvalidProject, match="more than 2 files"):
        list_files(tmp_path)


def test_deeper_than_any_project_is_not_looked_at(tmp_path: Path) -> None:
    make(tmp_path, "/".join("d" * 31) + "/seen.c", "/".join("e" * 40) + "/unseen.c")
    assert list_files(tmp_path) == ("/".join("d" * 31) + "/seen.c",)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="cannot be listed"):
        list_files(tmp_path / "missing")


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
    began = time.monotonic()
    assert matching([path] * 100, pattern) == ()
    assert time.monotonic() - began < 2


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


def test_a_link_inside_the_project_is_fine_and_one_out_of_it_is_not(tmp_path: Path) -> None:
    make(tmp_path, "project/a.c", "outside.c")
    root = tmp_path / "project"
    (root / "in.c").symlink_to("a.c")
    (root / "out.c").symlink_to("../outside.c")
    assert within(root, ["a.c", "in.c"]) == ("a.c", "in.c")
    with pytest.raises(InvalidProject, match=r"out\.c is a link out of the project"):
        within(root, ["out.c"])


@pytest.mark.parametrize("name", [b"\xff.c", b"a\nb.c"])
def test_a_name_that_is_no_text(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("")
    with pytest.raises(InvalidProject, match="cannot be used"):
        within(tmp_path, list_files(tmp_path))
