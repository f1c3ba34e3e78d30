"""``ci init``: the file of a CI system, put where that looks for it."""

import os
from pathlib import Path

from registry.files import storage_errors, write_atomically
from wasmbuild.errors import TargetExists

__all__ = ["check_free", "put_file"]


def check_free(path: Path, *, force: bool) -> None:
    """Insist that nothing is there, unless ``force`` says that it goes. Raises TargetExists."""
    if os.path.lexists(path) and not force:
        raise TargetExists(f"{path} is there already, and is not overwritten", hint="--force, or -o ANOTHER.yml")


def put_file(path: Path, text: str, *, force: bool) -> None:
    """Write a file; one that is there stays, unless ``force`` says otherwise. Raises TargetExists, StorageFailed."""
    check_free(path, force=force)
    with storage_errors(f"{path} could not be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
