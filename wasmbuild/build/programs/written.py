"""``written``: run a command that writes its file where it likes, and bring that file to its place afterwards."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

_USAGE = "written FILE DESTINATION -- COMMAND...\n"
_OPERANDS = 2


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end, and copy the file when it went well; else its own exit code."""
    operands, command = arguments[:_OPERANDS], list(arguments[_OPERANDS + 1 :])
    if arguments[_OPERANDS : _OPERANDS + 1] != ["--"] or not command:
        sys.stderr.write(_USAGE)
        return 2
    source, destination = operands
    try:
        exit_code = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp(command[0], command, os.environ), 0)[1])
        if exit_code:
            return exit_code if exit_code > 0 else 128 - exit_code  # as shells show a signal
        if not Path(source).is_file():
            sys.stderr.write(f"the command ended well, and did not write {source}\n")
            return 1
        shutil.copyfile(source, destination)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
