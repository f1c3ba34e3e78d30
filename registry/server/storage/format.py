"""The version of a registry's folder, in a file of its own: who does not know it leaves the folder alone.

It is about what lies where. What rows say has a version of its own (``upgrade``), wherever they are.
"""

from pathlib import Path

from registry.errors import StorageFailed
from registry.files import read_regular, write_atomically

__all__ = ["FORMAT_FILE", "check_format", "mark_format"]

FORMAT_FILE = "format"
_FORMAT = b"wasmbuild registry 1\n"
_MOST = 1024


def check_format(root: Path) -> None:
    """Go on only in a folder of the one version that there is so far, or of none. Raises StorageFailed."""
    path = root / FORMAT_FILE
    try:
        found = read_regular(path, _MOST)
    except FileNotFoundError:
        return  # a new one; or one from before folders had a version, which lies as those of the first one do
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read", cause=error.strerror) from error
    if found != _FORMAT:
        raise StorageFailed(
            f"{root} is the folder of a registry of another version",
            cause=f"{FORMAT_FILE} in it is not that of this one",
            hint="use the newest version of wasmbuild that ever served this folder",
        )


def mark_format(root: Path) -> None:
    """Say of a folder which version it is of. Raises StorageFailed."""
    if not (root / FORMAT_FILE).exists():
        write_atomically(root / FORMAT_FILE, _FORMAT, mode=0o600)
