"""Read a WebAssembly file: what it is, its sections, its imports and exports.

Strict and bounded: no length in the file is trusted, and anything that is not a module or a
component in the binary format is an InvalidWasm that says where. Whether the code in it is valid
is the engine's to say.
"""

import mmap
from collections.abc import Mapping

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm import component, module
from wasmbuild.wasm.model import Section, WasmBinary
from wasmbuild.wasm.reader import MAX_ENTRIES, Reader, malformed

__all__ = ["MAGIC", "read"]

MAGIC = b"\0asm"

_PREAMBLE = 8
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


def read(data: bytes | memoryview | mmap.mmap) -> WasmBinary:
    """Read a whole file; nothing of ``data`` is kept.

    Raises InvalidWasm, with the offset in bytes, when it is not well formed.
    """
    with memoryview(data) as view, view.cast("B") as octets:
        version, layer = _preamble(octets)
        if layer == 0 and version in _MODULE_VERSIONS:
            return _read_module(octets, version)
        if layer == 1 and version in _COMPONENT_VERSIONS:
            return _read_component(octets, version)
    known = {0: "module", 1: "component"}.get(layer, f"binary of layer {layer}")
    raise malformed(4, f"a {known} of version {version}, which is not known")


def _preamble(data: memoryview) -> tuple[int, int]:
    head = bytes(data[:16])
    if not head.startswith(MAGIC):
        raise InvalidWasm("the file is not WebAssembly", cause=_looks_like(head))
    if len(head) < _PREAMBLE:
        raise malformed(len(head), "the file ends within its first 8 bytes")
    return int.from_bytes(head[4:6], "little"), int.from_bytes(head[6:8], "little")


def _looks_like(head: bytes) -> str:
    if not head:
        return "it is empty"
    for start, description in _LOOKALIKES:
        if head.lstrip().startswith(start):
            return f"it looks like {description}"
    return f"it begins with the bytes {head[:4].hex(' ')}"


def _read_module(data: memoryview, version: int) -> WasmBinary:
    sections = _sections(data, module.SECTIONS)
    module.check_order(sections)
    contents = module.ModuleContents()
    for section in sections:
        module.read_section(section, _content(data, section), contents)
    return WasmBinary(
        kind="module",
        version=version,
        size=len(data),
        sections=tuple(sections),
        imports=tuple(contents.imports),
        exports=tuple(contents.exports),
        memories=tuple(contents.memories),
    )


def _read_component(data: memoryview, version: int) -> WasmBinary:
    sections = _sections(data, component.SECTIONS)
    contents = component.ComponentContents()
    for section in sections:
        component.read_section(section, _content(data, section), contents)
    return WasmBinary(
        kind="component",
        version=version,
        size=len(data),
        sections=tuple(sections),
        imports=tuple(contents.imports),
        exports=tuple(contents.exports),
    )


def _content(data: memoryview, section: Section) -> Reader:
    return Reader(data, section.offset, section.offset + section.size)


def _sections(data: memoryview, kinds: Mapping[int, str]) -> list[Section]:
    reader = Reader(data, _PREAMBLE, len(data))
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
