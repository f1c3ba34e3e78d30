import json
import os
from pathlib import Path

import pytest

from registry.errors import StorageFailed
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.errors import NoProject
from wasmbuild.events import ignore
from wasmbuild.workflows.build import Setting, build
from wasmbuild.workflows.clean import clean
from wasmbuild.workflows.options import BuildOptions

WAT = '(module (func (export "_start")))'


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "cache")


def made(folder: Path, caches: Caches, name: str = "hello") -> Path:
    """A project that was built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.wat").write_text(WAT)
    (folder / "wasmbuild.toml").write_text(f'[project]\nname = "{name}"\nversion = "1.0.0"\n')
    build(folder, BuildOptions(), Setting(caches, os.environ, ignore))
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_what_a_build_left_goes(tmp_path: Path, caches: Caches) -> None:
    folder = made(tmp_path / "p", caches)
    cleaned = clean(folder, caches=caches)
    assert (cleaned.removed, cleaned.left) == ((folder / "dist",), ())
    assert names(folder) == {"main.wat", "wasmbuild.toml"}
    assert clean(folder, caches=caches).removed == ()
    assert list((caches.root / "projects").iterdir()) != []


def test_saying_what_would_go_removes_nothing(tmp_path: Path, caches: Caches) -> None:
    folder = made(tmp_path / "p", caches)
    before = names(tmp_path)
    said = clean(folder, dry_run=True, records=True, caches=caches)
    assert names(tmp_path) == before
    assert said.removed == clean(folder, records=True, caches=caches).removed


def test_with_all_the_records_go_of_this_project_alone(tmp_path: Path, caches: Caches) -> None:
    folder, other = made(tmp_path / "p", caches), made(tmp_path / "other", caches)
    before = set((caches.root / "projects").iterdir())
    clean(folder, records=True, caches=caches)
    left = set((caches.root / "projects").iterdir())
    assert len(before) == 2 * len(left) > 0
    assert clean(other, records=True, caches=caches).removed[0] == other / "dist"


def test_what_is_not_ours_stays_and_is_named(tmp_path: Path, caches: Caches) -> None:
    folder = made(tmp_path / "p", caches)
    mine = ["dist/notes.txt", "dist/other.wasm", "dist/sub/x", "dist/oci/mine", "dist/oci/blobs/sha256/short"]
    for name in mine:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    cleaned = clean(folder, caches=caches)
    left = {path.relative_to(folder).as_posix() for path in cleaned.left}
    assert left == {"dist/notes.txt", "dist/other.wasm", "dist/sub", "dist/oci/mine", "dist/oci/blobs/sha256/short"}
    assert all((folder / name).read_text() == "mine" for name in mine)
    assert not (folder / "dist" / "hello.wasm").exists()
    assert not (folder / "dist" / "oci" / "index.json").exists()


def test_a_folder_that_is_no_layout_stays(tmp_path: Path, caches: Caches) -> None:
    folder = made(tmp_path / "p", caches)
    (folder / "dist" / "oci" / "oci-layout").write_text("{}")
    cleaned = clean(folder, caches=caches)
    assert cleaned.removed == (folder / "dist" / "hello.wasm",)
    assert (folder / "dist" / "oci" / "index.json").exists()


@pytest.mark.parametrize("place", ["dist", "dist/oci", "dist/oci/blobs", "dist/oci/blobs/sha256"])
def test_links_are_not_followed(tmp_path: Path, caches: Caches, place: str) -> None:
    folder = made(tmp_path / "p", caches)
    away = tmp_path / "away"
    (folder / place).rename(away)
    (folder / place).symlink_to(away)
    before = names(away)
    clean(folder, caches=caches)
    assert names(away) == before
    assert (folder / place).is_symlink()


def test_members_are_cleaned_too(tmp_path: Path, caches: Caches) -> None:
    one, two = made(tmp_path / "apps" / "one", caches, "one"), made(tmp_path / "apps" / "two", caches, "two")
    (tmp_path / "wasmbuild.toml").write_text('[workspace]\nmembers = ["apps/*"]\n')
    assert clean(tmp_path, caches=caches).removed == (one / "dist", two / "dist")


def test_a_folder_without_a_project_file(tmp_path: Path, caches: Caches) -> None:
    folder = made(tmp_path / "hello", caches)
    (folder / "wasmbuild.toml").unlink()
    (folder / "dist" / ".building-left").mkdir()
    assert clean(folder, caches=caches).removed == (folder / "dist",)
    with pytest.raises(NoProject):
        clean(tmp_path / "missing", caches=caches)


def test_what_cannot_be_removed_is_a_failure(tmp_path: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "p", caches)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)  # root may remove everything
    with pytest.raises(StorageFailed, match="could not be cleaned") as caught:
        clean(folder, caches=caches)
    assert caught.value.cause == "Permission denied"


def test_the_command(
    tmp_path: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(caches.root))
    folder = made(tmp_path / "p", caches)
    (folder / "dist" / "mine").touch()
    assert run(["clean", str(folder), "--dry-run", "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["dryRun"], document["left"]) == (True, [str(folder / "dist" / "mine")])
    assert run(["clean", str(folder), "--all"]) == 0
    shown = capfd.readouterr()
    assert shown.out.splitlines()[0] == str(folder / "dist" / "hello.wasm")
    assert f"{folder}/dist/mine is not of wasmbuild, and stays" in shown.err
    assert run(["clean", str(folder)]) == 3
