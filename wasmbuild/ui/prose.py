"""Markdown of our own documents as plain text for a terminal. Not for what comes from outside."""

import re
import textwrap
from collections.abc import Iterator

__all__ = ["plain_text"]

_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_ITEM = re.compile(r"(?:-|[0-9]+\.) ")
_FENCE = "```"
_NARROWEST = 40


def plain_text(markdown: str, width: int = 80) -> str:
    """Paragraphs and lists filled to ``width`` columns, blocks of code indented, and links written out.

    Links lead to pages beside ``docs/errors.md``.
    """
    width = max(width, _NARROWEST)
    return "\n\n".join(_filled(block, width) for block in _blocks(markdown))


def _blocks(markdown: str) -> Iterator[list[str]]:
    """Paragraphs and items of lists; a block of code is one, with its fences."""
    block: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fence = line.startswith(_FENCE)
        ends = not fenced and (not line.strip() or fence)
        if block and ends:
            yield block
            block = []
        if line.strip() or fenced:
            block.append(line)
        fenced = fenced != fence
        if fence and not fenced:
            yield block
            block = []
    if block:
        yield block


def _filled(block: list[str], width: int) -> str:
    if block[0].startswith(_FENCE):
        return textwrap.indent("\n".join(line for line in block if not line.startswith(_FENCE)), "    ")
    if block[0].startswith("|"):
        return "\n".join(map(_written_out, block))
    return "\n".join(_item(lines, width) for lines in _items(block))


def _items(block: list[str]) -> Iterator[list[str]]:
    lines: list[str] = []
    for line in block:
        if _ITEM.match(line) and lines:
            yield lines
            lines = []
        lines.append(line.strip())
    yield lines


def _item(lines: list[str], width: int) -> str:
    bullet = _ITEM.match(lines[0])
    text = _written_out(" ".join(lines))
    later = " " * len(bullet[0]) if bullet else ""
    return textwrap.fill(text, width, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)


def _written_out(text: str) -> str:
    return _STRONG.sub(r"\1", _LINK.sub(_link, text))


def _link(found: re.Match[str]) -> str:
    text, target = found[1], found[2]
    if target.startswith("#"):
        return text
    page = target if "://" in target else f"docs/{target}"
    return page if target.split("#")[0] == text.strip("`") else f"{text} ({page})"
