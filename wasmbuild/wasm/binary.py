"""Read a WebAssembly file: what it is, its sections, its imports and exports.

Strict and bounded: no length in the file is trusted, and anything that is not a module or a
component in the binary format is an InvalidWasm that says where. Whether the code in it is valid
is the engine's to say.
"""

import mmap
from collections.abc import Mapping
from dataclasses import dataclass

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.format import component, module
from wasmbuild.wasm.format.reader import MAX_ENTRIES, Reader, content_of, malformed
from wasmbuild.wasm.model import Section, WasmBinary

__all__ = ["MAGIC", "MAX_DEPTH", "MAX_NESTED", "Nested", "read", "read_all"]

MAGIC = b"\0asm"

MAX_DEPTH = 100
"""How deep binaries may be nested in a file; engines stop there too."""

MAX_NESTED = 10_000
"""How many binaries there may be in a file, itself included."""

_PREAMBLE = 8
_MAX_ENTRIES_NESTED = 500_000
_MODULE_VERSIONS = (1,)
_COMPONENT_VERSIONS = (0x0D, 1)
_LOOKALIKES = (
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a native program or object (ELF)"),
    (b"MZ", "a native program (PE)"),
    (b"\xcf\xfa\xed\xfe", "a native program (Mach-O)"),
    (b"(module", "WebAssembly text; compile it first"),
    (b"(component", "WebAssembly text; compile it first"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"!<arch>", "an archive of object files"),
    (b"<", "HTML or XML"),
    (b"{", "JSON"),
    (b"#!", "a script"),
)


@dataclass(frozen=True, slots=True)
class Nested:
    """A binary of a file: () is the file itself, (0, 2) the third one that is nested in its first one.

    ``offset`` (bytes) and those of the sections count from the start of the file.
    """

    path: tuple[int, ...]
    offset: int
    binary: WasmBinary


def read(data: bytes | memoryview | mmap.mmap) -> WasmBinary:
    """Read a whole file; nothing of ``data`` is kept.

    Raises InvalidWasm, with the offset in bytes, when it is not well formed.
    """
    with memoryview(data) as view, view.cast("B") as octets:
        return _read(octets, 0, len(octets))


def read_all(data: bytes | memoryview | mmap.mmap) -> tuple[Nested, ...]:
    """Read a whole file and all that is nested in it, itself first, in the order of the bytes.

    Raises InvalidWasm, also for more than ``MAX_NESTED`` binaries or ``MAX_DEPTH`` levels.
    """
    found: list[Nested] = []
    entries = 0
    with memoryview(data) as view, view.cast("B") as octets:
        todo: list[tuple[tuple[int, ...], int, int]] = [((), 0, len(octets))]
        while todo:
            path, start, end = todo.pop()
            if len(path) > MAX_DEPTH or len(found) + len(todo) >= MAX_NESTED:
                raise malformed(start, f"more than {MAX_NESTED} binaries in it, or nested {MAX_DEPTH} deep")
            binary = _read(octets, start, end)
            found.append(Nested(path, start, binary))
            entries += len(binary.sections) + len(binary.imports) + len(binary.exports)
            if entries > _MAX_ENTRIES_NESTED:
                raise malformed(start, "too many sections, imports and exports in all binaries together")
            inner = _inner(binary)
            todo += (((*path, place), each.offset, each.offset + each.size) for place, each in reversed(inner))
    return tuple(found)


def _inner(binary: WasmBinary) -> list[tuple[int, Section]]:
    kinds = {"core module", "component"} if binary.kind == "component" else set()
    return list(enumerate(section for section in binary.sections if section.kind in kinds))


def _read(data: memoryview, start: int, end: int) -> WasmBinary:
    version, layer = _preamble(data, start, end)
    if layer == 0 and version in _MODULE_VERSIONS:
        return _read_module(data, start, end, version)
    if layer == 1 and version in _COMPONENT_VERSIONS:
        return _read_component(data, start, end, version)
    known = {0: "module", 1: "component"}.get(layer, f"binary of layer {layer}")
    raise malformed(start + 4, f"a {known} of version {version}, which is not known")


def _preamble(data: memoryview, start: int, end: int) -> tuple[int, int]:
    head = bytes(data[start : min(start + 16, end)])
    if not head.startswith(MAGIC) and start:
        raise malformed(start, "what is nested here does not begin as WebAssembly")
    if not head.startswith(MAGIC):
        raise InvalidWasm("the file is not WebAssembly", cause=_looks_like(head))
    if len(head) < _PREAMBLE:
        raise malformed(end, "the file ends within its first 8 bytes")
    return int.from_bytes(head[4:6], "little"), int.from_bytes(head[6:8], "little")


def _looks_like(head: bytes) -> str:
    if not head:
        return "it is empty"
    for start, description in _LOOKALIKES:
        if head.lstrip().startswith(start):
            return f"it looks like {description}"
    return f"it begins with the bytes {head[:4].hex(' ')}"


def _read_module(data: memoryview, start: int, end: int, version: int) -> WasmBinary:
    sections = _sections(data, start, end, module.SECTIONS)
    module.check_order(sections)
    contents = module.ModuleContents()
    for section in sections:
        module.read_section(section, content_of(data, section), contents)
    return WasmBinary(
        kind="module",
        version=version,
        size=end - start,
        sections=tuple(sections),
        imports=tuple(contents.imports),
        exports=tuple(contents.exports),
        memories=tuple(contents.memories),
    )


def _read_component(data: memoryview, start: int, end: int, version: int) -> WasmBinary:
    sections = _sections(data, start, end, component.SECTIONS)
    contents = component.ComponentContents()
    for section in sections:
        component.read_section(section, content_of(data, section), contents)
    return WasmBinary(
        kind="component",
        version=version,
        size=end - start,
        sections=tuple(sections),
        imports=tuple(contents.imports),
        exports=tuple(contents.exports),
    )


def _sections(data: memoryview, start: int, end: int, kinds: Mapping[int, str]) -> list[Section]:
    reader = Reader(data, start + _PREAMBLE, end)
    sections: list[Section] = []
    while reader.left:
        if len(sections) >= MAX_ENTRIES:
            raise malformed(reader.position, f"more than {MAX_ENTRIES} sections")
        sections.append(_section(reader, kinds))
    return sections


def _section(reader: Reader, kinds: Mapping[int, str]) -> Section:
    start = reader.position
    number = reader.byte()
    if number not in kinds:
        raise malformed(start, f"a section of unknown kind {number}")
    content = reader.within(reader.u32())
    name = content.name() if number == 0 else None
    return Section(number, kinds[number], content.position, content.left, name)
