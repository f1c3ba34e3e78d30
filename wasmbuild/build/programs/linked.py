"""``linked``: run a command with installed packages at ``./node_modules``, where tools of JavaScript look.

Packages of several folders appear in one, as links; of two with the same name, the first counts.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["link", "main"]

_USAGE = "linked FOLDER... -- COMMAND...\n"


def main(arguments: Sequence[str]) -> int:
    """Link what is in the folders, then become the command."""
    if "--" not in arguments or arguments[-1] == "--":
        sys.stderr.write(_USAGE)
        return 2
    end = arguments.index("--")
    command = list(arguments[end + 1 :])
    try:
        link([Path(folder) for folder in arguments[:end]], Path("node_modules"))
        os.execv(command[0], command)  # noqa: S606  (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


def link(folders: Sequence[Path], destination: Path) -> None:
    """Make ``destination`` look like all of the folders together. Raises OSError."""
    for folder in folders:
        for package in _packages(folder):
            place = destination / package.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_symlink():
                place.symlink_to(package.absolute())


def _packages(folder: Path) -> Iterator[Path]:
    """The packages in a ``node_modules``; those with a scope are one folder deeper."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("@"):
            yield from sorted(path.iterdir())
        elif not path.name.startswith("."):
            yield path


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
