"""Markdown that says what was meant: no word of somebody else's becomes a link, a tag or a table's cell."""

import re
from collections.abc import Iterable, Sequence

from registry.words import printable

__all__ = ["code", "cut", "fenced", "table", "text"]

_ANY = re.compile(r"[^A-Za-z0-9 ,;./…-]|(?<=www)\.", re.IGNORECASE)
_REFERENCE = ("&#{};", "<span>&#{};</span>")


def text(words: str) -> str:
    """Words in a sentence or a cell.

    Character references are not structure, neither for Markdown (CommonMark 0.31, 2.5) nor for HTML. Addresses of
    mail and the names of people are looked for afterwards, in each piece of text: so ``@`` is a piece of its own.
    """
    return _ANY.sub(lambda found: _REFERENCE[found[0] == "@"].format(ord(found[0])), printable(words))


def code(words: str) -> str:
    """Words as they are typed, in a sentence or a cell."""
    return f"<code>{text(words)}</code>"


def fenced(command: str) -> str:
    """A command on lines of its own; the fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{printable(command, limit=4000)}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; heads and cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cut(document: str, limit: int) -> str:
    """The blocks of a document that fit into ``limit`` bytes, the last one perhaps not whole, and a word about it.

    Blocks are what blank lines are between; one is cut where a line ends, and none that has a fence.
    """
    if len(document.encode()) <= limit:
        return document
    said = "\n\n*The rest does not fit: there is more in the document of the release.*\n"
    room = limit - len(said.encode())
    kept = document.encode()[: max(room, 0)].decode(errors="ignore")
    whole, _, part = kept.rpartition("\n\n")
    lines = part.rpartition("\n")[0] if "```" not in part else ""
    result = "\n\n".join(each for each in (whole, lines) if each)
    return f"{result}{said}" if room > 0 else ""
