import os
from pathlib import Path

import pytest

from wasmbuild.build import tree as module
from wasmbuild.build.tree import SourceTree, leads_out
from wasmbuild.caches import Caches
from wasmbuild.errors import InvalidProject


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_files_are_sorted_and_neither_outputs_nor_hidden_files_are_among_them(tmp_path: Path) -> None:
    make(tmp_path, "b.c", "a/z.c", "a/b/c.h", ".git/x.c", "dist/x.c", "build/x.c", "a/node_modules/x.c", ".hidden.c")
    make(tmp_path, "a-b.c", "a/build.c", "a/.cargo/config.toml")
    assert SourceTree.of(tmp_path) == SourceTree(tmp_path, ("a-b.c", "a/b/c.h", "a/build.c", "a/z.c", "b.c"))


def link(root: Path, **places: str) -> None:
    for name, place in places.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(place)


def test_links_to_folders_inside_the_project_are_followed(tmp_path: Path) -> None:
    make(tmp_path, "inc/deep/x.h", "inc/y.h")
    link(tmp_path, src__inc="../inc", src__deep="inc/deep", src__file="../inc/y.h")
    found = ("inc/deep/x.h", "inc/y.h", "src/deep/x.h", "src/file", "src/inc/deep/x.h", "src/inc/y.h")
    assert SourceTree.of(tmp_path) == SourceTree(tmp_path, found)
    assert SourceTree.of(tmp_path).text("src/inc/y.h") == ""


def test_links_that_lead_nowhere_or_in_a_circle(tmp_path: Path) -> None:
    make(tmp_path, "a/x.c", "b/y.c")
    link(tmp_path, a__loop="..", a__own=".", a__b="../b", b__a="../a")
    link(tmp_path, self="self", one="two", two="one", dangling="nowhere", through="a/x.c/z")
    os.mkfifo(tmp_path / "pipe.c")
    assert SourceTree.of(tmp_path) == SourceTree(tmp_path, ("a/b/y.c", "a/x.c", "b/a/x.c", "b/y.c"))


def test_many_links_to_one_another_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 500)
    names = "abcdefgh"
    for one in names:
        link(tmp_path, **{f"{one}__{other}": f"../{other}" for other in names})
    with pytest.raises(InvalidProject, match="more than 500 files"):
        SourceTree.of(tmp_path)


def test_links_that_lead_out_are_remembered(tmp_path: Path) -> None:
    root = tmp_path / "project"
    make(tmp_path, "project/a.c", "project/dist/x.c", "project/.git/x.c", "project-2/x.c", "project/s/.gitignore")
    link(root, out="../project-2", s__up="../..", output="dist", git=".git", target="../project-2", s__no="/")
    (root / "s" / ".gitignore").write_text("no/\n")
    assert SourceTree.of(root) == SourceTree(root, ("a.c",), ("git", "out", "output", "s/up"))


def test_links_follow_the_rules_of_where_they_are(tmp_path: Path) -> None:
    make(tmp_path, "inc/x.h", ".gitignore")
    link(tmp_path, src__one="../inc", src__two="../inc", src__three="../inc")
    (tmp_path / ".gitignore").write_text("two\n/src/three/\n")
    assert SourceTree.of(tmp_path).files == ("inc/x.h", "src/one/x.h")


def test_caches_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "src/a.c", "cache/x.c", "other/x.c", "fake/x.c", "linked/x.c")
    tag = b"Signature: 8a477f597d28d172789f06886806bc55"
    (tmp_path / "CACHEDIR.TAG").write_bytes(tag)
    (tmp_path / "cache" / "CACHEDIR.TAG").write_bytes(tag + b"\n# by somebody else\n")
    (tmp_path / "fake" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f59")
    (tmp_path / "linked" / "CACHEDIR.TAG").symlink_to(tmp_path / "CACHEDIR.TAG")
    link(tmp_path, src__cache="../cache")
    Caches(tmp_path / "other").folder("work")  # has been somebody's before
    Caches(tmp_path / "ours").folder("stages")
    make(tmp_path, "ours/stages/x.c")
    found = ("CACHEDIR.TAG", "fake/CACHEDIR.TAG", "fake/x.c", "linked/CACHEDIR.TAG", "linked/x.c", "other/x.c")
    assert SourceTree.of(tmp_path).files == (*found, "src/a.c")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/b/x.c")
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("/b"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InvalidProject, match=r"^a/b cannot be listed") as caught:
        SourceTree.of(tmp_path)
    assert caught.value.cause == "Permission denied"


def test_ignored_folders_are_not_looked_into(tmp_path: Path) -> None:
    make(tmp_path, "kept/x.c", "vendor/deep/x.c", "vendor/.gitignore", "other/vendor/x.c")
    (tmp_path / "vendor" / ".gitignore").write_text("!deep/\n")
    (tmp_path / ".gitignore").write_text("/vendor/\n")
    assert SourceTree.of(tmp_path).files == ("kept/x.c", "other/vendor/x.c")


def test_ignore_files_above_the_project_do_not_count(tmp_path: Path) -> None:
    make(tmp_path, "project/a.c")
    (tmp_path / ".gitignore").write_text("*.c\n")
    assert SourceTree.of(tmp_path / "project").files == ("a.c",)


def test_more_files_than_a_project_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    make(tmp_path, "a", "b", ".c", "dist/d")
    assert SourceTree.of(tmp_path).files == ("a", "b")
    make(tmp_path, "c")
    with pytest.raises(InvalidProject, match="more than 2 files"):
        SourceTree.of(tmp_path)


def test_deeper_than_any_project_is_not_looked_at(tmp_path: Path) -> None:
    make(tmp_path, "/".join("d" * 32) + "/seen.c", "/".join("e" * 33) + "/unseen.c")
    assert SourceTree.of(tmp_path).files == ("/".join("d" * 32) + "/seen.c",)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="missing cannot be listed"):
        SourceTree.of(tmp_path / "missing")


def test_questions(tmp_path: Path) -> None:
    make(tmp_path, "a.c", "src/b.c", "src/b.h", "src/d/c.c")
    tree = SourceTree.of(tmp_path)
    assert tree.matching("src/**/*.c") == ("src/b.c", "src/d/c.c")
    assert tree.ending(".h", "a.c") == ("a.c", "src/b.h")
    assert tree.has("src/b.h")
    assert not tree.has("src")
    assert not tree.has("z")
    assert not SourceTree(tmp_path, ()).has("a.c")


def test_text_of_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"main": "é"}', encoding="utf-8")
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / ".hidden").write_text("x")
    tree = SourceTree.of(tmp_path)
    assert tree.text("package.json") == '{"main": "é"}'
    assert tree.text("package.json", limit=14) == '{"main": "é"}'
    assert tree.text("package.json", limit=13) is None
    assert tree.text("latin") is None
    assert tree.text(".hidden") is None
    (tmp_path / "package.json").unlink()
    assert tree.text("package.json") is None


def test_text_does_not_follow_a_link_out_of_the_tree(tmp_path: Path) -> None:
    make(tmp_path, "project/a", "project/d/x", "secret")
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "project"
    (root / "in").symlink_to("a")
    (root / "out").symlink_to("../secret")
    tree = SourceTree.of(root)
    assert tree.text("in") == ""
    assert tree.text("out") is None
    (root / "d" / "x").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to(tmp_path)
    assert leads_out(root, "d/secret")
    assert not leads_out(root, "a")
