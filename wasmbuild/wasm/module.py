"""The sections of a core module that say what it imports, exports and keeps in memory.

Core spec 3.0, "Binary Format / Modules" and "Types"; threads, memory64 and custom page sizes
included. Function bodies are not looked at, and indices are not checked: validation is the engine's.
"""

from dataclasses import dataclass, field

from wasmbuild.wasm.model import Export, Import, Limits, Section
from wasmbuild.wasm.reader import Reader, malformed

__all__ = ["SECTIONS", "ModuleContents", "check_order", "read_section"]

SECTIONS = {
    0: "custom",
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    10: "code",
    11: "data",
    12: "data count",
    13: "tag",
}
"""The section ids of core modules."""

_ORDER = {section: place for place, section in enumerate((1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11))}
_KINDS = ("function", "table", "memory", "global", "tag")
_NUMBER_TYPES = range(0x7B, 0x80)
_ABSTRACT_REFERENCES = range(0x68, 0x76)
_TYPED_REFERENCES = (0x63, 0x64)
_HAS_MAXIMUM, _SHARED, _INDEX_64, _PAGE_SIZE = 1, 2, 4, 8


@dataclass(slots=True)
class ModuleContents:
    """What the sections of one module have given so far."""

    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    memories: list[Limits] = field(default_factory=list)


def check_order(sections: list[Section]) -> None:
    """Insist that known sections come once and in the specification's order.

    Raises InvalidWasm.
    """
    last = -1
    for section in sections:
        if section.id == 0:
            continue
        place = _ORDER[section.id]
        if place <= last:
            raise malformed(section.offset, f"the {section.kind} section comes twice or too late")
        last = place


def read_section(section: Section, reader: Reader, contents: ModuleContents) -> None:
    """Take in one section, if it is one that we look into.

    Raises InvalidWasm.
    """
    if section.kind == "import":
        for _ in range(reader.count()):
            _read_import(reader, contents)
    elif section.kind == "memory":
        contents.memories.extend(_read_limits(reader) for _ in range(reader.count()))
    elif section.kind == "export":
        _read_exports(reader, contents)
    else:
        return
    reader.finish()


def _read_import(reader: Reader, contents: ModuleContents) -> None:
    module, name = reader.name(), reader.name()
    start = reader.position
    kind = reader.byte()
    match kind:
        case 0:
            reader.u32()
        case 1:
            _read_reference_type(reader, reader.byte())
            _read_limits(reader)
        case 2:
            contents.memories.append(_read_limits(reader))
        case 3:
            _read_global_type(reader)
        case 4:
            _read_tag_type(reader)
        case _:
            raise malformed(start, f"an import of unknown kind {kind}")
    contents.imports.append(Import(module, name, _KINDS[kind]))


def _read_exports(reader: Reader, contents: ModuleContents) -> None:
    seen: set[str] = set()
    for _ in range(reader.count()):
        start = reader.position
        name, kind = reader.name(), reader.byte()
        reader.u32()
        if kind >= len(_KINDS):
            raise malformed(start, f"an export of unknown kind {kind}")
        if name in seen:
            raise malformed(start, "two exports of the same name")
        seen.add(name)
        contents.exports.append(Export(name, _KINDS[kind]))


def _read_limits(reader: Reader) -> Limits:
    start = reader.position
    flags = reader.byte()
    if flags > 15:
        raise malformed(start, f"limits with unknown flags {flags:#x}")
    number = reader.u64 if flags & _INDEX_64 else reader.u32
    minimum = number()
    maximum = number() if flags & _HAS_MAXIMUM else None
    if maximum is not None and maximum < minimum:
        raise malformed(start, f"limits with a maximum of {maximum} below the minimum of {minimum}")
    exponent = reader.u32() if flags & _PAGE_SIZE else 16
    if exponent > 63:
        raise malformed(start, f"a page size of 2^{exponent} bytes")
    return Limits(minimum, maximum, bool(flags & _SHARED), 64 if flags & _INDEX_64 else 32, 1 << exponent)


def _read_global_type(reader: Reader) -> None:
    start = reader.position
    value_type = reader.byte()
    if value_type not in _NUMBER_TYPES:
        _read_reference_type(reader, value_type)
    if reader.byte() > 3:
        raise malformed(start, "a global with unknown flags")


def _read_reference_type(reader: Reader, first: int) -> None:
    if first in _TYPED_REFERENCES:
        reader.s33()
    elif first not in _ABSTRACT_REFERENCES:
        raise malformed(reader.position - 1, f"unknown type {first:#x}")


def _read_tag_type(reader: Reader) -> None:
    if reader.byte() != 0:
        raise malformed(reader.position - 1, "a tag that is not an exception")
    reader.u32()
