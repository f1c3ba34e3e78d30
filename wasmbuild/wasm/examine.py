"""``examine``: read everything that a wasm file says of itself, in every binary nested in it.

Strict and bounded, like ``wasmbuild.wasm.binary``: what breaks the format is an InvalidWasm that says
where, no length is trusted, and nothing recurses. Not here: what the numbers mean, and WIT.
"""

import mmap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.anatomy import Anatomy, Extern, Part
from wasmbuild.wasm.binary import Nested, read_all
from wasmbuild.wasm.customs.readers import read_target_features
from wasmbuild.wasm.format.contents import Budget, Contents, read_contents
from wasmbuild.wasm.format.namesection import Names, read_names
from wasmbuild.wasm.format.reader import Reader, content_of
from wasmbuild.wasm.model import WasmBinary

__all__ = ["examine"]

_NAME_SECTIONS = {"module": "name", "component": "component-name"}
_TARGET_FEATURES = "target_features"
_NOT_USED = "-"


def examine(data: bytes | memoryview | mmap.mmap, *, deep: bool = False) -> Anatomy:
    """The anatomy of a file; nothing of ``data`` is kept. ``deep`` walks the function bodies too.

    That gives ``Part.used``; it takes less than a second for every megabyte of code, mostly far less.
    Raises InvalidWasm, with the offset in bytes, when the file is not well formed.
    """
    budget = Budget()
    with memoryview(data) as view, view.cast("B") as octets:
        nested = read_all(octets)
        parts = tuple(_part(octets, each, budget, deep=deep) for each in nested)
    return Anatomy(nested[0].binary, parts)


def _part(data: memoryview, nested: Nested, budget: Budget, *, deep: bool) -> Part:
    binary = nested.binary
    names = _names(data, binary, budget)
    part = Part(nested.path, binary.kind, nested.offset, binary.size, binary.sections, name=names.part)
    if binary.kind == "module":
        contents = read_contents(data, binary.sections, names, budget, deep=deep)
        return _module(part, contents, _target_features(data, binary))
    return replace(
        part,
        imports=tuple(Extern(each.name, each.kind) for each in binary.imports),
        exports=tuple(Extern(each.name, each.kind) for each in binary.exports),
    )


def _module(part: Part, contents: Contents, said: set[str]) -> Part:
    return replace(
        part,
        imports=tuple(contents.imports),
        exports=tuple(contents.exports),
        memories=tuple(contents.memories),
        tables=tuple(contents.tables),
        globals=tuple(contents.globals),
        functions=tuple(contents.functions),
        start=contents.start,
        data_segments=contents.data_segments,
        data_bytes=contents.data_bytes,
        element_segments=contents.element_segments,
        declared=frozenset(contents.features | said),
        used=None if contents.used is None else frozenset(contents.features | contents.used),
        types=tuple(each.text for each in contents.types),
    )


def _names(data: memoryview, binary: WasmBinary, budget: Budget) -> Names:
    names = Names()
    for content in _custom(data, binary, _NAME_SECTIONS[binary.kind]):
        read_names(content, names, budget.left if binary.kind == "module" else 0)
        budget.left -= len(names.functions)
    return names


def _target_features(data: memoryview, binary: WasmBinary) -> set[str]:
    """The features that a compiler says it used; a section that breaks its form says nothing."""
    found: set[str] = set()
    for content in _custom(data, binary, _TARGET_FEATURES):
        with suppress(InvalidWasm):
            found |= {each[1:] for each in read_target_features(content) if each[0] != _NOT_USED}
    return found


def _custom(data: memoryview, binary: WasmBinary, name: str) -> Iterator[Reader]:
    """The content of the first custom section of that name; any other would be a mistake."""
    for section in binary.sections:
        if section.id == 0 and section.name == name:
            yield content_of(data, section)
            return
