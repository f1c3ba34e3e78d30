"""Positions: where the tables and keys of a TOML document are, as line and column.

For errors and for saying where a value comes from; ``tomllib`` reads the values and does not say. The
document is one that ``tomllib`` has taken, so nothing is checked here.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

__all__ = ["Position", "Positions"]

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']|'(?!''))*+'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*+"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}=,.\n]|[^\s\[\]{}=,.\"'#]+",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text, both from 1; columns count characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class _Found:
    """A key, with those of the tables around it, and which of several tables of one name that is (from 0)."""

    path: tuple[str, ...]
    occurrence: int
    offset: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Everything that has a name in a document, in its order."""

    document: str
    found: tuple[_Found, ...]

    @classmethod
    def of(cls, document: str) -> Self:
        """Find them; ``document`` is valid TOML."""
        return cls(document, tuple(_Scanner(document).scan()))

    def find(self, table: str, key: str | None, occurrence: int = 0) -> Position | None:
        """Where a key is, or the table's header when it has no such key, or the table of that name alone.

        ``table`` is its name with dots, empty for the root. None when there is neither.
        """
        own = self._first(f"{table}.{key}" if table and key else key or table, occurrence)
        if own is None and key:
            own = self._first(table, occurrence)
        if own is None and occurrence:
            return self.find(table, key)
        if own is None:
            return None if table else Position(1, 1)
        before = self.document[: own.offset]
        return Position(before.count("\n") + 1, own.offset - (before.rfind("\n") + 1) + 1)

    def _first(self, name: str, occurrence: int) -> _Found | None:
        return next(
            (each for each in self.found if ".".join(each.path) == name and each.occurrence == occurrence), None
        )


class _Scanner:
    """One walk over the tokens of a document."""

    def __init__(self, document: str) -> None:
        self._tokens = [
            (match[0], match.start()) for match in _TOKEN.finditer(document) if not match[0].startswith("#")
        ]
        self._at = 0
        self._table: tuple[str, ...] = ()
        self._counts: dict[tuple[str, ...], int] = {}

    def scan(self) -> Iterator[_Found]:
        while self._at < len(self._tokens):
            text, offset = self._tokens[self._at]
            if text == "\n":
                self._at += 1
            elif text == "[":
                yield from self._header(offset)
            else:
                yield from self._assignment()

    def _header(self, offset: int) -> Iterator[_Found]:
        self._at += 1
        several = self._peek() == "["
        self._at += several
        self._table = self._key("]")
        self._at += several
        if several:
            self._counts[self._table] = self._counts.get(self._table, -1) + 1
        for length in range(1, len(self._table) + 1):
            yield self._named(self._table[:length], offset)

    def _assignment(self) -> Iterator[_Found]:
        offset = self._tokens[self._at][1]
        before = self._table
        key = self._key("=")
        for length in range(1, len(key) + 1):
            yield self._named((*before, *key[:length]), offset)
        self._table = (*before, *key)
        yield from self._value()
        self._table = before

    def _value(self) -> Iterator[_Found]:
        """Skip a value; the keys of an inline table that is not in a list are found, too."""
        opened: list[str] = []
        while self._at < len(self._tokens):
            text, _ = self._tokens[self._at]
            if not opened and text in {"\n", ",", "}"}:
                return
            self._at += 1
            if text in {"[", "{"}:
                opened.append(text)
            elif text in {"]", "}"} and opened:
                opened.pop()
            if opened == ["{"] and text in {"{", ","} and self._peek() not in {"}", "\n", ""}:
                yield from self._assignment()

    def _key(self, end: str) -> tuple[str, ...]:
        """The parts of a key up to the token ``end``, which is taken, too."""
        parts: list[str] = []
        while self._at < len(self._tokens):
            text, _ = self._tokens[self._at]
            self._at += 1
            if text == end:
                break
            if text != ".":
                parts.append(_plain(text))
        return tuple(parts)

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _named(self, path: tuple[str, ...], offset: int) -> _Found:
        counts = (self._counts[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self._counts)
        return _Found(path, next(counts, 0), offset)


def _plain(text: str) -> str:
    """A part of a key without its quotes."""
    if text.startswith('"') and "\\" in text:
        return str(tomllib.loads(f"key = {text}")["key"])
    return text[1:-1] if text[0] in "\"'" else text
