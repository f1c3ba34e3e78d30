import os
from pathlib import Path

import pytest

from wasmbuild.build import tree as module
from wasmbuild.build.tree import SourceTree, leads_out
from wasmbuild.errors import InvalidProject


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_files_are_sorted_and_neither_outputs_nor_hidden_files_are_among_them(tmp_path: Path) -> None:
    make(tmp_path, "b.c", "a/z.c", "a/b/c.h", ".git/x.c", "dist/x.c", "build/x.c", "a/node_modules/x.c", ".hidden.c")
    make(tmp_path, "a-b.c", "a/build.c", "a/.cargo/config.toml")
    assert SourceTree.of(tmp_path) == SourceTree(tmp_path, ("a-b.c", "a/b/c.h", "a/build.c", "a/z.c", "b.c"))


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "a/x.c")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.c").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.c")
    assert SourceTree.of(tmp_path).files == ("a/x.c",)


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
