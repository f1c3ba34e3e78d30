"""How a file of the cache, or out of it, gets its name: whole, or not at all.

Nothing is synced: what a power loss damages does not match its digest, and is made again.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from registry.files import storage_errors

__all__ = ["arriving"]


@contextmanager
def arriving(final: Path, *, scratch: Path | None = None, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file to write that takes the name ``final`` when the block ends well, and vanishes otherwise.

    It is written in ``scratch``, or beside ``final``; folders are made at need. Without ``mode`` it is its
    owner's alone. Raises StorageFailed.
    """
    folder = final.parent if scratch is None else scratch
    with storage_errors(f"{final} could not be written"):
        final.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{final.name[:40]}-", dir=folder)
    temporary = Path(name)
    try:
        with storage_errors(f"{final} could not be written"):
            with os.fdopen(handle, "wb") as file:
                yield file
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
            temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
