import os
import subprocess
from pathlib import Path

import pytest

from wasmbuild.errors import UsageFailed
from wasmbuild.workflows import since
from wasmbuild.workflows.since import changed_files, touches, with_dependents

ODD = 'ö "q" \\ t\tn.c'


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "app").mkdir(parents=True)
    for name in ("kept.c", "app/changed.c", "app/gone.c", "app/moved.c", "app/" + ODD):
        (root / name).write_text("int x;\n")
    (root / ".gitignore").write_text("*.o\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    return root


def changed(root: Path, revision: str = "HEAD") -> set[str]:
    return {path.relative_to(os.path.realpath(root)).as_posix() for path in changed_files(root, revision, os.environ)}


def test_nothing_has_changed(repository: Path) -> None:
    assert changed(repository) == set()


def test_what_differs_from_a_revision(repository: Path) -> None:
    (repository / "app" / "changed.c").write_text("int y;\n")
    (repository / "app" / ODD).write_text("int y;\n")
    (repository / "app" / "gone.c").unlink()
    git(repository, "mv", "app/moved.c", "app/new name.c")
    (repository / "app" / "unknown.c").touch()
    (repository / "app" / "left out.o").touch()
    expected = {"app/changed.c", "app/gone.c", "app/moved.c", "app/new name.c", "app/unknown.c", "app/" + ODD}
    assert changed(repository) == expected
    git(repository, "add", ".")
    assert changed(repository) == expected
    git(repository, "commit", "-q", "-m", "two")
    assert changed(repository) == set()
    assert changed(repository, "HEAD~1") == expected


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_not_to_look_at_may_have_changed(repository: Path, flag: str) -> None:
    git(repository, "update-index", flag, "app/" + ODD)
    assert changed(repository) == {"app/" + ODD}


def test_what_a_sparse_checkout_leaves_out_has_not_changed(repository: Path) -> None:
    git(repository, "update-index", "--skip-worktree", "kept.c")
    (repository / "kept.c").unlink()
    assert changed(repository) == set()


def test_a_folder_inside_a_repository_sees_all_of_it(repository: Path) -> None:
    (repository / "kept.c").write_text("int y;\n")
    found = changed_files(repository / "app", "main", os.environ)
    assert found == {Path(os.path.realpath(repository)) / "kept.c"}


@pytest.mark.parametrize("revision", ["none", "--help", "-h", "", "HEAD:kept.c", "HEAD --output=x"])
def test_what_is_no_revision(repository: Path, revision: str) -> None:
    with pytest.raises(UsageFailed, match="git cannot say what has changed") as caught:
        changed_files(repository, revision, os.environ)
    assert "fatal" in (caught.value.cause or "")


def test_a_folder_that_is_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageFailed) as caught:
        changed_files(tmp_path, "HEAD", {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert "not a git repository" in (caught.value.cause or "")


def test_a_machine_without_git(repository: Path) -> None:
    with pytest.raises(UsageFailed, match="needs git"):
        changed_files(repository, "HEAD", {"PATH": str(repository)})


def test_too_many_changes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (repository / f"{number}.c").touch()
    monkeypatch.setattr(since, "MAX_CHANGED", 3)
    with pytest.raises(UsageFailed, match="more than 3 files"):
        changed_files(repository, "HEAD", os.environ)


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("p/a.c", True),
        ("p/other.c", False),
        ("p/wasmbuild.toml", True),
        ("wasmbuild.lock", True),
        ("p/sub/.gitignore", True),
        ("p/gone.c", True),
        ("p/dist/gone.wasm", False),
        ("p/.hidden/gone", False),
        ("q/gone.c", False),
    ],
)
def test_which_changes_matter(tmp_path: Path, path: str, matters: bool) -> None:
    (tmp_path / "p").mkdir()
    for name in ("a.c", "other.c"):
        (tmp_path / "p" / name).touch()
    assert touches([tmp_path / path], tmp_path / "p", ["a.c"], tmp_path / "wasmbuild.lock") == matters


def test_a_project_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.c").touch()
    (tmp_path / "link").symlink_to("p")
    lock = tmp_path / "link" / "wasmbuild.lock"
    assert touches([tmp_path / "p" / "a.c"], tmp_path / "link", ["a.c"], lock)


@pytest.fixture
def superproject(tmp_path: Path) -> Path:
    sub = tmp_path / "origin"
    (sub / "src").mkdir(parents=True)
    for name in ("a.c", "b.c"):
        (sub / "src" / name).write_text("int x;\n")
    git(sub, "init", "-q", "-b", "main")
    git(sub, "add", ".")
    git(sub, "commit", "-q", "-m", "one")
    root = tmp_path / "super"
    root.mkdir()
    (root / "other.c").touch()
    git(root, "init", "-q", "-b", "main")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub), "sub")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    return root


def member_touched(root: Path, revision: str) -> tuple[bool, bool]:
    """Whether the project in the submodule changed, and one beside it."""
    found = changed_files(root, revision, os.environ)
    (root / "beside").mkdir(exist_ok=True)
    inputs = [path.relative_to(root / "sub").as_posix() for path in (root / "sub").rglob("*.c")]
    lock = root / "wasmbuild.lock"
    return touches(found, root / "sub", inputs, lock), touches(found, root / "beside", ["x.c"], lock)


@pytest.mark.parametrize("change", ["edit", "add", "remove", "bump"])
def test_a_submodule_counts_as_a_whole(superproject: Path, change: str) -> None:
    assert member_touched(superproject, "HEAD") == (False, False)
    match change:
        case "add":
            (superproject / "sub" / "src" / "new.c").touch()
        case "remove":
            (superproject / "sub" / "src" / "b.c").unlink()
        case _:
            (superproject / "sub" / "src" / "a.c").write_text("int y;\n")
    revision = "HEAD"
    if change == "bump":
        git(superproject / "sub", "commit", "-q", "-a", "-m", "two")
        git(superproject, "commit", "-q", "-a", "-m", "two")
        assert member_touched(superproject, "HEAD") == (False, False)
        revision = "HEAD~1"
    assert member_touched(superproject, revision) == (True, False)


def test_a_folder_that_changed(tmp_path: Path) -> None:
    (tmp_path / "p" / "vendor" / "lib").mkdir(parents=True)
    lock = tmp_path / "p" / "wasmbuild.lock"
    assert touches([tmp_path / "p" / "vendor"], tmp_path / "p", ["vendor/lib/a.c"], lock)
    assert touches([tmp_path / "p" / "vendor"], tmp_path / "p", [], lock)  # something in it may be gone
    assert touches([tmp_path], tmp_path / "p", ["a.c"], lock)
    assert not touches([tmp_path / "q"], tmp_path / "p", ["a.c"], lock)


def test_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "src").mkdir()
    for name in ("inc/x.h", "y.h", "z.h"):
        (tmp_path / name).touch()
    (tmp_path / "src" / "inc").symlink_to("../inc")
    (tmp_path / "src" / "y.h").symlink_to("../y.h")
    inputs, lock = ["src/inc/x.h", "src/y.h"], tmp_path / "wasmbuild.lock"
    changes = {name: touches([tmp_path / name], tmp_path, inputs, lock) for name in ("inc/x.h", "y.h", "z.h")}
    assert changes == {"inc/x.h": True, "y.h": True, "z.h": False}
    assert touches([tmp_path / "src" / "inc"], tmp_path, inputs, lock)


def test_what_depends_on_a_change_is_built_with_what_it_needs() -> None:
    needs = {"app": ("lib", "data"), "lib": ("base",), "base": (), "data": (), "other": (), "top": ("app",)}
    assert with_dependents({"lib"}, needs) == {"lib", "base", "app", "data", "top"}
    assert with_dependents({"other"}, needs) == {"other"}
    assert with_dependents([], needs) == frozenset()


def hostile(folder: Path, witness: Path) -> None:
    """Settings and hooks that start a program, for files that have to be looked at again."""
    bite = f"touch {witness}; cat"
    own = f"{folder.name}=b"
    git(folder, "config", f"filter.{own}.clean", bite)
    git(folder, "config", f"filter.{own}.required", "true")
    git(folder, "config", "core.fsmonitor", bite)
    git(folder, "config", "diff.external", bite)
    included = Path(git(folder, "rev-parse", "--absolute-git-dir"), "more")
    included.write_text(f'[filter "{own}2"]\n\tprocess = "{bite}"\n')
    git(folder, "config", "include.path", str(included))
    (included.parent / "info").mkdir(exist_ok=True)
    (included.parent / "info" / "attributes").write_text(f"*.c filter={own}\n*.h filter={own}2\n")
    hook = included.parent / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {witness}\n")
    hook.chmod(0o755)
    for file in folder.rglob("*.[ch]"):
        os.utime(file, (1, 1))


def test_no_program_that_a_repository_names_is_started(superproject: Path, tmp_path: Path) -> None:
    witness = tmp_path / "started"
    for folder in (superproject, superproject / "sub"):
        for name in ("one.c", "one.h"):
            (folder / name).write_text("int x;\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "more")
    git(superproject, "add", ".")
    git(superproject, "commit", "-q", "--amend", "-m", "more")
    hostile(superproject, witness)
    hostile(superproject / "sub", witness)
    found = changed(superproject)
    assert not witness.exists(), "a program was started"
    assert found == set()
    (superproject / "sub" / "one.h").write_text("int y;\n")
    assert changed(superproject) == {"sub"}
    assert not witness.exists(), "a program was started"


@pytest.mark.parametrize("own", [False, True])
def test_a_working_tree_beside_others(superproject: Path, tmp_path: Path, own: bool) -> None:
    """It may have settings of its own, and filters in these; where it may not, git is not asked for them."""
    beside, witness = tmp_path / "beside", tmp_path / "started"
    (superproject / "one.c").write_text("int x;\n")
    (superproject / ".gitattributes").write_text("*.c filter=bite\n")
    git(superproject, "add", ".")
    git(superproject, "commit", "-q", "-m", "more")
    git(superproject, "worktree", "add", "-q", str(beside))
    if own:
        git(superproject, "config", "extensions.worktreeConfig", "true")
        git(beside, "config", "--worktree", "filter.bite.clean", f"touch {witness}; cat")
    os.utime(beside / "one.c", (1, 1))
    assert changed(beside) == set()
    (beside / "one.c").write_text("int y;\n")
    assert changed(beside) == {"one.c"}
    assert not witness.exists(), "a program was started"
