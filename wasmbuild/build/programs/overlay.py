"""``overlay``: run a command of go that sees one of its files in another version, without changing go.

The file ``overlay.json`` in the work folder says which; the command names it with ``-overlay``.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

_USAGE = "overlay FILE INSTEAD -- COMMAND...\n"


def main(arguments: Sequence[str]) -> int:
    """Write the file, then become the command."""
    if len(arguments) < 4 or arguments[2] != "--":
        sys.stderr.write(_USAGE)
        return 2
    file, instead, _, *command = arguments
    replaced = {"Replace": {file: os.path.abspath(instead)}}  # noqa: PTH100  (links stay as they are)
    try:
        Path("overlay.json").write_text(json.dumps(replaced), encoding="utf-8")
        os.execv(command[0], command)  # noqa: S606  (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
