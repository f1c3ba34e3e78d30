"""Typed values out of TOML tables, with errors that name file, line, column and key.

The one way in which TOML that people write is read. Not here: what the keys mean
(``wasmbuild.project``, ``wasmbuild.toolchains.pins``), and how a file is edited.
"""

import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.errors import InvalidProject

if TYPE_CHECKING:
    from wasmbuild.positions import Position

__all__ = ["MAX_DOCUMENT", "Table", "closest", "parse_table", "read_table"]

MAX_DOCUMENT = 1024 * 1024
"""Bytes of a TOML file that we read."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file. ``occurrence`` counts tables of the same name (``[[tool]]``) from 0."""

    file: str
    document: str
    values: Mapping[str, object]
    name: str = ""
    occurrence: int = 0

    def invalid(self, key: str | None, problem: str, hint: str | None = None) -> InvalidProject:
        """The error for a key, or for the whole table: where it is, and what is wrong with it."""
        shown = " ".join(part for part in (f"[{self.name}]" if self.name else "", key or "") if part) or "the file"
        position = self.position(key)
        place = f"{self.file}, {position}" if position else self.file
        return InvalidProject(f"{place}: {shown} {problem}", hint=hint)

    def position(self, key: str | None = None) -> "Position | None":
        """Where a key is in the file, or the table itself; None for a table that is not there."""
        from wasmbuild.positions import Positions  # noqa: PLC0415  (where nothing is wrong, nobody asks)

        return Positions.of(self.document).find(self.name, key, self.occurrence)

    def only(self, known: Collection[str]) -> None:
        """Refuse keys that nobody would read."""
        for key in self.values:
            if key not in known:
                shown, guess = key[:60], closest(key, known)
                hint = f"did you mean {guess}?" if guess else f"known here: {', '.join(sorted(known))}"
                raise self.invalid(shown, "is not a key that wasmbuild knows", hint)

    def text(self, key: str) -> str | None:
        """A string without control characters, or None when the key is not there."""
        value = self.values.get(key)
        return None if value is None else self._text(key, value)

    def required_text(self, key: str) -> str:
        """A string that must be there and have something in it."""
        value = self.text(key)
        if not value:
            raise self.invalid(key, "is missing" if value is None else "is empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when the key is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.invalid(key, f"must be a list of strings, not {_kind(value)}")
        return tuple(self._text(key, entry) for entry in value)

    def integer(self, key: str) -> int | None:
        """A whole number, or None when the key is not there."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.invalid(key, f"must be a whole number, not {_kind(value)}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when the key is not there."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.invalid(key, f"must be true or false, not {_kind(value)}")
        return value

    def table(self, key: str) -> "Table":
        """A sub-table; an empty one when the key is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.invalid(key, f"must be a table, not {_kind(value)}")
        return Table(self.file, self.document, value, f"{self.name}.{key}" if self.name else key, self.occurrence)

    def tables(self, key: str) -> tuple["Table", ...]:
        """An array of tables (``[[key]]``); empty when the key is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.invalid(key, f"must be tables, each under [[{key}]]")
        name = f"{self.name}.{key}" if self.name else key
        return tuple(Table(self.file, self.document, entry, name, count) for count, entry in enumerate(value))

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            raise self.invalid(key, f"must be a string, not {_kind(value)}")
        if _CONTROL.search(value):
            raise self.invalid(key, "has a control character in it")
        return value


def read_table(path: Path, shown: str | None = None) -> Table:
    """The root table of a TOML file of at most ``MAX_DOCUMENT`` bytes; errors call it ``shown``, or by its last part.

    Raises FileNotFoundError when there is no such file, InvalidProject when it cannot be read.
    """
    file_name = shown or path.name
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise InvalidProject(f"{file_name} is not a file")
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT + 1)
    except NotADirectoryError as error:
        raise FileNotFoundError(path) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidProject(f"{file_name} cannot be read", cause=error.strerror) from error
    return parse_table(file_name, data)


def parse_table(file: str, data: bytes) -> Table:
    """The root table of a TOML document; ``file`` names it in errors. Raises InvalidProject."""
    import tomllib  # noqa: PLC0415  (a run of a file reads no TOML, and has tables all the same)

    if len(data) > MAX_DOCUMENT:
        raise InvalidProject(f"{file} is larger than {MAX_DOCUMENT} bytes")
    try:
        document = data.decode("utf-8")
        return Table(file, document, tomllib.loads(document))
    except UnicodeDecodeError as error:
        raise InvalidProject(f"{file} is not UTF-8", cause=f"at byte {error.start}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidProject(f"{file} is not valid TOML", cause=str(error)[:200]) from error
    except ValueError as error:  # tomllib lets through what int() and datetime() refuse
        raise InvalidProject(f"{file} has a value that cannot be read", cause=str(error)[:200]) from error


def closest(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant."""
    import difflib  # noqa: PLC0415  (most words are right)

    found = difflib.get_close_matches(word[:60], known, n=1)
    return found[0] if found else None


def _kind(value: object) -> str:
    names = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date")
