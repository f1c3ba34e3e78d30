"""``redirect``: run a command whose standard output goes into a file, for those that can write to nothing else."""

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

_USAGE = "redirect FILE -- COMMAND...\n"


def main(arguments: Sequence[str]) -> int:
    """Open the file, then become the command."""
    if len(arguments) < 3 or arguments[1] != "--":
        sys.stderr.write(_USAGE)
        return 2
    file, _, *command = arguments
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.dup2(handle, 1)
        os.close(handle)
        os.execv(command[0], command)  # noqa: S606  (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
