"""The names that a component imports and exports, and their kinds.

Component model, ``design/mvp/Binary.md``: sections 10 and 11 of one component. Types and instances are
not looked into, and nested binaries are read by themselves (``wasmbuild.wasm.binary``).
"""

from dataclasses import dataclass, field

from wasmbuild.wasm.format.reader import Reader, malformed
from wasmbuild.wasm.model import Export, Import, Section

__all__ = ["SECTIONS", "ComponentContents", "read_section"]

SECTIONS = {
    0: "custom",
    1: "core module",
    2: "core instance",
    3: "core type",
    4: "component",
    5: "instance",
    6: "alias",
    7: "type",
    8: "canonical function",
    9: "start",
    10: "import",
    11: "export",
    12: "value",
}
"""The section ids of components."""

_VECTORS = frozenset({"core instance", "core type", "instance", "alias", "type", "canonical function", "value"})
_MAX_VECTOR = 1_000_000
_KINDS = {1: "function", 2: "value", 3: "type", 4: "component", 5: "instance"}
_CORE_MODULE = 0x11
_VERSION_SUFFIX = 1
_MAX_NAME_OPTIONS = 3


@dataclass(slots=True)
class ComponentContents:
    """What the sections of one component have given so far."""

    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)


def read_section(section: Section, reader: Reader, contents: ComponentContents) -> None:
    """Take in one section, if it is one that we look into.

    Raises InvalidWasm.
    """
    if section.kind == "import":
        for _ in range(reader.count()):
            contents.imports.append(Import(None, _read_name(reader), _read_description(reader)))
    elif section.kind == "export":
        for _ in range(reader.count()):
            contents.exports.append(_read_export(reader))
    else:
        if section.kind in _VECTORS:
            reader.count(_MAX_VECTOR)
        return
    reader.finish()


def _read_name(reader: Reader) -> str:
    """A name and, in the form that begins with 2, its options; a version suffix belongs to the name."""
    start = reader.position
    form = reader.byte()
    if form > 2:
        raise malformed(start, f"a name of unknown form {form}")
    name = reader.name()
    if form < 2:
        return name
    count = reader.count()
    if count > _MAX_NAME_OPTIONS:
        raise malformed(start, f"a name with {count} options")
    options = {reader.byte(): reader.name() for _ in range(count)}
    if len(options) != count or any(option >= _MAX_NAME_OPTIONS for option in options):
        raise malformed(start, "a name with unknown or repeated options")
    return name + options.get(_VERSION_SUFFIX, "")


def _read_description(reader: Reader) -> str:
    start = reader.position
    sort = reader.byte()
    if sort == 0:
        if reader.byte() != _CORE_MODULE:
            raise malformed(start, "an import or export of an unknown core kind")
        reader.u32()
        return "core module"
    if sort not in _KINDS:
        raise malformed(start, f"an import or export of unknown kind {sort}")
    if sort in {2, 3}:
        _read_bound(reader, is_value=sort == 2)
    else:
        reader.u32()
    return _KINDS[sort]


def _read_bound(reader: Reader, *, is_value: bool) -> None:
    """A value's or a type's bound: equal to an index or a type; a type may also be a fresh resource."""
    start = reader.position
    bound = reader.byte()
    if bound > 1:
        raise malformed(start, f"a bound of unknown kind {bound}")
    if bound == 0:
        reader.u32()
    elif is_value:
        reader.s33()


def _read_export(reader: Reader) -> Export:
    name = _read_name(reader)
    start = reader.position
    sort = reader.byte()
    if sort == 0:
        if reader.byte() != _CORE_MODULE:
            raise malformed(start, "an export of an unknown core kind")
        kind = "core module"
    elif sort in _KINDS:
        kind = _KINDS[sort]
    else:
        raise malformed(start, f"an export of unknown kind {sort}")
    reader.u32()
    match reader.byte():
        case 0:
            pass
        case 1:
            _read_description(reader)
        case other:
            raise malformed(reader.position - 1, f"an export with unknown flag {other}")
    return Export(name, kind)
