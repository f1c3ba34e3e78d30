"""``pylock``: run pip for the packages that a ``pylock.toml`` names, with their hashes (PEP 751).

pip reads requirements with hashes in every release, so the lock becomes those. Packages that come
from anywhere but an index have no wheel with a hash there, and are refused.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from wasmbuild.errors import InvalidProject
from wasmbuild.tables import Table, read_table

__all__ = ["main", "requirements"]

_USAGE = "pylock FILE -- COMMAND...\n"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,99}")
_MARKER = re.compile(r"(?:(?!--)[A-Za-z0-9_ .,()<>=!~'\"+*-]){1,500}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def main(arguments: Sequence[str]) -> int:
    """Write the requirements, and become the command with ``--requirement`` and their path at its end."""
    command = arguments[2:]
    if arguments[1:2] != ["--"] or not command:
        sys.stderr.write(_USAGE)
        return 2
    try:
        lines = tuple(requirements(read_table(Path(arguments[0]))))
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", delete=False) as file:
            file.writelines(f"{line}\n" for line in lines)
        os.execv(command[0], [*command, "--requirement", file.name])  # noqa: S606  (no shell is the point)
    except (InvalidProject, OSError) as error:
        sys.stderr.write(f"{error}\n")
    return 1


def requirements(lock: Table) -> Iterator[str]:
    """Lines for pip: name, version, condition, and the hashes of all wheels. Raises InvalidProject."""
    for package in lock.tables("packages"):
        name, version = _checked(package, "name", _NAME), _checked(package, "version", _VERSION)
        hashes = [_checked(wheel.table("hashes"), "sha256", _SHA256) for wheel in package.tables("wheels")]
        if not hashes:
            raise package.invalid("wheels", f"of {name} is missing: only wheels of an index can be used")
        condition = f" ; {_checked(package, 'marker', _MARKER)}" if package.text("marker") else ""
        yield " ".join([f"{name}=={version}{condition}", *(f"--hash=sha256:{digest}" for digest in hashes)])


def _checked(table: Table, key: str, shape: re.Pattern[str]) -> str:
    value = table.required_text(key)
    if not shape.fullmatch(value):
        raise table.invalid(key, f"cannot be {value[:60]!r}")
    return value


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
