"""StatCache: the digests of files that have not changed, so that a build without changes reads none of them.

A file is known by what ``stat`` says of it. One that was written in the same moment as it was hashed may
change again without ``stat`` saying so, and is hashed again the next time, as git does ("racy git").
Not here: which files there are (``wasmbuild.build.tree``).
"""

import hashlib
import os
import stat
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from registry.digest import Digest
from registry.files import open_regular
from wasmbuild.build.action import InputFile
from wasmbuild.build.tree import leads_out
from wasmbuild.errors import InvalidProject

__all__ = ["MAX_ENTRIES", "RACY_NANOSECONDS", "StatCache", "digest_inputs"]

MAX_ENTRIES = 150_000
"""Files that are remembered: those that were used last."""

RACY_NANOSECONDS = 2_000_000_000
"""How much older than its hashing a file must be to be known by ``stat``: the coarsest file system counts in 2 s."""

_MAGIC = b"wasmbuild stat 1\n"
_ENTRY = struct.Struct("<QQQqq32s")
_CHECK = hashlib.sha256().digest_size
_BLOCK = 256 * 1024

_Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change of content and of anything, in nanoseconds."""


class StatCache:
    """Digests by what ``stat`` says, kept in one file; safe to use from several threads and processes.

    It is read when it is first asked. What cannot be read or was not written by us is an empty cache.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[_Identity, bytes] | None = None
        self._used: dict[_Identity, bytes] = {}
        self._changed = False
        self._lock = threading.Lock()

    def digest(self, file: str | Path, said: os.stat_result) -> tuple[Digest, int]:
        """The SHA-256 of a file and its size in bytes; ``said`` is what ``stat`` has just said of it.

        Raises OSError, also for what is not a regular file.
        """
        identity = _identity(said)
        known = (self._known or self._load()).get(identity)
        if known is None:
            return self._hash(Path(file), said)
        self._used[identity] = known
        return Digest("sha256", known.hex()), said.st_size

    def save(self) -> None:
        """Write what was learned, if anything was, with what other processes have written meanwhile.

        Raises StorageFailed.
        """
        if not self._changed:
            return
        from wasmbuild.build.cache.arriving import arriving  # noqa: PLC0415  (most builds learn nothing)

        others = {identity: found for identity, found in _read(self._path).items() if identity not in self._used}
        merged = list({**others, **self._used}.items())[-MAX_ENTRIES:]
        with arriving(self._path, mode=0o644) as file:
            file.write(_encode(merged))
        self._changed = False

    def _load(self) -> dict[_Identity, bytes]:
        with self._lock:
            if self._known is None:
                self._known = _read(self._path)
            return self._known

    def _hash(self, file: Path, said: os.stat_result) -> tuple[Digest, int]:
        began, identity = time.time_ns(), _identity(said)
        with open_regular(file) as opened:
            found, size = _hash(opened.fileno(), said.st_size)
            settled = _identity(os.fstat(opened.fileno())) == identity
        if settled and max(said.st_mtime_ns, said.st_ctime_ns) < began - RACY_NANOSECONDS:
            self._used[identity] = found
            self._changed = True
        return Digest("sha256", found.hex()), size


def digest_inputs(root: Path, paths: Iterable[str], cache: StatCache) -> tuple[InputFile, ...]:
    """What a command will read: the files of a project, relative to it with ``/``, with their digests.

    Raises InvalidProject for one that is gone or is no file, for a link out of the project, and for a name
    that is not printable text.
    """
    start, folders = os.fspath(root), _Folders(root)
    return tuple(_digest_input(start, path, folders, cache) for path in paths)


def _digest_input(start: str, path: str, folders: "_Folders", cache: StatCache) -> InputFile:
    if not path.isprintable():
        raise InvalidProject(f"the file name {path!r} cannot be used", hint="rename the file")
    file = f"{start}/{path}"
    try:
        said = os.lstat(file)
        if stat.S_ISLNK(said.st_mode) or not folders.plain(path):
            _stay_inside(folders.root, path)
            said = Path(file).stat()
        if not stat.S_ISREG(said.st_mode):
            raise InvalidProject(f"{path} is not a file")
        digest, size = cache.digest(file, said)
    except OSError as error:
        raise InvalidProject(f"{path} cannot be read", cause=error.strerror) from error
    return InputFile(path, digest, size, bool(said.st_mode & stat.S_IXUSR))


def _stay_inside(root: Path, path: str) -> None:
    if leads_out(root, path):
        raise InvalidProject(
            f"{path} is a link out of the project", hint="copy the file into the project, or name other sources"
        )


class _Folders:
    """Which folders of a project are neither links nor steps upwards; each is looked at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: dict[str, bool] = {"": True}

    def plain(self, path: str) -> bool:
        """Whether a path leads through such folders only."""
        folder = path.rpartition("/")[0]
        known = self._seen.get(folder)
        if known is None:
            known = self._seen[folder] = self._look(folder)
        return known

    def _look(self, folder: str) -> bool:
        name = folder.rpartition("/")[2]
        if name in {"", ".", ".."}:
            return False
        return self.plain(folder) and stat.S_ISDIR(os.lstat(f"{self.root}/{folder}").st_mode)


def _identity(said: os.stat_result) -> _Identity:
    return said.st_dev, said.st_ino, said.st_size, said.st_mtime_ns, said.st_ctime_ns


def _hash(handle: int, expected: int) -> tuple[bytes, int]:
    hasher, size = hashlib.sha256(), 0
    most = min(expected + 1, _BLOCK)
    while block := os.read(handle, most):
        hasher.update(block)
        size += len(block)
    return hasher.digest(), size


def _encode(entries: Iterable[tuple[_Identity, bytes]]) -> bytes:
    packed = b"".join(_ENTRY.pack(*identity, digest) for identity, digest in entries)
    return _MAGIC + hashlib.sha256(packed).digest() + packed


def _read(path: Path) -> dict[_Identity, bytes]:
    data = b""
    with suppress(OSError), open_regular(path) as file:
        data = file.read(len(_MAGIC) + _CHECK + MAX_ENTRIES * _ENTRY.size + 1)
    check, packed = data[len(_MAGIC) : len(_MAGIC) + _CHECK], data[len(_MAGIC) + _CHECK :]
    if not data.startswith(_MAGIC) or len(packed) % _ENTRY.size or hashlib.sha256(packed).digest() != check:
        return {}
    return {entry[:5]: entry[5] for entry in _ENTRY.iter_unpack(packed)}
