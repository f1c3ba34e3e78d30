"""Small pieces of Markdown, and the tables of pages."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Table", "code", "row", "table", "tables_of", "text", "with_bars"]

_SPECIAL = re.compile(r"([\\`*_\[\]|#])")
_BARRED = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page: its header's cells, and those of its rows, as they are written."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def text(words: str) -> str:
    """Words that are nothing but words."""
    return html.escape(_SPECIAL.sub(r"\\\1", words), quote=False)  # no backslash is taken before < and >


def code(words: str) -> str:
    """Words as code, also in a table."""
    return f"`{words}`".replace("|", "\\|") if words else ""


def with_bars(words: str) -> str:
    """A text with the code of its tables as the generator takes it: there a backslash before a bar is shown."""
    lines = (_BARRED.sub(_entities, line) if line.startswith("|") else line for line in words.split("\n"))
    return "\n".join(lines)


def _entities(found: re.Match[str]) -> str:
    plain = found[1].replace("\\|", "|")
    return (
        f"<code>{''.join(each if each.isalnum() or each in ' -.,=/:' else f'&#{ord(each)};' for each in plain)}</code>"
    )


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
