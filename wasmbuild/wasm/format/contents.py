"""The sections of a core module, all of them: what ``wasmbuild.wasm.examine`` makes a Part of.

Core spec 3.0, "Binary Format / Modules". The bytes of data segments are skipped, and so are function
bodies unless somebody asks. Indices are checked only where a type has to be found with them, and how many
entries all sections have together is bounded. Validation is the engine's.
"""

from dataclasses import dataclass, field

from wasmbuild.wasm.anatomy import Extern, Function
from wasmbuild.wasm.format.imports import KINDS, read_imports, read_tag
from wasmbuild.wasm.format.instructions import PLAIN_PLACE, walk_body, walk_constant
from wasmbuild.wasm.format.namesection import Names
from wasmbuild.wasm.format.reader import Reader, content_of, malformed
from wasmbuild.wasm.format.types import (
    CoreType,
    read_core_types,
    read_global_type,
    read_memory_type,
    read_reference_type,
    read_table_type,
)
from wasmbuild.wasm.model import Limits, Section

__all__ = ["Budget", "Contents", "read_contents"]

_MAX_VECTOR = 1_000_000
_PASSIVE, _INDEXED, _EXPRESSIONS = 1, 2, 4


@dataclass(slots=True)
class Budget:
    """How much more a file may have in all of its parts: entries of vectors, and characters of types that are shown.

    A type stands once in the file, and is shown with each of the many imports and exports that are of it.
    """

    left: int = 3_000_000
    shown: int = 16_000_000

    def spend(self, entries: int, offset: int) -> None:
        """Count some. Raises InvalidWasm when there are no more to spend."""
        self.left -= entries
        if self.left < 0:
            raise malformed(offset, "too many entries in all sections together")

    def show(self, words: str, offset: int) -> None:
        """Count a type of an import or an export. Raises InvalidWasm when there is too much to show."""
        self.shown -= len(words)
        if self.shown < 0:
            raise malformed(offset, "types that are too long for so many imports and exports")

    def count(self, reader: Reader) -> int:
        """The length of a vector, which is spent. Raises InvalidWasm."""
        start = reader.position
        count = reader.count(_MAX_VECTOR)
        self.spend(count, start)
        return count


@dataclass(slots=True)
class Contents:
    """What the sections of one module have given so far; index spaces begin with what is imported.

    ``features`` are those that the structure and the constant expressions need, ``used`` those of the
    bodies, None if they are not walked.
    """

    names: Names
    budget: Budget
    types: list[CoreType] = field(default_factory=list)
    imports: list[Extern] = field(default_factory=list)
    exports: list[Extern] = field(default_factory=list)
    function_types: list[int] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    memories: list[Limits] = field(default_factory=list)
    memory_types: list[str] = field(default_factory=list)
    globals: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    imported_functions: int = 0
    functions: list[Function] = field(default_factory=list)
    start: int | None = None
    element_segments: int = 0
    data_segments: int = 0
    data_count: int | None = None
    data_bytes: int = 0
    features: set[str] = field(default_factory=set)
    used: set[str] | None = None
    _tag_types: dict[int, str] = field(default_factory=dict)

    def function_type(self, index: int, offset: int) -> str:
        """``(func …)`` of a type. Raises InvalidWasm when there is none of that index."""
        if index >= len(self.types):
            raise malformed(offset, f"type {index} of {len(self.types)}")
        if (text := self.types[index].function) is None:
            raise malformed(offset, f"type {index}, which is not a function's")
        return text

    def tag_type(self, index: int, offset: int) -> str:
        """``(tag …)`` of a type. Raises InvalidWasm when there is none of that index."""
        if index not in self._tag_types:  # each once, or many tags of one long type would fill the memory
            self._tag_types[index] = f"(tag{self.function_type(index, offset).removeprefix('(func')}"
        return self._tag_types[index]


def read_contents(
    data: memoryview, sections: tuple[Section, ...], names: Names, budget: Budget, *, deep: bool
) -> Contents:
    """Everything in the sections of a module, custom ones apart. Raises InvalidWasm."""
    contents = Contents(names, budget, used=set() if deep else None)
    for section in sections:
        if read := _SECTIONS.get(section.kind):
            reader = content_of(data, section)
            read(reader, contents)
            reader.finish()
    if len(contents.functions) != len(contents.function_types) - contents.imported_functions:
        raise malformed(len(data), "functions are declared that have no body")
    if contents.data_count not in {None, contents.data_segments}:
        raise malformed(len(data), f"{contents.data_count} data segments are promised")
    _add_features(contents)
    return contents


def _add_features(contents: Contents) -> None:
    """The features that follow from how many there are of something."""
    if len(contents.memories) > 1:
        contents.features.add("multimemory")
    if len(contents.tables) > 1:
        contents.features.add("reference-types")
    if contents.data_count is not None:
        contents.features.add("bulk-memory")
    for each in (*contents.imports, *contents.exports):
        if each.kind == "global" and "(mut " in each.type:
            contents.features.add("mutable-globals")


def _read_types(reader: Reader, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        start = reader.position
        for each in read_core_types(reader, contents.features):
            contents.types.append(each)
            contents.budget.spend(reader.position - start, start)  # one type may have many parts
            start = reader.position


def _read_imports(reader: Reader, contents: Contents) -> None:
    start = reader.position
    for each in read_imports(reader, contents.features):
        words = each.type
        match each.kind:
            case "function":
                words = contents.function_type(each.index, start)
                contents.function_types.append(each.index)
            case "tag":
                words = contents.tag_type(each.index, start)
                contents.tags.append(words)
            case "table":
                contents.tables.append(words)
            case "global":
                contents.globals.append(words)
            case _:
                contents.memories.append(each.limits or Limits(0))
                contents.memory_types.append(words)
        contents.budget.show(words, start)
        contents.imports.append(Extern(each.name, each.kind, words, each.module))
    contents.imported_functions = len(contents.function_types)


def _read_functions(reader: Reader, contents: Contents) -> None:
    start = reader.position
    indices = [reader.u32() for _ in range(contents.budget.count(reader))]
    for index in set(indices):
        contents.function_type(index, start)
    contents.function_types += indices


def _read_tables(reader: Reader, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        start = reader.position
        with_value = reader.byte() == 0x40
        if not with_value:
            reader.position = start
        elif reader.byte() != 0:
            raise malformed(start, "a table of unknown form")
        contents.tables.append(read_table_type(reader, contents.features))
        if with_value:
            contents.features.add("function-references")
            walk_constant(reader, contents.features)


def _read_memories(reader: Reader, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        limits, words = read_memory_type(reader, contents.features)
        contents.memories.append(limits)
        contents.memory_types.append(words)


def _read_tags(reader: Reader, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        start = reader.position
        contents.tags.append(contents.tag_type(read_tag(reader, contents.features), start))


def _read_globals(reader: Reader, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        contents.globals.append(read_global_type(reader, contents.features))
        walk_constant(reader, contents.features)


def _read_exports(reader: Reader, contents: Contents) -> None:
    spaces = (contents.function_types, contents.tables, contents.memory_types, contents.globals, contents.tags)
    for _ in range(contents.budget.count(reader)):
        start = reader.position
        name, kind, index = reader.name(), reader.byte(), reader.u32()
        if kind >= len(KINDS):
            raise malformed(start, f"an export of unknown kind {kind}")
        if index >= len(spaces[kind]):
            raise malformed(start, f"an export of {KINDS[kind]} {index} of {len(spaces[kind])}")
        found = spaces[kind][index]
        words = found if isinstance(found, str) else contents.function_type(found, start)
        contents.budget.show(words, start)
        contents.exports.append(Extern(name, KINDS[kind], words))


def _read_start(reader: Reader, contents: Contents) -> None:
    start = reader.position
    contents.start = reader.u32()
    if contents.start >= len(contents.function_types):
        raise malformed(start, f"function {contents.start} of {len(contents.function_types)} is where it starts")


def _read_elements(reader: Reader, contents: Contents) -> None:
    contents.element_segments = contents.budget.count(reader)
    for _ in range(contents.element_segments):
        start = reader.position
        flags = reader.u32()
        if flags > 7:
            raise malformed(start, f"an element segment with unknown flags {flags:#x}")
        if flags & _PASSIVE:
            contents.features.update({"bulk-memory", "reference-types"} if flags & _INDEXED else {"bulk-memory"})
        else:
            if flags & _INDEXED:
                reader.u32()
            walk_constant(reader, contents.features)
        if flags & (_PASSIVE | _INDEXED):
            _read_element_kind(reader, flags, contents)
        _read_element_items(reader, flags, contents)


def _read_element_kind(reader: Reader, flags: int, contents: Contents) -> None:
    if flags & _EXPRESSIONS:
        read_reference_type(reader, contents.features)
    elif reader.byte() != 0:
        raise malformed(reader.position - 1, "an element segment of what are not functions")


def _read_element_items(reader: Reader, flags: int, contents: Contents) -> None:
    for _ in range(contents.budget.count(reader)):
        if flags & _EXPRESSIONS:
            walk_constant(reader, contents.features)
        else:
            reader.u32()


def _read_data_count(reader: Reader, contents: Contents) -> None:
    contents.data_count = reader.u32()


def _read_code(reader: Reader, contents: Contents) -> None:
    start = reader.position
    first, declared = contents.imported_functions, len(contents.function_types)
    name_of, used = contents.names.functions.get, contents.used
    if contents.budget.count(reader) != declared - first:
        raise malformed(start, f"a code section with other than the {declared - first} functions that are declared")
    append = contents.functions.append
    for index in range(first, declared):
        size = reader.u32()
        offset = reader.position
        reader.skip(size)
        append(Function(index, offset, size, name_of(index)))
        if used is not None:
            walk_body(Reader(reader.data, offset, offset + size), used)


def _read_data(reader: Reader, contents: Contents) -> None:
    contents.data_segments = contents.budget.count(reader)
    for _ in range(contents.data_segments):
        plain = PLAIN_PLACE.match(reader.data, reader.position, reader.end)
        if plain:
            reader.position = plain.end()
        else:
            _read_place(reader, contents.features)
        size = reader.u32()
        reader.skip(size)
        contents.data_bytes += size


def _read_place(reader: Reader, features: set[str]) -> None:
    start = reader.position
    flags = reader.u32()
    if flags > _INDEXED:
        raise malformed(start, f"a data segment with unknown flags {flags:#x}")
    if flags == _PASSIVE:
        features.add("bulk-memory")
        return
    if flags == _INDEXED:
        reader.u32()
    walk_constant(reader, features)


_SECTIONS = {
    "type": _read_types,
    "import": _read_imports,
    "function": _read_functions,
    "table": _read_tables,
    "memory": _read_memories,
    "tag": _read_tags,
    "global": _read_globals,
    "export": _read_exports,
    "start": _read_start,
    "element": _read_elements,
    "data count": _read_data_count,
    "code": _read_code,
    "data": _read_data,
}
