import os
from pathlib import Path

import platformdirs
import pytest

from wasmbuild.caches import Caches, is_tagged


def test_the_variable_names_the_folder(tmp_path: Path) -> None:
    assert Caches.of_user({"WASMBUILD_CACHE_DIR": str(tmp_path)}).root == tmp_path


def test_a_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Caches.of_user({"WASMBUILD_CACHE_DIR": "here"}).root == tmp_path / "here"


def test_an_empty_variable_means_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Caches.of_user({"WASMBUILD_CACHE_DIR": ""}).root == tmp_path / "wasmbuild"


def test_nothing_is_created_before_it_is_needed(tmp_path: Path) -> None:
    caches = Caches(tmp_path / "cache")
    assert caches.tools == tmp_path / "cache" / "tools"
    assert not caches.root.exists()
    assert caches.folder("zig/global").is_dir()
    assert caches.folder("zig/global").is_dir()


def test_a_cache_is_marked_as_one(tmp_path: Path) -> None:
    caches = Caches(tmp_path / "cache")
    caches.folder("zig/global")
    tag = tmp_path / "cache" / "CACHEDIR.TAG"
    assert tag.read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    assert is_tagged(str(tmp_path / "cache"))
    tag.write_text("mine")
    caches.folder("other")
    assert (tag.read_text(), is_tagged(str(tmp_path / "cache"))) == ("mine", False)


def test_a_folder_with_other_things_is_not_marked_as_a_cache(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    assert Caches(tmp_path).folder("zig").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex", "zig"]


def test_a_cache_in_which_only_tools_were_is_marked(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    Caches(tmp_path).folder("work")
    assert is_tagged(str(tmp_path))


def test_a_tag_that_is_no_file(tmp_path: Path) -> None:
    assert not is_tagged(str(tmp_path))
    os.mkfifo(tmp_path / "CACHEDIR.TAG")
    assert not is_tagged(str(tmp_path))
    (tmp_path / "CACHEDIR.TAG").unlink()
    (tmp_path / "CACHEDIR.TAG").mkdir()
    assert not is_tagged(str(tmp_path))


@pytest.mark.parametrize("variables", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": " "}, {"XDG_CACHE_HOME": "/x y"}])
def test_the_users_cache_is_where_the_platforms_conventions_say(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("XDG_CACHE_HOME", "WASMBUILD_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Caches.of_user().root == platformdirs.user_cache_path("wasmbuild", appauthor=False)
