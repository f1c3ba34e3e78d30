"""A wasm file, mapped while somebody reads it, and what its content is called."""

import hashlib
import io
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from registry.digest import Digest
from registry.files import open_regular
from wasmbuild.errors import InvalidWasm

__all__ = ["Mapped", "mapped", "read_mapped"]

T = TypeVar("T")

_PIECE = 1024 * 1024
"""Bytes that are read at once to be hashed."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file, open, and its bytes, which are only there while it is."""

    data: mmap.mmap
    file: BinaryIO

    def digest(self, start: int, size: int) -> Digest:
        """The SHA-256 of a part: read, not mapped, as pages of a map that were touched would count as our memory."""
        hashed, end = hashlib.sha256(), start + size
        self.file.seek(start)
        while piece := self.file.read(min(_PIECE, end - self.file.tell())):
            hashed.update(piece)
        return Digest("sha256", hashed.hexdigest())


@contextmanager
def mapped(file: Path) -> Iterator[Mapped]:
    """A file for as long as somebody reads it, who keeps nothing of the bytes.

    Raises InvalidWasm for an empty file; OSError, also for what is no regular file.
    """
    with open_regular(file) as opened:
        if not opened.seek(0, io.SEEK_END):
            raise InvalidWasm(f"{file.name} is not WebAssembly", cause="it is empty")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield Mapped(data, opened)


def read_mapped(file: Path, reading: Callable[[mmap.mmap], T]) -> tuple[T, Digest]:
    """What ``reading`` makes of a file, which keeps nothing of the bytes, and the SHA-256 of the same file.

    Raises what ``reading`` raises, and as :func:`mapped`.
    """
    with mapped(file) as opened:
        return reading(opened.data), opened.digest(0, len(opened.data))
