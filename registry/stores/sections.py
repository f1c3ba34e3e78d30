"""Sections: a stretch of a file, as a reader that can begin anywhere and shares no position with others."""

import os
from io import FileIO
from typing import Self

from registry.content import CHUNK
from registry.files import storage_errors

__all__ = ["Section"]


class Section:
    """The ``size`` bytes from ``start`` of an open file, which it closes.

    Reading raises StorageFailed. Nothing is verified here.
    """

    def __init__(self, file: FileIO, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    @classmethod
    def whole(cls, file: FileIO) -> Self:
        """All of a file, as long as it is now."""
        return cls(file, 0, os.fstat(file.fileno()).st_size)

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        with storage_errors(f"{self._file.name} could not be read"):
            data = os.pread(self._file.fileno(), min(size, self._end - self._at), self._at)
        self._at += len(data)
        return data

    def skip(self, count: int, /) -> bool:
        """Leave out the next ``count`` bytes."""
        self._at = min(self._at + count, self._end)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
