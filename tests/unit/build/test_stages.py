"""Work folders that stay: what a command did to one never reaches the next command."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from wasmbuild.build.action import InputFile
from wasmbuild.build.cache.parts import parts_of, prune_parts
from wasmbuild.build.stages import STAGES, kept_stage, settle
from wasmbuild.build.staging import stage, written
from wasmbuild.caches import Caches

FILES = {"a.c": b"int a;", "src/b.c": b"int b;", "src/deep/c.h": b"", "run.sh": b"#!"}
MADE = (("made/by/us.json", "{“}"),)


class Project:
    """A project and the stage of it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.work = folder / "project", folder / "stage" / "work"
        self.work.parent.mkdir(parents=True)
        for path, data in FILES.items():
            self.write(path, data)

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    @property
    def inputs(self) -> list[InputFile]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        found = [(str(path.relative_to(self.root)), path.read_bytes()) for path in files]
        return [InputFile(path, Digest.of(data), len(data), path == "run.sh") for path, data in sorted(found)]

    def stage(self) -> frozenset[str]:
        """Stage it once more; the paths that stayed."""
        there = settle(self.work, (*self.inputs, *written(MADE)))
        stage(self.root, self.inputs, MADE, self.work, modified=time.time(), there=there)
        return there

    def seen(self) -> dict[str, tuple[str, bytes | None]]:
        """All that a command finds: kind with permissions, and content."""
        found = sorted(path for path in self.work.rglob("*"))
        return {
            str(path.relative_to(self.work)): (
                stat.filemode(path.lstat().st_mode),
                path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else None,
            )
            for path in found
        }

    def stats(self) -> dict[str, tuple[int, int]]:
        return {
            str(path.relative_to(self.work)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in self.work.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_is_as_it_was_is_the_same_file_of_the_same_time(project: Project) -> None:
    assert project.stage() == frozenset()
    fresh, before = project.seen(), project.stats()
    assert project.stage() == {*FILES, "made/by/us.json"}
    assert (project.seen(), project.stats()) == (fresh, before)


def test_what_changed_is_another_file_of_now(project: Project) -> None:
    project.stage()
    before, began = project.stats(), time.time() - 0.1
    project.write("src/b.c", b"int B;")  # as long as it was
    project.stage()
    after = project.stats()
    assert after.pop("src/b.c")[1] > max(began * 1e9, before.pop("src/b.c")[1])
    assert after == before
    assert (project.work / "src/b.c").read_bytes() == b"int B;"


def test_what_is_no_input_any_more_is_gone(project: Project) -> None:
    project.stage()
    (project.root / "src/deep/c.h").unlink()
    (project.root / "a.c").unlink()
    project.write("a.c/x.c", b"a folder now")
    project.stage()
    assert "src/deep" not in project.seen()
    assert project.seen()["a.c/x.c"][1] == b"a folder now"


def listen(work: Path) -> None:
    before = Path.cwd()
    os.chdir(work)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    os.chdir(before)


def replaced_by_link(work: Path) -> None:
    other = work.parent / "other"
    (work / "src").rename(other)
    (work / "src").symlink_to(other)


def same_size(work: Path) -> None:
    said = (work / "a.c").stat()
    (work / "a.c").write_bytes(b"int X;")
    os.utime(work / "a.c", ns=(said.st_atime_ns, said.st_mtime_ns))


def nested(work: Path) -> None:
    (work / "new/er/est").mkdir(parents=True)
    (work / "new/er/file").write_text("x")
    (work / "new/er").chmod(0)
    (work / "new").chmod(0o500)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "content": lambda work: (work / "a.c").write_bytes(b"evil"),
    "content of the same size and time": same_size,
    "more": lambda work: (work / "extra.c").write_text("x"),
    "folders": nested,
    "less": lambda work: (work / "src/b.c").unlink(),
    "no folder": lambda work: (work / "src").rename(work.parent / "away"),
    "a folder for a file": lambda work: ((work / "a.c").unlink(), (work / "a.c").mkdir()),
    "a file for a folder": lambda work: ((work / "src").rename(work.parent / "away"), (work / "src").write_text("")),
    "a link for a file": lambda work: ((work / "a.c").rename(work / "x"), (work / "a.c").symlink_to("x")),
    "a link for a folder": replaced_by_link,
    "a link beside": lambda work: (work / "link").symlink_to("/etc/passwd"),
    "a second name": lambda work: os.link(work / "a.c", work.parent / "second"),
    "a pipe": lambda work: ((work / "a.c").unlink(), os.mkfifo(work / "a.c")),
    "a socket": listen,
    "permissions": lambda work: (work / "a.c").chmod(0o600),
    "a program": lambda work: (work / "a.c").chmod(0o4755),
    "no program": lambda work: (work / "run.sh").chmod(0o644),
    "a folder that cannot be read": lambda work: (work / "src").chmod(0),
    "a folder that cannot be written": lambda work: (work.chmod(0o500), (work / "src").chmod(0o500)),
    "another time": lambda work: os.utime(work / "a.c", (1, 1)),
    "what we wrote": lambda work: (work / "made/by/us.json").write_text("{}"),
    "everything": lambda work: work.rename(work.parent / "away"),
    "a link for all": lambda work: (work.rename(work.parent / "away"), work.symlink_to(work.parent / "away")),
    "a name that is no text": lambda work: (work / os.fsdecode(b"\xff")).write_text("x"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_a_command_did_the_next_finds_what_is_right(project: Project, damage: str) -> None:
    project.stage()
    fresh = project.seen()
    DAMAGES[damage](project.work)
    changed = {"a.c", "run.sh", "src/b.c", "made/by/us.json"}
    before = project.stats() if project.work.is_dir() else {}
    there = project.stage()
    assert project.seen() == fresh
    assert not project.work.is_symlink()
    assert all(project.stats()[path] == before[path] for path in there)
    same = {"more", "folders", "a link beside", "a socket", "a folder that cannot be read", "a name that is no text"}
    assert damage in {*same, "a folder that cannot be written"} or not changed <= there
    outside = project.work.parent / "other" / "b.c"
    assert not outside.parent.exists() or outside.read_bytes() == b"int b;", "what a link leads to is not touched"


def test_a_second_name_keeps_its_bytes(project: Project) -> None:
    project.stage()
    second = project.work.parent / "second"
    os.link(project.work / "a.c", second)
    project.write("a.c", b"new")
    project.stage()
    assert (second.read_bytes(), (project.work / "a.c").read_bytes()) == (b"int a;", b"new")


def test_two_of_one_name_are_refused_as_ever(project: Project) -> None:
    project.stage()
    project.write("made/by/us.json", "{“}".encode())
    with pytest.raises(Exception, match="is there twice"):
        project.stage()


names = st.sampled_from(["a", "b", "c"])
trees = st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), st.binary(max_size=2), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(trees, min_size=2, max_size=3))
def test_any_tree_after_any_other(tmp_path_factory: pytest.TempPathFactory, series: list[dict[str, bytes]]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "stage").mkdir()
    for number, tree in enumerate(series):
        files = {path: data for path, data in tree.items() if not any(each.startswith(f"{path}/") for each in tree)}
        root, work = folder / str(number), folder / "stage" / "work"
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        inputs = [InputFile(path, Digest.of(data), len(data)) for path, data in files.items()]
        stage(root, inputs, (), work, modified=time.time(), there=settle(work, inputs))
        assert {str(each.relative_to(work)): each.read_bytes() for each in work.rglob("*") if each.is_file()} == files
        assert {each for each in work.rglob("*") if each.is_dir()} == {
            parent for path in files for parent in (work / path).parents if work in parent.parents
        }


HOLDER = """
import sys
from pathlib import Path
from wasmbuild.build.cache.parts import parts_of, prune_parts
from wasmbuild.build.stages import kept_stage
from wasmbuild.caches import Caches
with kept_stage(Caches(Path(sys.argv[1])), ("a", "b")) as work:
    print(work is not None, flush=True)
    sys.stdin.read()
"""


def test_a_stage_is_for_one_at_a_time(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with kept_stage(caches, ("a", "b")) as mine, kept_stage(caches, ("a", "c")) as another:
            assert mine is None
            assert another is not None
        other.kill()
    with kept_stage(caches, ("a", "b")) as mine, kept_stage(caches, ("a", "b")) as second:
        assert mine is not None
        assert second is None
    with kept_stage(caches, ("a", "b")) as again:
        assert again == mine


@pytest.mark.parametrize("way", ["file", "link"])
def test_where_there_can_be_none(tmp_path: Path, way: str) -> None:
    caches = Caches(tmp_path / "cache")
    caches.root.mkdir()
    with kept_stage(caches, ("a",)) as work:
        assert work is not None
    work.parent.rmdir()
    if way == "file":
        work.parent.write_text("in the way")
    else:
        (tmp_path / "elsewhere").mkdir()
        work.parent.symlink_to(tmp_path / "elsewhere")
    with kept_stage(caches, ("a",)) as none:
        assert none is None


def test_a_stage_notes_that_it_is_used(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    with kept_stage(caches, ("a",)) as work:
        pass
    assert work is not None
    os.utime(work.parent, (1, 1))
    with kept_stage(caches, ("a",)):
        assert time.time() - work.parent.stat().st_mtime < 60
    assert work.parent.parent == tmp_path / STAGES


def test_stages_that_nobody_uses_are_pruned(tmp_path: Path) -> None:
    caches, day = Caches(tmp_path), 24 * 3600
    for name in ("old", "new"):
        with kept_stage(caches, (name,)) as work:
            assert work is not None
            (work / "src").mkdir(parents=True)
            (work / "src" / "a.c").write_bytes(b"int a;")
            times = {"old": time.time() - 9 * day, "new": time.time() - day}
            for path in (work / "src" / "a.c", work / "src", work, work.parent):
                os.utime(path, (times[name], times[name]))
    assert [part.name for part in parts_of(caches) if part.items] == [STAGES]
    gone = prune_parts(caches, older_than=7 * day)
    assert {name: (pruned.count, pruned.size) for name, pruned in gone.items()} == {STAGES: (1, 6)}
    with kept_stage(caches, ("new",)) as new, kept_stage(caches, ("old",)) as old:
        assert (new is not None, old is not None) == (True, True)
        assert sorted(tmp_path.rglob("a.c")) == [new / "src" / "a.c"]
