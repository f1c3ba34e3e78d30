"""The fenced blocks of the documents, and the commands in them; nothing is run here.

A block says by its first word what it is: ``console`` is a dialogue, commands after ``$ `` with what they print;
``sh`` is commands alone; ``toml``, ``json`` and ``python`` are what they are. ``title="NAME"`` says which file it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKOUT", "PAGES", "Block", "Command", "blocks_of", "commands_of", "prose_of", "text_of"]

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(CHECKOUT).as_posix() for path in [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")]
)
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1``` *$", re.DOTALL | re.MULTILINE)
_HERE = re.compile(r"<<-?\s*'?(\w+)'?")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its page, the line of its fence, its language, and the file that it is, or nothing."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a shell takes it, and what a dialogue shows that it prints; None where nothing is said of it."""

    line: str
    shown: str | None = None


def text_of(page: str) -> str:
    return (CHECKOUT / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> Iterator[Block]:
    text = text_of(page)
    for found in _FENCE.finditer(text):
        indent, info, body = found.groups()
        language, _, attributes = info.strip().partition(" ")
        title = re.search(r'title="([^"]+)"', attributes)
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        yield Block(page, text[: found.start()].count("\n") + 1, language, title[1] if title else "", body)


def prose_of(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a block ``console`` or ``sh``. Raises ValueError for a dialogue that begins with no ``$ ``."""
    lines = block.text.splitlines()
    if block.language == "sh":
        rest = [line for line in lines if line.strip() and not line.startswith("#")]
        while rest:
            yield Command(_whole(rest))
        return
    if not lines or not lines[0].startswith("$ "):
        raise ValueError(f"{block}: the first line of a dialogue is a command after $")
    while lines:
        lines[0] = lines[0].removeprefix("$ ")
        command, shown = _whole(lines), []
        while lines and not lines[0].startswith("$ "):
            shown.append(f"{lines.pop(0)}\n")
        yield Command(command, "".join(shown))


def _whole(lines: list[str]) -> str:
    """The first command, with the lines it goes on in: after a backslash, or up to the end of a here-document."""
    taken = [lines.pop(0)]
    while taken[-1].endswith("\\"):
        taken.append(lines.pop(0).removeprefix("> "))
    if here := _HERE.search("\n".join(taken)):
        while taken[-1] != here[1]:
            taken.append(lines.pop(0).removeprefix("> "))
    return "\n".join(taken)
