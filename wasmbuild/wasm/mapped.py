"""A wasm file, mapped while somebody reads it, and what its content is called."""

import hashlib
import io
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from registry.digest import Digest
from registry.files import open_regular
from wasmbuild.errors import InvalidWasm

__all__ = ["read_mapped"]

T = TypeVar("T")


def read_mapped(file: Path, reading: Callable[[mmap.mmap], T]) -> tuple[T, Digest]:
    """What ``reading`` makes of a file, which keeps nothing of the bytes, and the SHA-256 of the same file.

    Raises InvalidWasm for an empty file, what ``reading`` raises; OSError, also for what is no regular file.
    """
    with open_regular(file) as opened:
        if not opened.seek(0, io.SEEK_END):
            raise InvalidWasm(f"{file.name} is not WebAssembly", cause="it is empty")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = reading(data)
        opened.seek(0)
        # Read, not mapped: pages of a map that were touched would count as our memory.
        return found, Digest("sha256", hashlib.file_digest(opened, "sha256").hexdigest())
