"""Small pieces of Markdown, and the tables of pages."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Table", "code", "row", "table", "tables_of", "text"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page: its header's cells, and those of its rows, as they are written."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def text(words: str) -> str:
    """Words that are nothing but words."""
    return _SPECIAL.sub(r"\\\1", words)


def code(words: str) -> str:
    """Words as code, also in a table."""
    return f"`{words}`".replace("|", "\\|") if words else ""


def row(cells: Iterable[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell or ' ' for cell in cells)} |"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, with an empty line after it."""
    return "\n".join([row(header), row("---" for _ in header), *map(row, rows), ""])


def tables_of(page: str) -> Iterator[Table]:
    """The tables of a page."""
    lines: list[str] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            lines.append(line)
        elif lines:
            header, _, *rows = ([cell.strip() for cell in _CELL.split(each.strip("|"))] for each in lines)
            yield Table(tuple(header), tuple(map(tuple, rows)))
            lines = []
