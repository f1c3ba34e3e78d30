"""``inside``: run a command in another folder, with copies of files there.

For tools that install beside the file that says what: the folder of outputs gets that file, too.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

_USAGE = "inside FOLDER FILE... -- COMMAND...\n"


def main(arguments: Sequence[str]) -> int:
    """Copy the files into the folder, go there, and become the command."""
    end = arguments.index("--") if "--" in arguments else 0
    command = list(arguments[end + 1 :])
    if not end or not command:
        sys.stderr.write(_USAGE)
        return 2
    folder, *files = (Path(argument) for argument in arguments[:end])
    try:
        for file in files:
            shutil.copyfile(file, folder / file.name)
        os.chdir(folder)
        os.execv(command[0], command)  # noqa: S606  (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
