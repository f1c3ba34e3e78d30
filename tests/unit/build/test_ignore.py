import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wasmbuild.build import tree as tree_module
from wasmbuild.build.ignore import IGNORE_FILES, MAX_IGNORE_FILE, parse_rules, read_rules
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
FOLDERS = ("", "a/", "b/", "ab/", "a/b/", "a/a/", "b/ab/", "a/b/a/", "a/b/a/b/")
NAMES = ("a", "b.o", "ab.c", "!a", "b b")


def lines_of(text: str) -> list[str]:
    return text.split("\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True)
        for name in NAMES:
            if not (root / folder / name).is_dir() and f"{folder}{name}/" not in FOLDERS:
                (root / folder / name).write_text("")
    subprocess.run(["git", "init", "-q", root], check=True, env=ENVIRONMENT)
    return root


def listed_by_git(root: Path) -> list[str]:
    command = ["git", "-C", root, "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
    return sorted(path for path in listed.split("\0") if path and not path.endswith(".gitignore"))


part = st.sampled_from(
    ["a", "b", "ab", "*", "**", "a*", "*b", "*.o", "?", "[ab]", "[!a]", "[^b]*", "b.o", "*b*", "a**b", "b b", "\\a"]
)
line = st.builds(
    lambda sign, start, parts, end: sign + start + "/".join(parts) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(part, min_size=1, max_size=3).filter(lambda parts: parts.count("**") < 3),
    st.sampled_from(["", "", "/", " ", "\r"]),
)
documents = st.lists(line, max_size=6).map("\n".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents, documents)
@example("a/**\n!a/ab.c", "")
@example("*\n!*/\n!*.c", "")
@example("a/b", "!b/")
@example("a/**/", "")
@example("**/\n!/a/", "")
@example("/**/\n", "")
@example("[[:alpha:]]b.c", "![[:digit:]a]*")
@example("[[]\n[z-a]\n[a\n!\n#a\n\\!a\na\\", "")
@example("*.c\n!a/\n", "!ab.c")
@example("b b\\ \nb\\ b", "")
def test_what_git_lists_is_what_we_list(tree: Path, above: str, below: str) -> None:
    (tree / ".gitignore").write_text(above)
    (tree / "a" / ".gitignore").write_text(below)
    assert list(SourceTree.of(tree).files) == listed_by_git(tree)


def test_our_own_ignore_file_has_the_last_word(tmp_path: Path) -> None:
    for name in ("a.c", "b.c", "c.c"):
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("a.c\nb.c\n")
    (tmp_path / ".wasmbuildignore").write_text("!b.c\nc.c\n")
    assert SourceTree.of(tmp_path).files == ("b.c",)


def test_files_that_say_nothing_cost_nothing(tmp_path: Path) -> None:
    assert parse_rules(lines_of("# only words\n\n  \n/\n")) is None
    assert read_rules(str(tmp_path), ()) is None


def test_a_byte_order_mark_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa.c\n\xff.c\n")
    rules = read_rules(str(tmp_path), IGNORE_FILES[:1])
    assert rules is not None
    assert rules.verdict("a.c", "a.c") is True
    assert rules.verdict(os.fsdecode(b"\xff.c"), os.fsdecode(b"\xff.c")) is True
    assert rules.verdict("b.c", "b.c") is None


def test_an_ignore_file_that_is_a_link_a_pipe_or_a_folder_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("a.c\n")
    (tmp_path / ".gitignore").symlink_to("lines")
    os.mkfifo(tmp_path / ".wasmbuildignore")
    assert read_rules(str(tmp_path), IGNORE_FILES) is None
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".gitignore").mkdir()
    assert read_rules(str(tmp_path / "x"), IGNORE_FILES[:1]) is None


def test_ignore_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / ".gitignore").write_text("*.o\n")
    (tmp_path / ".gitignore").write_bytes(b"a\n#" + b"x" * (MAX_IGNORE_FILE - 3))
    assert SourceTree.of(tmp_path).files == ()
    monkeypatch.setattr(tree_module, "MAX_IGNORE_BYTES", MAX_IGNORE_FILE)
    with pytest.raises(InvalidProject, match=r"the ignore files in .* have more than"):
        SourceTree.of(tmp_path)
    (tmp_path / ".gitignore").write_bytes(b"a\n#" + b"x" * (MAX_IGNORE_FILE - 2))
    with pytest.raises(InvalidProject, match=r"\.gitignore is larger than"):
        SourceTree.of(tmp_path)
    with pytest.raises(InvalidProject, match="more than 4 times"):
        parse_rules(["a/**/" * 5 + "b"])


@pytest.mark.parametrize(
    "text",
    ["*a" * 60 + "b", "/x/" + "*a" * 60 + "b", "*?" * 60 + "b", "x/" + "*[a]*" * 30 + "/*b*c", "**/" * 4 + "*b" * 9],
)
def test_no_line_takes_exponential_time(text: str) -> None:
    rules = parse_rules([text])
    assert rules is not None
    began = time.process_time()
    for _ in range(100):
        assert rules.verdict("x/" + "a" * 250, "a" * 250) is None
    assert time.process_time() - began < 2
