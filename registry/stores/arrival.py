"""Arrival: content on its way into a file, which gets its name once it is whole and verified.

What a broken run leaves behind, the next run takes up. Where content comes from is not known here,
and neither is how a store names its files.
"""

import fcntl
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Self

from registry.ahead import ReadAhead
from registry.content import CHUNK, Opener, Readable, VerifyingReader, verifying
from registry.errors import DigestMismatch, SizeMismatch, StorageFailed
from registry.files import replacing, storage_errors, sync_folder
from registry.model import Descriptor

__all__ = ["PARTIAL", "receive", "remove_abandoned"]

PARTIAL = ".partial"
"""How the names of files end that are not whole yet."""

_SMALL = CHUNK
"""Bytes up to which content is held in memory, and comes again rather than being taken up."""

_SYNC_EVERY = 64 * CHUNK
"""Bytes after which the disk is told to begin."""
_WEEK = 7 * 24 * 3600.0
_MOST_NAMES = 1000
_SCRATCH = re.compile(r"\..+\.partial|\.(?:[0-9a-f]{40}|index\.json|oci-layout)-[a-z0-9_]{8}")


def receive(final: Path, descriptor: Descriptor, body: Opener, *, partial: Path, sync_name: bool = True) -> None:
    """Take content in under the name ``final``, whole, verified and synced, or not at all.

    Until then it is in the file ``partial``, on the same file system, which a broken connection,
    a signal or Ctrl-C leaves for the next run. While another process has that file, and where
    something else has its name, a file of one's own is used. Without ``sync_name``, syncing the folder
    is left to the caller. Raises DigestMismatch and SizeMismatch,
    but for a partial file that was damaged only after one more attempt without it; StorageFailed.
    """
    if descriptor.size <= _SMALL:
        with verifying(body(), descriptor) as reader:
            data = reader.read()
        with replacing(final, scratch=partial.parent, sync_name=sync_name) as whole:
            whole.write(data)
        return
    with _growing(partial) as file:
        _fill(file, descriptor, body)
        file.publish(final, sync_name=sync_name)


def remove_abandoned(folder: Path, *, age: float = _WEEK) -> None:
    """Remove what broken runs left in a folder and nobody has touched for ``age`` seconds.

    Looks at a bounded number of names, and leaves what it may not remove.
    """
    before = time.time() - age
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in islice(entries, _MOST_NAMES):
            if _SCRATCH.fullmatch(entry.name):
                _remove_if_idle(Path(entry.path), before)


def _remove_if_idle(path: Path, before: float) -> None:
    with suppress(OSError):
        found = path.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before:
            return
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False)):
                path.unlink()
        finally:
            os.close(handle)


class _Growing:
    """A file that is ours alone while it grows; ``kept`` when the next run would find it."""

    def __init__(self, path: Path, handle: int, *, kept: bool) -> None:
        self.path = path
        self.kept = kept
        self.size = os.fstat(handle).st_size
        self._handle = handle

    def chunks(self, count: int) -> Iterator[bytes]:
        """The first ``count`` bytes again."""
        offset = 0
        while offset < count:
            with storage_errors(f"{self.path} could not be read"):
                chunk = os.pread(self._handle, min(CHUNK, count - offset), offset)
            if not chunk:
                raise StorageFailed(f"{self.path} could not be read", cause="it became shorter")
            offset += len(chunk)
            yield chunk

    def append(self, data: bytes) -> None:
        """Write more bytes, past every buffer of this process."""
        view = memoryview(data)
        with storage_errors(f"{self.path} could not be written"):
            while view:
                written = os.pwrite(self._handle, view, self.size)
                self.size += written
                view = view[written:]

    def restart(self) -> None:
        """Forget all bytes."""
        with storage_errors(f"{self.path} could not be written"):
            os.ftruncate(self._handle, 0)
        self.size = 0

    def publish(self, final: Path, *, sync_name: bool) -> None:
        """Give the synced file its final name."""
        with storage_errors(f"{final} could not be written"):
            os.fchmod(self._handle, 0o644)
            os.fsync(self._handle)
            self.path.replace(final)
            if sync_name:
                sync_folder(final.parent)

    def syncing(self) -> "_EarlySync":
        """Something that has the disk take bytes while more of them come."""
        return _EarlySync(self._handle)

    def remove(self) -> None:
        """Take the file away, if it can be."""
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Let go of the file and of its lock."""
        os.close(self._handle)


class _EarlySync:
    """Syncs a file now and then on a thread of its own, so that there is little left to wait for at the end."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._waiting = 0
        self._thread: Thread | None = None
        self._failure: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        if self._thread is not None:
            self._thread.join()  # the handle is closed next
        self._check()

    def progress(self, count: int) -> None:
        """Note that so many more bytes were written."""
        self._check()
        self._waiting += count
        if self._waiting >= _SYNC_EVERY and (self._thread is None or not self._thread.is_alive()):
            self._waiting = 0
            self._thread = Thread(target=self._sync, name="early-sync", daemon=True)
            self._thread.start()

    def _sync(self) -> None:
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            self._failure = error

    def _check(self) -> None:
        # Linux says only once that a write failed: the sync at the end would not know.
        if self._failure is not None:
            raise StorageFailed("the disk did not keep what was written", cause=self._failure.strerror)


@contextmanager
def _growing(partial: Path) -> Iterator[_Growing]:
    file = _claim(partial) or _private(partial)
    try:
        yield file
    except (DigestMismatch, SizeMismatch, StorageFailed):
        # Wrong bytes are of no use to anybody, and the room on a full disk is.
        file.remove()
        raise
    except BaseException:
        if not file.kept:
            file.remove()
        raise
    finally:
        file.close()


def _claim(partial: Path) -> _Growing | None:
    """The partial file, locked; None when it cannot be ours, for any reason."""
    try:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_ours(os.fstat(handle), partial.stat(follow_symlinks=False)):
            return _Growing(partial, handle, kept=True)
    except OSError:
        pass
    os.close(handle)
    return None


def _is_ours(opened: os.stat_result, named: os.stat_result) -> bool:
    # Whoever held the lock before may have published the file. Another name of it, or another owner,
    # means that somebody else can change it once it is verified.
    same = os.path.samestat(opened, named)
    return same and stat.S_ISREG(opened.st_mode) and opened.st_nlink == 1 and opened.st_uid == os.geteuid()


def _private(partial: Path) -> _Growing:
    with storage_errors(f"{partial.parent} could not be written to"):
        prefix = partial.name.removesuffix(PARTIAL)[:40]
        handle, name = tempfile.mkstemp(prefix=f"{prefix}-", suffix=PARTIAL, dir=partial.parent)
    return _Growing(Path(name), handle, kept=False)


def _fill(file: _Growing, descriptor: Descriptor, body: Opener) -> None:
    have = file.size if file.size <= descriptor.size else 0
    opened: Readable = _Ended() if have == descriptor.size else body()
    with verifying(opened, descriptor) as reader:
        resumed = have > 0 and reader.resume(file.chunks(have), have)
        try:
            _pour(reader, file, resumed=resumed)
        except (DigestMismatch, SizeMismatch):
            # What an earlier run left may be what is wrong: without it there is one more attempt.
            if not resumed:
                raise
        else:
            return
    with verifying(body(), descriptor) as reader:
        _pour(reader, file, resumed=False)


def _pour(reader: VerifyingReader, file: _Growing, *, resumed: bool) -> None:
    if not resumed:
        file.restart()
    ahead = ReadAhead(reader)
    try:
        with file.syncing() as sync:
            while chunk := ahead.read(CHUNK):
                file.append(chunk)
                sync.progress(len(chunk))
    finally:
        ahead.stop()


class _Ended:
    """A source of which everything has been read."""

    def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - the shape of a reader
        return b""

    def skip(self, count: int, /) -> bool:  # noqa: ARG002
        return True

    def close(self) -> None:
        """There is nothing behind it."""
