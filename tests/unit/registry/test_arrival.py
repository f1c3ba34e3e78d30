import errno
import fcntl
import io
import os
import stat
import time
import tracemalloc

import pytest

from registry.content import VerifyingReader
from registry.errors import DigestMismatch, SizeMismatch, StorageFailed, Unreachable
from registry.model import describe
from registry.stores import arrival
from registry.stores.arrival import receive, remove_abandoned
from tests.contract.making import BLOB

SIZE = 5_000_000
DATA = bytes(range(256)) * (SIZE // 256) + b"the end"
CONTENT = describe(BLOB, DATA)


class Source:
    """Gives its bytes, counts them, and breaks with ``error`` once ``until`` have gone out."""

    def __init__(self, data=DATA, until=None, error=None, skippable=True):
        self.data, self.until, self.error = data, until, error
        self.read_bytes = self.opened = self.closed = 0
        self.skippable = skippable

    def __call__(self):
        self.opened += 1
        return Skipping(self) if self.skippable else Reader(self)


class Reader:
    def __init__(self, source):
        self.source, self.body = source, io.BytesIO(source.data)

    def read(self, size=-1, /):
        if self.source.until is not None and self.source.read_bytes >= self.source.until:
            raise self.source.error
        data = self.body.read(min(size, 100_000))
        self.source.read_bytes += len(data)
        return data

    def close(self):
        self.source.closed += 1


class Skipping(Reader):
    def skip(self, count, /):
        self.body.seek(count)
        return True


@pytest.fixture
def final(tmp_path):
    (tmp_path / "blobs").mkdir()
    return tmp_path / "blobs" / "content"


@pytest.fixture
def partial(tmp_path):
    return tmp_path / ".content.partial"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_arrived(final):
    assert final.read_bytes() == DATA
    assert stat.S_IMODE(final.stat().st_mode) == 0o644
    assert names(final.parent) == ["content"]


def leave(partial, final, count, error=None):
    """A run that breaks after ``count`` bytes."""
    error = error or Unreachable("the connection broke")
    with pytest.raises(type(error)):
        receive(final, CONTENT, Source(until=count, error=error), partial=partial)


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, SIZE])
@pytest.mark.parametrize("skippable", [True, False])
def test_content_arrives(final, partial, size, skippable):
    data = DATA[:size]
    source = Source(data, skippable=skippable)
    receive(final, describe(BLOB, data), source, partial=partial)
    assert final.read_bytes() == data
    assert stat.S_IMODE(final.stat().st_mode) == 0o644
    assert names(final.parent.parent) == ["blobs"]
    assert source.opened == source.closed == 1


@pytest.mark.parametrize("error", [Unreachable("broke"), KeyboardInterrupt(), ConnectionError("reset")], ids=type)
def test_a_second_run_takes_up_what_the_first_left(final, partial, error):
    leave(partial, final, 3_000_000, error)
    assert not final.exists()
    assert partial.stat().st_size >= 2_900_000
    source = Source()
    receive(final, CONTENT, source, partial=partial)
    assert_arrived(final)
    assert source.read_bytes <= SIZE - 2_900_000 + 100
    assert names(partial.parent) == ["blobs"]


def test_the_errors_of_a_source_stay_its_own(final, partial):
    with pytest.raises(ConnectionError, match="reset"):
        receive(final, CONTENT, Source(until=10, error=ConnectionError("reset")), partial=partial)


def test_a_source_that_cannot_begin_later_begins_at_its_start(final, partial):
    leave(partial, final, 3_000_000)
    source = Source(skippable=False)
    receive(final, CONTENT, source, partial=partial)
    assert_arrived(final)
    assert source.read_bytes == len(DATA)
    assert source.opened == 1


def test_a_reader_that_verifies_is_not_verified_twice(final, partial):
    leave(partial, final, 3_000_000)
    source = Source()
    readers = []

    def body():
        readers.append(Counted(source(), CONTENT))
        return readers[-1]

    receive(final, CONTENT, body, partial=partial)
    assert_arrived(final)
    assert readers[0].calls > 2  # the content went through this very reader, and could be taken up


class Counted(VerifyingReader):
    calls = 0

    def read(self, size=-1, /):
        self.calls += 1
        return super().read(size)


def test_a_file_that_was_complete_only_gets_its_name(final, partial):
    partial.write_bytes(DATA)
    source = Source()
    receive(final, CONTENT, source, partial=partial)
    assert_arrived(final)
    assert source.opened == 0


@pytest.mark.parametrize(
    "left",
    [b"x" * 3_000_000, DATA[:100] + b"x" + DATA[101:], b"x" * len(DATA), DATA + b"more", b""],
    ids=["other bytes", "one byte", "complete and wrong", "longer", "empty"],
)
def test_a_damaged_file_does_not_stay(final, partial, left):
    partial.write_bytes(left)
    source = Source()
    receive(final, CONTENT, source, partial=partial)
    assert_arrived(final)
    assert source.opened <= 2
    assert names(partial.parent) == ["blobs"]


@pytest.mark.parametrize(
    ("data", "error"),
    [(DATA[:-1] + b"!", DigestMismatch), (DATA[:-1], SizeMismatch), (DATA + b"!", SizeMismatch)],
    ids=["other", "shorter", "longer"],
)
@pytest.mark.parametrize("resumed", [True, False])
def test_wrong_bytes_leave_nothing(final, partial, data, error, resumed):
    if resumed:
        leave(partial, final, 3_000_000)
    source = Source(data)
    with pytest.raises(error):
        receive(final, CONTENT, source, partial=partial)
    assert names(partial.parent) == ["blobs"]
    assert names(final.parent) == []
    assert source.opened == source.closed == (2 if resumed else 1)


def occupy_with_a_folder(partial, elsewhere):
    partial.mkdir()


def occupy_with_a_link(partial, elsewhere):
    partial.symlink_to(elsewhere)


def occupy_with_a_dangling_link(partial, elsewhere):
    partial.symlink_to(elsewhere.with_name("nothing"))


def occupy_with_another_name(partial, elsewhere):
    partial.hardlink_to(elsewhere)


def occupy_with_a_pipe(partial, elsewhere):
    os.mkfifo(partial)


@pytest.mark.parametrize(
    "occupy",
    [
        occupy_with_a_folder,
        occupy_with_a_link,
        occupy_with_a_dangling_link,
        occupy_with_another_name,
        occupy_with_a_pipe,
    ],
)
def test_what_is_no_partial_file_is_neither_followed_nor_touched(final, partial, tmp_path, occupy):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    occupy(partial, elsewhere)
    receive(final, CONTENT, Source(), partial=partial)
    assert_arrived(final)
    assert elsewhere.read_bytes() == b"precious"
    assert names(tmp_path) == [partial.name, "blobs", "elsewhere"]
    with pytest.raises(Unreachable):
        receive(final, CONTENT, Source(until=3_000_000, error=Unreachable("broke")), partial=partial)
    assert names(tmp_path) == [partial.name, "blobs", "elsewhere"]


def test_a_file_that_another_run_has_is_left_to_it(final, partial):
    partial.write_bytes(DATA[:2_000_000])
    with partial.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        source = Source()
        receive(final, CONTENT, source, partial=partial)
    assert_arrived(final)
    assert source.read_bytes == len(DATA)
    assert partial.read_bytes() == DATA[:2_000_000]


def test_a_file_that_got_its_name_before_it_was_locked_is_not_changed(final, partial, monkeypatch):
    other = DATA[::-1]
    partial.write_bytes(other)
    lock = fcntl.flock

    def late(handle, how):
        partial.rename(partial.with_name("published"))
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    receive(final, CONTENT, Source(), partial=partial)
    assert_arrived(final)
    assert partial.with_name("published").read_bytes() == other


def test_a_folder_that_is_not_there(tmp_path):
    for size in (10, SIZE):
        content = describe(BLOB, DATA[:size])
        with pytest.raises(StorageFailed, match="No such file"):
            receive(tmp_path / "a" / "b", content, Source(DATA[:size]), partial=tmp_path / "c" / ".d.partial")


def test_content_is_never_held_whole(final, partial):
    leave(partial, final, 1_000_000)
    tracemalloc.start()
    try:
        receive(final, CONTENT, Source(), partial=partial)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert_arrived(final)
    assert peak < 3_000_000


def age(path, days):
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then), follow_symlinks=False)


def test_what_nobody_touched_for_a_week_is_removed(tmp_path):
    old = [".sha256-ab.partial", f".{'a' * 40}-12_34abc", ".index.json-abcd1234"]
    kept = ["index.json", ".index.lock", "x.partial", "blobs.partial", ".partial"]
    for name in [*old, *kept]:
        (tmp_path / name).write_bytes(b"")
        age(tmp_path / name, 8)
    (tmp_path / ".young.partial").write_bytes(b"")
    age(tmp_path / ".young.partial", 6)
    (tmp_path / ".folder.partial").mkdir()
    age(tmp_path / ".folder.partial", 8)
    (tmp_path / ".link.partial").symlink_to(tmp_path / "index.json")
    age(tmp_path / ".link.partial", 8)
    remove_abandoned(tmp_path)
    assert names(tmp_path) == sorted([*kept, ".young.partial", ".folder.partial", ".link.partial"])


def test_what_is_in_use_is_not_removed_however_old(tmp_path):
    path = tmp_path / ".slow.partial"
    path.write_bytes(b"")
    age(path, 30)
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        remove_abandoned(tmp_path)
        assert path.exists()
    remove_abandoned(tmp_path)
    assert not path.exists()


def test_removing_from_a_folder_that_is_not_there_is_fine(tmp_path):
    remove_abandoned(tmp_path / "missing")


def test_a_disk_that_fails_early_is_heard(final, partial, monkeypatch):
    """The early sync is told of it, and only once: the sync at the end would say that all is well."""
    monkeypatch.setattr(arrival, "_SYNC_EVERY", 1)

    def fail(handle):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StorageFailed, match="Input/output error"):
        receive(final, CONTENT, Source(), partial=partial)
    assert not final.exists()
    assert not partial.exists()


def test_the_disk_begins_before_the_end(final, partial, monkeypatch):
    monkeypatch.setattr(arrival, "_SYNC_EVERY", 1)
    synced, sync = [], os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (synced.append(partial.exists()), sync(handle)))
    receive(final, CONTENT, Source(), partial=partial)
    assert_arrived(final)
    assert synced
    assert all(synced)
