"""Put a file of the work folder among the outputs: ``take [--executable] FROM TO``."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Copy one file; with ``--executable`` the copy may be run. The exit code."""
    executable = "--executable" in arguments
    source, destination = (Path(each) for each in arguments if each != "--executable")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(0o755 if executable else 0o644)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
