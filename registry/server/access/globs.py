"""Globs over names: ``?`` is one character and ``*`` any number of them, without ``/``; ``**`` is anything.

A glob becomes a regular expression that never tries the same thing twice, so that no name makes it
slow: whatever stands before another star is matched at the first place where it can be, for good.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from registry.errors import InvalidConfiguration

__all__ = ["Glob", "parse_glob"]

_MAX = 255
_WILD = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob; ``weight`` sorts globs by how much they say: the greater, the fewer names it can mean."""

    text: str
    pattern: re.Pattern[str]
    weight: tuple[int, int, int]

    def matches(self, name: str) -> bool:
        """Whether the whole name is as the glob says."""
        return self.pattern.fullmatch(name) is not None


@lru_cache(4096)
def parse_glob(text: str) -> Glob:
    """Read a glob of at most 255 characters. Raises InvalidConfiguration."""
    if not 0 < len(text) <= _MAX or "***" in text or not text.isprintable():
        raise InvalidConfiguration(
            f"{text[:80]!r} is not a glob",
            cause=f"a glob has 1 to {_MAX} printable characters and at most two stars in a row",
            hint="write team/* for what is in a folder, team/** for what is below it as well",
        )
    deep = text.count("**")
    plain = len(_WILD.sub("", text))
    return Glob(text, re.compile(_expression(text), re.DOTALL), (plain, -deep, -text.count("*") - text.count("?")))


def _expression(text: str) -> str:
    first, *others = text.split("**")
    if not others:
        return _last(first)
    *inner, last = others
    return _ahead(first) + "".join(f"(?>.*?{_ahead(piece)})" for piece in inner) + ".*" + _last(last)


def _ahead(piece: str) -> str:
    """A piece that ``**`` follows: its first fit is as good as any."""
    first, *others = map(_literal, piece.split("*"))
    return first + "".join(f"(?>[^/]*?{each})" for each in others)


def _last(piece: str) -> str:
    """A piece that ends where the name ends."""
    first, *others = map(_literal, piece.split("*"))
    if not others:
        return first
    *inner, last = others
    return first + "".join(f"(?>[^/]*?{each})" for each in inner) + "[^/]*" + last


def _literal(text: str) -> str:
    return "".join("[^/]" if character == "?" else re.escape(character) for character in text)
