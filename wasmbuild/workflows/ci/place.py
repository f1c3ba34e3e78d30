"""Where CI systems look for their files: at the top of the working tree. Not here: what the files are called."""

import os
from pathlib import Path

__all__ = ["top_of"]

_MAX_PARENTS = 32


def top_of(folder: Path) -> Path:
    """The working tree that an absolute folder is in; the folder itself without git."""
    for each in (folder, *folder.parents)[:_MAX_PARENTS]:
        if os.path.lexists(each / ".git"):
            return each
    return folder
