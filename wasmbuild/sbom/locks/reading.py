"""What the readers of lock files share: bounded documents, checked texts, and errors that say where.

Lock files are somebody's word like everything else in a project; a malformed one is an InvalidProject with
its name and line.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.files import open_regular
from wasmbuild.errors import InvalidProject
from wasmbuild.tables import Table

__all__ = [
    "MAX_LOCK",
    "MAX_PACKAGES",
    "VERSION",
    "Text",
    "as_json",
    "as_table",
    "checked",
    "count",
    "read_lock",
    "sha256",
]

MAX_LOCK = 16 * 1024 * 1024
"""Bytes of one lock file."""

MAX_PACKAGES = 20_000
"""Packages in one lock file."""

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_~-]{0,199}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")
"""A key of so many parts that no lock has it; the parser takes time by the square of their number."""


class Text:
    """A lock file, and where things are in it."""

    def __init__(self, file: str, data: bytes) -> None:
        """Take the bytes of ``file``. Raises InvalidProject for what is not UTF-8."""
        self.file = file
        self.data = data
        try:
            self.text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InvalidProject(f"{file}, line {line}: it is not UTF-8") from error

    def lines(self) -> list[str]:
        """Its lines, of whatever system; form feeds and the like do not end one."""
        return self.text.replace("\r\n", "\n").split("\n")

    def invalid(self, line: int, problem: str) -> InvalidProject:
        """The error for something at a line, which counts from 1."""
        return InvalidProject(f"{self.file}, line {line}: {problem}", hint="make the lock file anew, or correct it")

    def invalid_at(self, needle: str, problem: str) -> InvalidProject:
        """The error for something that is written like ``needle``."""
        return self.invalid(self.text.count("\n", 0, max(self.text.find(needle), 0)) + 1, problem)


def read_lock(folder: Path, name: str) -> Text | None:
    """A lock file of a project; None when there is none. Raises InvalidProject when it cannot be read."""
    try:
        with open_regular(folder / name) as opened:
            data = opened.read(MAX_LOCK + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidProject(f"{name} cannot be read", cause=error.strerror) from error
    if len(data) > MAX_LOCK:
        raise InvalidProject(f"{name} is larger than {MAX_LOCK} bytes")
    return Text(name, data)


def as_table(lock: Text) -> Table:
    """It as TOML. Raises InvalidProject."""
    import tomllib  # noqa: PLC0415

    odd = _LONG_KEY.search(lock.text)
    if odd is not None:
        raise lock.invalid(lock.text.count("\n", 0, odd.start()) + 1, "it has a key of far too many parts")
    try:
        return Table(lock.file, lock.text, tomllib.loads(lock.text))
    except (ValueError, RecursionError) as error:
        raise InvalidProject(f"{lock.file} is not valid TOML", cause=str(error)[:200]) from error


def as_json(lock: Text) -> dict[str, Any]:
    """It as a JSON object. Raises InvalidProject."""
    from registry.strictjson import load_json  # noqa: PLC0415

    try:
        found = load_json(lock.data, lock.file)
    except InvalidDocument as error:
        raise InvalidProject(error.what, cause=error.cause) from error
    if not isinstance(found, dict):
        raise lock.invalid(1, "it is not an object")
    return found


def checked(table: Table, key: str, shape: re.Pattern[str]) -> str:
    """A text that must be there, and be of a shape. Raises InvalidProject."""
    value = table.required_text(key)
    if not shape.fullmatch(value):
        raise table.invalid(key, f"cannot be {value[:60]!r}")
    return value


def count(file: str, packages: Sequence[object]) -> None:
    """Insist that there are not too many. Raises InvalidProject."""
    if len(packages) > MAX_PACKAGES:
        raise InvalidProject(f"{file} names {len(packages)} packages", cause=f"at most {MAX_PACKAGES} are read")


def sha256(text: str) -> Digest | None:
    """The digest of some hex digits, if they are one."""
    return Digest("sha256", text) if _SHA256.fullmatch(text) else None
