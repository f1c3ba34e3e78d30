"""Two files that should be the same, section by section, in every binary nested in them.

What a difference means is said by the section that it is in: names, producers and debugging information are
read by people and tools, and never by an engine. Not here: sizes and interfaces (``diff``), and how two files
come to be compared (``wasmbuild.workflows.rebuild``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from wasmbuild.wasm.binary import Nested, read_all
from wasmbuild.wasm.editing.rewrite import leb128
from wasmbuild.wasm.model import Section

__all__ = ["FRAMING", "INCIDENTAL", "Comparison", "Differing", "Verdict", "compare_sections"]

INCIDENTAL = ("name", "component-name", "producers", "build_id", ".debug_*")
"""Custom sections that say how a file was made, and not what it does; patterns with ``*``."""

FRAMING = "framing"
"""What is not in any section: preambles, the order of sections, how their lengths are written."""

_PREAMBLE = 8
_BLOCK = 64 * 1024


class Verdict(Enum):
    """What a comparison comes to."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    """Equal but for custom sections that an engine does not read."""

    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Differing:
    """A section that is not the same: sizes in bytes with its header, None where it is not there at all.

    ``path`` is that of the binary which it is in, () the file itself. ``offset`` is the first byte that differs,
    counted from the start of the first file; of a section that only the second one has, from that one's start.
    """

    path: tuple[int, ...]
    name: str
    custom: bool
    old: int | None
    new: int | None
    offset: int

    def is_one_of(self, patterns: Iterable[str]) -> bool:
        """Whether it is a custom section that one of the patterns names."""
        return self.custom and any(fnmatchcase(self.name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All sections that differ, in the order of the first file; none when the files are the same bytes."""

    differing: tuple[Differing, ...]

    def verdict(self, more: Iterable[str] = ()) -> Verdict:
        """What it comes to; ``more`` are patterns of custom sections that do not matter either."""
        if not self.differing:
            return Verdict.IDENTICAL
        patterns = (*INCIDENTAL, *more)
        return Verdict.EQUIVALENT if all(each.is_one_of(patterns) for each in self.differing) else Verdict.DIFFERENT

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sections that differ, each once."""
        return tuple(dict.fromkeys(each.name for each in self.differing))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A section where it is, header included; ``same`` is what must be equal of it."""

    custom: bool
    start: int
    end: int
    same: bytes


_Key = tuple[tuple[int, ...], str, bool, int]
"""The binary that a section is in, its name, whether it is custom, and the how manieth it is of that name."""


def compare_sections(old: bytes, new: bytes) -> Comparison:
    """Compare two files. Raises InvalidWasm."""
    if old == new:
        return Comparison(())
    before, after = _pieces(old), _pieces(new)
    found = [*_changed(before, after), *_added(before, after)]
    if not found or _in_order(before, after) != _in_order(after, before):
        start = _first(old, new)
        found.append(Differing((), FRAMING, False, len(old), len(new), start))
    return Comparison(tuple(found))


def _changed(before: Mapping[_Key, _Piece], after: Mapping[_Key, _Piece]) -> Iterator[Differing]:
    for key, was in before.items():
        now = after.get(key)
        if now is None:
            yield Differing(key[0], key[1], was.custom, was.end - was.start, None, was.start)
        elif was.same != now.same:
            sizes = was.end - was.start, now.end - now.start
            yield Differing(key[0], key[1], was.custom, *sizes, was.start + _first(was.same, now.same))


def _added(before: Mapping[_Key, _Piece], after: Mapping[_Key, _Piece]) -> Iterator[Differing]:
    for key, now in after.items():
        if key not in before:
            yield Differing(key[0], key[1], now.custom, None, now.end - now.start, now.start)


def _in_order(of: Mapping[_Key, _Piece], other: Mapping[_Key, _Piece]) -> list[_Key]:
    return [key for key in of if key in other]


def _pieces(wasm: bytes) -> dict[_Key, _Piece]:
    """Every section of a file, and the preamble of every binary in it."""
    parts = read_all(wasm)
    nested = {(part.offset, part.binary.size) for part in parts[1:]}
    found: dict[_Key, _Piece] = {}
    for part in parts:
        end = part.offset + _PREAMBLE
        found[part.path, FRAMING, False, 0] = _Piece(False, part.offset, end, wasm[part.offset : end])
        counted: dict[tuple[str, bool], int] = {}
        for section, start in _starts(part):
            name, custom = section.name or section.kind, section.id == 0
            place = counted.get((name, custom), 0)
            counted[name, custom] = place + 1
            holds = (section.offset, section.size) in nested
            found[part.path, name, custom, place] = _piece(wasm, section, start, holds=holds)
    return found


def _piece(wasm: bytes, section: Section, start: int, *, holds: bool) -> _Piece:
    """Of a section that holds another binary, which is compared itself, only how its length is written counts."""
    end = section.offset + section.size
    same = wasm[start:end]
    if holds:
        longer = section.offset - start - 1 - len(leb128(section.size))
        same = bytes((section.id, longer))
    return _Piece(section.id == 0, start, end, same)


def _starts(part: Nested) -> Iterator[tuple[Section, int]]:
    """The sections of a binary, each with the offset of its header."""
    start = part.offset + _PREAMBLE
    for section in part.binary.sections:
        yield section, start
        start = section.offset + section.size


def _first(one: bytes, other: bytes) -> int:
    """The place of the first byte that differs."""
    shorter = min(len(one), len(other))
    block = next((at for at in range(0, shorter, _BLOCK) if one[at : at + _BLOCK] != other[at : at + _BLOCK]), shorter)
    return next((at for at in range(block, min(block + _BLOCK, shorter)) if one[at] != other[at]), shorter)
