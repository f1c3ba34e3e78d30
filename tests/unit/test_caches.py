from pathlib import Path

import pytest

from wasmbuild.caches import Caches


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
