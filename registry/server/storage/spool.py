"""Bytes that arrive: a file for each upload, hashed while it grows.

The length of the file is the truth about how far an upload is; the digest, checked at the end, is
the truth about its bytes. A hash in progress is kept in memory between the chunks of an upload, as
an optimisation only: whoever continues elsewhere, or ends with another algorithm, reads the file.
"""

import fcntl
import math
import os
import re
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from registry.content import CHUNK
from registry.digest import ALGORITHMS, Digest, Hasher
from registry.files import write_all
from registry.server.storage.hashers import Hashers
from registry.server.storage.protocol import UploadBusy

__all__ = ["Spool", "SpoolFolder", "valid_upload"]

_UPLOAD = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def valid_upload(text: str) -> bool:
    """Whether the text is an upload's id, and so safe in a path."""
    return _UPLOAD.fullmatch(text) is not None


class Spool:
    """One upload, opened by one request. Its methods wait for the disk: call them on a thread."""

    def __init__(self, path: Path, file: FileIO, algorithm: str, hasher: Hasher | None) -> None:
        self.path = path
        self.size = file.seek(0, os.SEEK_END)
        self.algorithm = algorithm
        self._file = file
        self.hasher = ALGORITHMS[algorithm][0]() if self.size == 0 else hasher

    def append(self, batch: Iterable[bytes]) -> None:
        """Write and hash more bytes."""
        for data in batch:
            write_all(self._file, data)
            self.size += len(data)
            if self.hasher is not None:
                self.hasher.update(data)

    def truncate(self, size: int) -> None:
        """Forget what came after the first ``size`` bytes."""
        self._file.truncate(size)
        self._file.seek(0, os.SEEK_END)
        self.size = size
        self.hasher = None

    def digest(self, algorithm: str) -> Digest:
        """The digest of all bytes; free when it was computed on the way, else the file is read."""
        if self.hasher is not None and algorithm == self.algorithm:
            return Digest(algorithm, self.hasher.hexdigest())
        hasher = ALGORITHMS[algorithm][0]()
        self._file.seek(0)
        while data := self._file.read(CHUNK):
            hasher.update(data)
        self._file.seek(0, os.SEEK_END)
        return Digest(algorithm, hasher.hexdigest())

    def sync(self) -> None:
        """Wait until all bytes are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._file.close()


class SpoolFolder:
    """All uploads of a server, as files named by their ids."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._hashers = Hashers()

    def create(self, upload: str, algorithm: str) -> Spool:
        """A new, empty upload, opened."""
        return self._opened(upload, algorithm, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def open(self, upload: str, algorithm: str) -> Spool:
        """Open an upload, for this request alone.

        Raises FileNotFoundError when there is none, UploadBusy while another request has it.
        """
        return self._opened(upload, algorithm, os.O_RDWR)

    def _opened(self, upload: str, algorithm: str, how: int) -> Spool:
        path = self._root / upload
        file = FileIO(os.open(path, how | os.O_CLOEXEC, 0o666), "r+b")
        try:
            _claim(file, path)
        except BaseException:
            file.close()
            raise
        # When another process went on with it, it has another length.
        hasher = self._hashers.take(upload, os.fstat(file.fileno()).st_size)
        return Spool(path, file, algorithm, hasher)

    def suspend(self, upload: str, spool: Spool) -> None:
        """Close an upload that will go on, and keep its hash for then."""
        self._hashers.keep(upload, spool.size, spool.hasher)
        spool.close()

    def size(self, upload: str) -> int:
        """How many bytes have arrived. Raises FileNotFoundError."""
        return (self._root / upload).stat().st_size

    def grew(self, upload: str) -> float:
        """When it was last written to, in seconds since the epoch. Raises FileNotFoundError."""
        return (self._root / upload).stat().st_mtime

    def idle_since(self, before: float) -> list[str]:
        """Uploads that were last written to before a time."""
        return [path.name for path in self._root.iterdir() if valid_upload(path.name) and _grew(path) < before]

    def discard(self, upload: str) -> None:
        """Delete an upload's bytes, if there are any."""
        self._hashers.forget(upload)
        (self._root / upload).unlink(missing_ok=True)


def _grew(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf  # ended just now: nothing to clean up


def _claim(file: FileIO, path: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UploadBusy(path.name) from error
    # Whoever held the lock before may have made a blob of this file, which nobody may change.
    if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
        raise FileNotFoundError(path.name)
