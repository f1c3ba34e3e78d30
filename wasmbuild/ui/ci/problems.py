"""Where compilers, and wasmbuild itself, say that something is wrong: read from their own words.

Each says it in its own way, and none of them for us; what is not recognised is shown all the same. Not
here: which file of the checkout is meant (``places``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Problem", "problems_in"]

Level = Literal["error", "warning"]

_LINES = 200
_LONGEST = 1000
"""Characters of a line that are looked at."""

_AT = r"(?P<path>[^\s:()\[\]\"'][^:()\"']{0,400}?)"
_LEVEL = r"(?P<level>fatal error|error|warning|note)"

_WHOLE = tuple(
    re.compile(pattern)
    for pattern in (
        # clang, gcc, zig, wasm-ld; go says no level
        rf"{_AT}:(?P<line>\d+)(?::(?P<column>\d+))?: (?:{_LEVEL}: )?(?P<message>\S.*)",
        # tsc, plain and pretty
        rf"{_AT}\((?P<line>\d+),(?P<column>\d+)\): {_LEVEL} (?P<message>\S.*)",
        rf"{_AT}:(?P<line>\d+):(?P<column>\d+) - {_LEVEL} (?P<message>\S.*)",
        # wasmbuild's own files
        rf"{_AT}, line (?P<line>\d+)(?:, column (?P<column>\d+))?: (?P<message>\S.*)",
    )
)
"""A line that says all."""

_HEADS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_LEVEL}(?:\[\w+\])?: (?P<message>\S.*)",  # rustc, wat
        r"(?P<level>ERROR|WARNING) (?P<message>(?:TS|AS)\d+: .*)",  # asc
        r"\[[A-Z_]+\] (?P<message>\S.*)",  # rolldown, which bundles JavaScript
    )
)
"""A line that says what, and the next one of ``_PLACES`` says where."""

_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\s*--> {_AT}:(?P<line>\d+):(?P<column>\d+)",
        rf"\s*└─ in {_AT}\((?P<line>\d+),(?P<column>\d+)\)",
        rf"\s*╭─\[ ?{_AT}:(?P<line>\d+):(?P<column>\d+) ?\]",
    )
)

_PYTHON = re.compile(rf'.*\bFile "{_AT}", line (?P<line>\d+).*')
_PYTHON_SAYS = re.compile(r"(?P<message>[A-Z]\w*(?:Error|Warning|Exception): .+)")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place; ``path`` is what was said, and ``line`` and ``column`` count from 1."""

    level: Level
    path: str
    line: int
    column: int | None
    message: str


def problems_in(text: str) -> list[Problem]:
    """The problems that a text names, in its order; its first 200 lines are read."""
    return list(_Reader().read(text.splitlines()[:_LINES]))


class _Reader:
    """What was said before a place, and a place before what was said."""

    def __init__(self) -> None:
        self._head: re.Match[str] | None = None
        self._python: re.Match[str] | None = None

    def read(self, lines: list[str]) -> Iterator[Problem]:
        for long in lines:
            found = self._problem(long[:_LONGEST].rstrip())
            if found is not None:
                yield found

    def _problem(self, line: str) -> Problem | None:
        if (whole := _first(_WHOLE, line)) is not None:
            return _made(whole, whole)
        if (head := _first(_HEADS, line)) is not None:
            self._head = head
        elif (place := _first(_PLACES, line)) is not None and self._head is not None:
            head, self._head = self._head, None
            return _made(place, head)
        elif (place := _PYTHON.fullmatch(line)) is not None:
            self._python = place
        elif (says := _PYTHON_SAYS.fullmatch(line)) is not None and self._python is not None:
            place, self._python = self._python, None
            return _made(place, says)
        return None


def _first(patterns: tuple[re.Pattern[str], ...], line: str) -> re.Match[str] | None:
    return next((found for each in patterns if (found := each.fullmatch(line)) is not None), None)


def _made(place: re.Match[str], says: re.Match[str]) -> Problem | None:
    """None for a note, which belongs to the problem before it, and for a line that no file has."""
    level = str(says.groupdict().get("level") or "error").lower()
    line, column = int(place["line"][:9]), place.groupdict().get("column")
    if level == "note" or line == 0:
        return None
    return Problem(
        "warning" if level == "warning" else "error",
        place["path"],
        line,
        int(column[:9]) or None if column else None,
        says["message"],
    )
