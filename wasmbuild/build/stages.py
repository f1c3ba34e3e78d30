"""Stages: work folders that stay between builds, for compilers that know a file again by what ``stat`` says of it.

What is in one is looked at each time: it has the right bytes, or it goes. Who compares the time of a file with
that of an output, as cargo does, gets no such folder: an old file with old bytes is no proof for it.
Not here: putting in what is missing (``staging``), and when a stage is removed (``cache.parts``).
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from wasmbuild.build.action import InputFile
from wasmbuild.build.staging import FOLDER_MODE, mode_of
from wasmbuild.caches import Caches

__all__ = ["STAGES", "kept_stage", "settle"]

STAGES = "stages"
"""The folder in the cache where they are."""

_BLOCK = 1024 * 1024
_UNHURRIED = 60.0
"""Seconds between the time that a file was given and the last change of it, when we staged it."""


@contextmanager
def kept_stage(caches: Caches, identity: Sequence[str]) -> Iterator[Path | None]:
    """The work folder of that identity, for us alone; None when somebody else has it, or there can be none."""
    handle = None
    with suppress(OSError):
        name = hashlib.sha256(json.dumps(list(identity)).encode()).hexdigest()[:32]
        handle = _lock(caches.writable(f"{STAGES}/{name}"))
    if handle is None:
        yield None
        return
    try:
        yield caches.root / STAGES / name / "work"
    finally:
        os.close(handle)


def settle(folder: Path, wanted: Sequence[InputFile]) -> frozenset[str]:
    """Remove from a stage all that is not wanted, or not as it should be; the paths of the files that stay.

    The folder is made when it is not there. Raises OSError for what cannot be removed.
    """
    files = {file.path: file for file in wanted}
    folders = {path[:end] for path in files for end in range(len(path)) if path[end] == "/"}
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    folder.mkdir(exist_ok=True)
    return frozenset(_settle(str(folder), "", files, folders))


def _lock(folder: Path) -> int | None:
    """Hold a folder's lock, and note that it is used. Raises OSError, also when somebody else holds it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.utime(handle)
        if os.path.samestat(os.fstat(handle), folder.lstat()):  # nobody has taken it away meanwhile
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _settle(folder: str, below: str, files: Mapping[str, InputFile], folders: set[str]) -> Iterator[str]:
    Path(folder).chmod(FOLDER_MODE)
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        path = f"{below}{entry.name}"
        if path in folders and entry.is_dir(follow_symlinks=False):
            yield from _settle(entry.path, f"{path}/", files, folders)
        elif path not in folders and path in files and _is_right(entry, files[path]):
            yield path
        else:
            _remove(entry)


def _is_right(entry: "os.DirEntry[str]", file: InputFile) -> bool:
    found = entry.stat(follow_symlinks=False)
    as_staged = (
        stat.S_ISREG(found.st_mode)
        and stat.S_IMODE(found.st_mode) == mode_of(file)
        and (found.st_uid, found.st_nlink, found.st_size) == (os.geteuid(), 1, file.size)
        and abs(found.st_ctime - found.st_mtime) < _UNHURRIED  # otherwise somebody gave it another time
    )
    return as_staged and _has(entry.path, file)


def _has(path: str, file: InputFile) -> bool:
    hasher = file.digest.hasher()
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while block := os.read(handle, min(_BLOCK, file.size + 1)):
            hasher.update(block)
    finally:
        os.close(handle)
    return hasher.hexdigest() == file.digest.encoded


def _remove(entry: "os.DirEntry[str]") -> None:
    if not entry.is_dir(follow_symlinks=False):
        Path(entry.path).unlink()
        return
    Path(entry.path).chmod(0o700)
    for base, names, _ in os.walk(entry.path):
        for name in names:
            if not Path(base, name).is_symlink():
                Path(base, name).chmod(0o700)
    try:
        shutil.rmtree(entry.path)
    except RecursionError as error:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), entry.path) from error
