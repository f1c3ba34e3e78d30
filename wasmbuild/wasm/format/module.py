"""The sections of a core module that say what it imports, exports and keeps in memory.

Core spec 3.0, "Binary Format / Modules". This is what every build and run looks at; all the rest of a
module is in ``wasmbuild.wasm.format.contents``. Indices are not checked: validation is the engine's.
"""

from dataclasses import dataclass, field

from wasmbuild.wasm.format.imports import KINDS, read_imports
from wasmbuild.wasm.format.reader import Reader, malformed
from wasmbuild.wasm.format.types import read_memory_type
from wasmbuild.wasm.model import Export, Import, Limits, Section

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
        for each in read_imports(reader, set()):
            contents.imports.append(Import(each.module, each.name, each.kind))
            if each.limits is not None:
                contents.memories.append(each.limits)
    elif section.kind == "memory":
        contents.memories.extend(read_memory_type(reader, set())[0] for _ in range(reader.count()))
    elif section.kind == "export":
        _read_exports(reader, contents)
    else:
        return
    reader.finish()


def _read_exports(reader: Reader, contents: ModuleContents) -> None:
    seen: set[str] = set()
    for _ in range(reader.count()):
        start = reader.position
        name, kind = reader.name(), reader.byte()
        reader.u32()
        if kind >= len(KINDS):
            raise malformed(start, f"an export of unknown kind {kind}")
        if name in seen:
            raise malformed(start, "two exports of the same name")
        seen.add(name)
        contents.exports.append(Export(name, KINDS[kind]))
