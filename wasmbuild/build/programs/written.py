"""``written``: run a command that writes its file where it likes, and bring that file to its place afterwards.

The command gets our environment without the way to our packages, and the variables that it is given.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from registry.files import open_regular

__all__ = ["main"]

_USAGE = "written FILE DESTINATION [NAME=VALUE...] -- COMMAND...\n"
_OPERANDS = 2
_OURS = "PYTHONPATH"
_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ)  # the interpreter ignores them


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end, and copy the file when it went well; else its own exit code."""
    end = arguments.index("--") if "--" in arguments else 0
    command = list(arguments[end + 1 :])
    if end < _OPERANDS or not command or any("=" not in each for each in arguments[_OPERANDS:end]):
        sys.stderr.write(_USAGE)
        return 2
    source, destination, *given = arguments[:end]
    try:
        child = os.posix_spawnp(command[0], command, _environment(given), setsigdef=_DEFAULT)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if exit_code:
            return exit_code if exit_code > 0 else 128 - exit_code  # as shells show a signal
        return _bring(Path(source), Path(destination))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _environment(given: Iterable[str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name != _OURS}
    return {**own, **{name: value for name, _, value in (each.partition("=") for each in given)}}


def _bring(source: Path, destination: Path) -> int:
    """Without a sandbox a link may lead to any file of the machine. Raises OSError."""
    if not os.path.lexists(source):
        sys.stderr.write(f"the command ended well, and did not write {source}\n")
        return 1
    if source.is_symlink() or not source.parent.resolve().is_relative_to(Path.cwd()):
        sys.stderr.write(f"{source} is a link, or in a folder that is one, and no file that the command wrote\n")
        return 1
    with open_regular(source) as file, destination.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
