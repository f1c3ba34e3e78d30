"""Compiled code, kept for the next start, in a folder that nobody else can write to.

The engine trusts compiled code blindly, so what is not exactly as we left it (owner, mode, content) is not
used. Code is mapped and not read, so its hash is taken only when its file is not the one, unchanged since,
whose hash was taken before: what changes a file changes its inode, its times or its size, and whoever could
do without is the owner. A cache that does not work costs time, never a run.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import Failure
from registry.files import exclusive_folder, write_atomically
from wasmbuild.run.hashing import SIZE, blake2b

__all__ = ["CACHE_BYTES", "CodeCache", "CodeCacheFailed"]

CACHE_BYTES = 2 * 1024**3
"""What all compiled code may have; what was not used for longest goes first."""

_SEAL = ".seal"
_MOST_SEAL = 300
_DAY = 24 * 3600.0
_CHUNK = 1024**2
_HANDLES = "/proc/self/fd"
_BY_HANDLE = os.path.isdir(_HANDLES)  # noqa: PTH112 - at every start


class CodeCacheFailed(Exception):
    """Why the cache is not used; the text is for a warning."""


class CodeCache:
    """A folder of compiled code by key; beside each file is its seal: its hash, and which file had it."""

    def __init__(self, folder: Path, *, max_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    @contextmanager
    def opened(self, key: str) -> Iterator[str | None]:
        """A path to read the compiled code from while the block lasts, or None without any that is whole.

        Raises CodeCacheFailed when the folder cannot be trusted or read.
        """
        with self._checked() as folder:
            handle = _open(folder, key)
            try:
                found = handle is not None and _is_whole(self._at(folder), folder, handle, key)
                yield (f"{_HANDLES}/{handle}" if _BY_HANDLE else str(self._folder / key)) if found else None
            finally:
                if handle is not None:
                    os.close(handle)

    def store(self, key: str, code: bytes) -> None:
        """Keep compiled code; what was there under the key is replaced. Raises CodeCacheFailed."""
        with self._checked() as folder:
            path = self._at(folder)
            try:
                with exclusive_folder(path):
                    write_atomically(path / key, code, mode=0o600)
                    handle = _open(folder, key)
                    if handle is not None:
                        with os.fdopen(handle, "rb"):
                            _seal(path, key, _hash(key, code), os.fstat(handle))
                    _prune(path, self._max_bytes, key)
            except (Failure, OSError) as error:
                reason = error.cause if isinstance(error, Failure) else error.strerror
                raise CodeCacheFailed(f"{self._folder} could not be written: {reason}") from error

    def _at(self, handle: int) -> Path:
        """A path to the folder that was looked at."""
        return Path(f"{_HANDLES}/{handle}") if _BY_HANDLE else self._folder

    @contextmanager
    def _checked(self) -> Iterator[int]:
        """The folder, opened once and looked at as it is: its name may come to mean another."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise CodeCacheFailed(f"{self._folder} cannot be used: {error.strerror}") from error
        try:
            if not _is_private(os.fstat(handle)):
                raise CodeCacheFailed(f"{self._folder} is not a folder that only its owner, you, can enter")
            yield handle
        finally:
            os.close(handle)


def _is_private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _open(folder: int, name: str) -> int | None:
    """A regular file of ours in the folder, or None."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and _is_private(found):
        return handle
    os.close(handle)
    return None


def _is_whole(path: Path, folder: int, handle: int, key: str) -> bool:
    seal = _open(folder, key + _SEAL)
    if seal is None:
        return False
    try:
        digest, _, identity = os.read(seal, _MOST_SEAL).decode(errors="replace").partition(" ")
        used = os.fstat(seal).st_mtime
        found = os.fstat(handle)
        if identity != _identity(found):
            if digest != _hash_of_file(key, handle):
                return False
            with contextlib.suppress(Failure, OSError):
                _seal(path, key, digest, found)
        elif used < time.time() - _DAY:
            with contextlib.suppress(OSError):
                os.utime(seal)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(seal)


def _seal(folder: Path, key: str, digest: str, found: os.stat_result) -> None:
    write_atomically(folder / (key + _SEAL), f"{digest} {_identity(found)}".encode(), mode=0o600)


def _identity(found: os.stat_result) -> str:
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _hash(key: str, code: bytes) -> str:
    digest = blake2b(key.encode() + b"\0", digest_size=SIZE)
    digest.update(code)
    return digest.hexdigest()


def _hash_of_file(key: str, handle: int) -> str:
    digest = blake2b(key.encode() + b"\0", digest_size=SIZE)
    offset = 0
    while chunk := os.pread(handle, _CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def _prune(folder: Path, max_bytes: int, kept: str) -> None:
    """Remove what was not used for longest, until the rest fits; code without a seal goes first, or soon."""
    with os.scandir(folder) as entries:
        files = {entry.name: entry.stat(follow_symlinks=False) for entry in entries if not entry.name.startswith(".")}
    codes = {name: found.st_size for name, found in files.items() if not name.endswith(_SEAL)}

    def used(name: str) -> float:
        seal = files.get(name + _SEAL)
        return seal.st_mtime if seal else 0.0

    total = sum(codes.values())
    old = time.time() - _DAY
    for name in sorted(codes, key=used):
        useless = used(name) == 0.0 and files[name].st_mtime < old
        if name != kept and (useless or total > max_bytes):
            total -= codes[name]
            for each in (name, name + _SEAL):
                (folder / each).unlink(missing_ok=True)
