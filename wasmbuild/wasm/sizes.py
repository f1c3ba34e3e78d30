"""Where the bytes of a file are: by section, in all of its parts, and by the biggest functions.

Sections count with their headers, and what holds another binary counts without it, so that every
byte of the file is in exactly one number. Not here: a picture of it (``wasmbuild.wasm.treemap``).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from wasmbuild.wasm.anatomy import Anatomy, Function, Part
from wasmbuild.wasm.model import Section
from wasmbuild.wasm.names import demangled

__all__ = ["FRAMING", "BigFunction", "SectionSize", "biggest_functions", "extents", "label", "section_sizes"]

FRAMING = "framing"
"""What preambles and headers of nested binaries are called."""

_PREAMBLE = 8


@dataclass(frozen=True, slots=True)
class SectionSize:
    """The bytes of all sections of one name in a file; ``share`` is of the whole, from 0 to 1."""

    name: str
    custom: bool
    size: int
    share: float


@dataclass(frozen=True, slots=True)
class BigFunction:
    """A function by the size of its body in bytes; ``path`` is that of the module which defines it."""

    path: tuple[int, ...]
    function: Function
    share: float

    @property
    def name(self) -> str:
        """What the file calls it, made readable where that is simple; its index when it has no name."""
        return label(self.function)


def label(function: Function) -> str:
    """What a function is called: its name, made readable where that is simple, else its index."""
    return f"function {function.index}" if function.name is None else demangled(function.name)


def section_sizes(anatomy: Anatomy) -> tuple[SectionSize, ...]:
    """The bytes of a file by section, the most first; they add up to the size of the file."""
    total = anatomy.outermost.size
    nested = {(part.offset, part.size) for part in anatomy.parts[1:]}
    counted: dict[tuple[str, bool], int] = {(FRAMING, False): _PREAMBLE * len(anatomy.parts)}
    for part in anatomy.parts:
        for section, size in extents(part):
            inner = section.size if (section.offset, section.size) in nested else 0
            key = (FRAMING, False) if inner else (section.name or section.kind, section.name is not None)
            counted[key] = counted.get(key, 0) + size - inner
    found = (SectionSize(name, custom, size, size / total) for (name, custom), size in counted.items())
    return tuple(sorted(found, key=lambda each: (-each.size, each.name, each.custom)))


def extents(part: Part) -> Iterator[tuple[Section, int]]:
    """The sections of a part, each with its size in bytes, header included."""
    start = part.offset + _PREAMBLE
    for section in part.sections:
        end = section.offset + section.size
        yield section, end - start
        start = end


def biggest_functions(anatomy: Anatomy, count: int = 10) -> tuple[BigFunction, ...]:
    """The functions with the most code, in any module of the file, the biggest first."""
    total = anatomy.outermost.size
    every = ((part.path, function) for part in anatomy.modules() for function in part.functions)
    chosen = heapq.nsmallest(count, every, key=lambda each: (-each[1].size, each[0], each[1].index))
    return tuple(BigFunction(path, function, function.size / total) for path, function in chosen)
