"""Bytes that wait until they are as many as a part of an upload: in memory while there is some, then on the disk."""

import hashlib
import mmap
import os
import shutil
import tempfile
import threading
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from registry.content import CHUNK
from registry.digest import Hasher

__all__ = ["Budget", "PartBuffer", "Sealed"]


class Budget:
    """Bytes of memory that all buffers of a server may have together; for any thread."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._changing = threading.Lock()

    def take(self, count: int) -> bool:
        """Have that many more; False: there are not as many."""
        with self._changing:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give(self, count: int) -> None:
        """Give some back."""
        with self._changing:
            self._left += count

    @property
    def left(self) -> int:
        """How many nobody has."""
        return self._left


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file to be read from the beginning, its size in bytes, and its ``Content-MD5`` (RFC 1864)."""

    file: IO[bytes]
    size: int
    md5: str


class _Pages(BytesIO):
    """A file in memory of its own, which goes back to the system at once: the heap would keep most of it.

    A ``BytesIO`` by its type alone: what sends files reads those without changing threads.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._pages = mmap.mmap(-1, max(1, capacity))
        self._end = 0

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        count = self._pages.write(data)
        self._end = max(self._end, self._pages.tell())
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._end - self._pages.tell())
        return self._pages.read(left if size is None or size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._pages.tell(), os.SEEK_END: self._end}[whence]
        self._pages.seek(base + offset)
        return self._pages.tell()

    def tell(self) -> int:
        return self._pages.tell()

    def getbuffer(self) -> memoryview:
        return memoryview(self._pages)[: self._end]

    def close(self) -> None:
        if not self.closed:
            self._pages.close()
        super().close()


class PartBuffer:
    """A file of at most ``capacity`` bytes, for one part; its methods may wait for the disk.

    ``folder`` takes what memory has no room for.
    """

    def __init__(self, budget: Budget, folder: Path, capacity: int) -> None:
        self.size = 0
        self._budget = budget
        self._folder = folder
        self._file: IO[bytes] = _Pages(capacity)
        self._held = 0
        self._spilled = False

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        if not self._spilled:
            if self._budget.take(len(data)):
                self._held += len(data)
            else:
                self._spill()
        self._file.write(data)
        self.size += len(data)

    def _spill(self) -> None:
        file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  it lives as long as this does
        try:
            self._file.seek(0)
            shutil.copyfileobj(self._file, file, CHUNK)
            self._file.close()
        except BaseException:
            file.close()
            raise
        self._release()
        self._file, self._spilled = file, True

    def feed(self, hasher: Hasher) -> None:
        """Hash all that is there."""
        self._file.seek(0)
        while data := self._file.read(CHUNK):
            hasher.update(data)

    def sealed(self) -> "Sealed":
        """All that is there, to be sent; nothing is added any more."""
        hasher = hashlib.md5(usedforsecurity=False)
        self.feed(hasher)
        self._file.seek(0)
        return Sealed(self._file, self.size, b64encode(hasher.digest()).decode())

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
        self._release()

    def _release(self) -> None:
        self._budget.give(self._held)
        self._held = 0
