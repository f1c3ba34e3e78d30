import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from wasmbuild.build import statcache
from wasmbuild.build.action import InputFile
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.errors import InvalidProject


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of these tests have just been written; where that is not the point, they count as old."""
    monkeypatch.setattr(statcache, "RACY_NANOSECONDS", -(10**12))


def digest_of(cache: StatCache, file: Path) -> Digest:
    return cache.digest(file, file.stat())[0]


def rewrite_behind_the_back(file: Path, text: str) -> None:
    """Change a file's bytes such that ``stat`` says the same, but for the time that nobody can set."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    cache = StatCache(tmp_path / "cache")
    for _ in range(2):
        assert cache.digest(tmp_path / "a", (tmp_path / "a").stat()) == (Digest.of(b"x" * 300_000), 300_000)


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    first = StatCache(tmp_path / "cache")
    digest_of(first, file)
    first.save()
    said = file.stat()
    file.unlink()
    assert StatCache(tmp_path / "cache").digest(file, said) == (Digest.of(b"one"), 3)


def test_a_changed_file_is_read_again_even_when_its_time_was_set_back(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    cache = StatCache(tmp_path / "cache")
    digest_of(cache, file)
    cache.save()
    time.sleep(0.02)
    rewrite_behind_the_back(file, "two")
    assert digest_of(StatCache(tmp_path / "cache"), file) == Digest.of(b"two")


def test_a_file_written_in_the_moment_of_hashing_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statcache, "RACY_NANOSECONDS", 10**9)
    file = tmp_path / "a"
    file.write_text("one")
    os.utime(file, (0, 0))  # old by its own time, and new by the one that nobody can set
    cache = StatCache(tmp_path / "cache")
    digest_of(cache, file)
    cache.save()
    assert not (tmp_path / "cache").exists()


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = file.stat()
    file.write_text("three")
    cache = StatCache(tmp_path / "cache")
    assert cache.digest(file, before) == (Digest.of(b"three"), 5)
    cache.save()
    assert not (tmp_path / "cache").exists()


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    file, path = tmp_path / "a", tmp_path / "cache"
    file.write_text("one")
    cache = StatCache(path)
    digest_of(cache, file)
    cache.save()
    written = path.stat()
    again = StatCache(path)
    digest_of(again, file)
    again.save()
    cache.save()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


@given(st.binary(max_size=300))
def test_foreign_content_is_an_empty_cache(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, file = Path(folder, "cache"), Path(folder, "a")
        path.write_bytes(data)
        file.write_text("one")
        assert digest_of(StatCache(path), file) == Digest.of(b"one")


def test_one_wrong_bit_anywhere_is_an_empty_cache(tmp_path: Path) -> None:
    file, path = tmp_path / "a", tmp_path / "cache"
    file.write_text("one")
    cache = StatCache(path)
    digest_of(cache, file)
    cache.save()
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert digest_of(StatCache(path), file) == Digest.of(b"one")
    path.write_bytes(data[:-1])
    assert digest_of(StatCache(path), file) == Digest.of(b"one")


def test_a_cache_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "cache").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in ("cache", "pipe", "a/below"):
        assert digest_of(StatCache(tmp_path / path), tmp_path / "a") == Digest.of(b"one")


def test_two_caches_of_one_file_keep_what_both_learned(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    caches = [StatCache(tmp_path / "cache") for _ in range(2)]
    for cache, name in zip(caches, "ab", strict=True):
        digest_of(cache, tmp_path / name)
    for cache in caches:
        cache.save()
    said = [(tmp_path / name).stat() for name in "ab"]
    for name in "ab":
        (tmp_path / name).unlink()
    third = StatCache(tmp_path / "cache")
    assert [third.digest(tmp_path / name, each)[0] for name, each in zip("ab", said, strict=True)] == [
        Digest.of(b"a"),
        Digest.of(b"b"),
    ]


def test_only_the_files_that_were_used_last_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statcache, "MAX_ENTRIES", 2)
    said = {}
    for name in "abc":
        (tmp_path / name).write_text(name)
        cache = StatCache(tmp_path / "cache")
        for used in {"a", name}:
            digest_of(cache, tmp_path / used)
            said[used] = (tmp_path / used).stat()
        cache.save()
    for name in "abc":
        (tmp_path / name).unlink()
    cache = StatCache(tmp_path / "cache")
    assert cache.digest(tmp_path / "a", said["a"])[0] == Digest.of(b"a")
    assert cache.digest(tmp_path / "c", said["c"])[0] == Digest.of(b"c")
    with pytest.raises(FileNotFoundError):
        cache.digest(tmp_path / "b", said["b"])


WRITER = """
import sys
from pathlib import Path
from wasmbuild.build import statcache
statcache.RACY_NANOSECONDS = -(10**12)
folder, start = Path(sys.argv[1]), int(sys.argv[2])
for number in range(start, start + 20):
    file = folder / str(number)
    file.write_text(str(number))
    cache = statcache.StatCache(folder / "cache")
    assert cache.digest(file, file.stat())[0] == statcache.Digest.of(str(number).encode())
    cache.save()
"""


def test_processes_at_once_never_break_it(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(start)]) for start in (0, 100, 200)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    said = [(tmp_path / str(number), (tmp_path / str(number)).stat()) for number in (19, 119, 219)]
    for file, _ in said:
        file.unlink()
    found = 0
    for file, each in said:
        try:
            assert StatCache(tmp_path / "cache").digest(file, each)[0] == Digest.of(file.name.encode())
            found += 1
        except FileNotFoundError:
            pass
    assert found >= 1  # whoever wrote last kept its own at least


def test_inputs_have_digest_size_and_whether_they_may_run(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.c").write_text("int a;")
    (tmp_path / "run.sh").write_text("#!")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link.c").symlink_to("src/a.c")
    (tmp_path / "folder").symlink_to("src")
    cache = StatCache(tmp_path / "cache")
    assert digest_inputs(tmp_path, ["run.sh", "src/a.c", "link.c", "folder/a.c"], cache) == (
        InputFile("run.sh", Digest.of(b"#!"), 2, executable=True),
        InputFile("src/a.c", Digest.of(b"int a;"), 6),
        InputFile("link.c", Digest.of(b"int a;"), 6),
        InputFile("folder/a.c", Digest.of(b"int a;"), 6),
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gone.c", "gone.c cannot be read"),
        ("folder", "folder is not a file"),
        ("pipe", "pipe is not a file"),
        ("out.c", "out.c is a link out of the project"),
        ("outside/secret.c", "outside/secret.c is a link out of the project"),
        ("../secret.c", "is a link out of the project"),
        ("folder/../../secret.c", "is a link out of the project"),
        ("../project/a.c", None),
        ("dangling.c", "cannot be read"),
        ("a\nb.c", "cannot be used"),
        (os.fsdecode(b"\xff.c"), "cannot be used"),
    ],
)
def test_inputs_that_cannot_be(tmp_path: Path, path: str, said: str | None) -> None:
    root = tmp_path / "project"
    (root / "folder").mkdir(parents=True)
    (root / "a.c").write_text("")
    (tmp_path / "secret.c").write_text("secret")
    (root / "out.c").symlink_to(tmp_path / "secret.c")
    (root / "outside").symlink_to(tmp_path)
    (root / "dangling.c").symlink_to("nowhere.c")
    os.mkfifo(root / "pipe")
    if said is None:
        assert digest_inputs(root, [path], StatCache(tmp_path / "cache"))[0].digest == Digest.of(b"")
        return
    with pytest.raises(InvalidProject, match=said):
        digest_inputs(root, [path], StatCache(tmp_path / "cache"))
