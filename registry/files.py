"""Files: how one gets its final name, and how one that somebody named is opened.

It is put in place whole and synced, or not at all; it is opened at once, or not at all.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

from registry.errors import StorageFailed

__all__ = [
    "FileTooLarge",
    "exclusive",
    "exclusive_folder",
    "open_regular",
    "publish",
    "read_regular",
    "replacing",
    "storage_errors",
    "sync_folder",
    "write_all",
    "write_atomically",
]


@contextmanager
def replacing(
    path: Path, *, scratch: Path | None = None, mode: int = 0o644, sync_name: bool = True
) -> Iterator[BinaryIO]:
    """A file to write that takes the name ``path`` when the block ends well, and vanishes otherwise.

    It is written in ``scratch``, or beside ``path``: the same file system either way. Without
    ``sync_name`` the bytes survive a power loss, and the name once the caller syncs the folder.
    Raises StorageFailed in the operating system's own words.
    """
    import tempfile  # noqa: PLC0415  (much of the library comes with it, and who only reads needs none)

    with storage_errors(f"{path} could not be written"):
        folder = path.parent if scratch is None else scratch
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}-", dir=folder)
    temporary = Path(name)
    try:
        with storage_errors(f"{path} could not be written"):
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            temporary.replace(path)
            if sync_name:
                sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put bytes under a name, whole or not at all."""
    with replacing(path, mode=mode) as file:
        file.write(data)


def write_all(file: BinaryIO | FileIO, data: bytes) -> None:
    """Write all of some bytes to a file without a buffer, which may take them in several pieces."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def publish(written: Path, final: Path) -> None:
    """Sync a complete file and give it its final name, on the same file system; OSError otherwise."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def exclusive(path: Path) -> AbstractContextManager[None]:
    """Hold the lock of a file, which is made at need and stays, against other threads and processes.

    Waits for it. Raises StorageFailed.
    """
    return _locked(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK)


def exclusive_folder(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock of a folder against other threads and processes that do so, for a short moment.

    Waits for it. Raises StorageFailed.
    """
    return _locked(folder, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[None]:
    with storage_errors(f"{path} could not be locked"):
        handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        with storage_errors(f"{path} could not be locked"):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn the operating system's errors into StorageFailed, with ``what`` as its sentence."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(what, cause=error.strerror or str(error)) from error


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, or fail without waiting.

    Raises OSError, also for a folder, a pipe, a socket or a device.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


class FileTooLarge(OSError):
    """A file has more bytes than whoever reads it wants; ``strerror`` says how many those are."""

    def __init__(self, limit: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {limit} bytes")


def read_regular(path: Path, limit: int) -> bytes:
    """All of a regular file that has at most ``limit`` bytes. Raises FileTooLarge, and OSError as ``open_regular``."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FileTooLarge(limit)
    return data


def _check(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
