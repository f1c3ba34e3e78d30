"""Anatomies made by hand: sections that follow each other as in a file, with headers of two bytes."""

from wasmbuild.wasm.anatomy import Anatomy, Function, Part
from wasmbuild.wasm.model import Section, WasmBinary

HEADER = 2


def sections_of(start, *named):
    """Sections of ``(id, kind, size)`` or, for custom ones, ``(0, name, size)``, from ``start`` on."""
    made, at = [], start + 8
    for number, word, size in named:
        kind, name = ("custom", word) if number == 0 else (word, None)
        made.append(Section(number, kind, at + HEADER, size, name))
        at += HEADER + size
    return tuple(made), at - start


def module(path=(), start=0, functions=(), **settings):
    """A module with a type section of 40 bytes, code, data of 300 bytes, and names of 60."""
    code = sum(size for _, size in functions) + 3
    sections, size = sections_of(start, (1, "type", 40), (10, "code", code), (11, "data", 300), (0, "name", 60))
    at, made = sections[1].offset + 3, []
    for index, (name, length) in enumerate(functions):
        made.append(Function(index, at, length, name))
        at += length
    return Part(path, "module", start, size, sections, functions=tuple(made), **settings)


def anatomy(*parts):
    outermost = parts[0]
    return Anatomy(WasmBinary(outermost.kind, 1, outermost.size, outermost.sections, (), ()), parts)


def component(*names):
    """A component that holds a module, which has a function of 500 and one of 100 bytes, and a custom section."""
    functions = tuple(zip(names, (500, 100), strict=True))
    inner = module((0,), 10, functions, name="main")
    sections, size = sections_of(0, (1, "core module", inner.size), (10, "import", 30), (0, "notes", 50))
    return anatomy(Part((), "component", 0, size, sections), inner)
