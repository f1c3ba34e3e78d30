"""The import section of a core module, in its long and its compact form, with the types of what is imported.

Core spec 3.0, "Binary Format / Modules"; the proposal "compact import section". Indices are not checked here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wasmbuild.wasm.format.reader import MAX_ENTRIES, Reader, malformed
from wasmbuild.wasm.format.types import read_global_type, read_memory_type, read_table_type
from wasmbuild.wasm.model import Limits

__all__ = ["KINDS", "CoreImport", "read_imports", "read_tag"]

KINDS = ("function", "table", "memory", "global", "tag")
"""What a core module imports and exports, by the number that the format gives it."""

_SAME_MODULE, _SAME_TYPE = 0x7F, 0x7E


@dataclass(frozen=True, slots=True)
class CoreImport:
    """An import: ``type`` in words, or ``index`` of the type of a function or tag; ``limits`` of a memory."""

    module: str
    name: str
    kind: str
    type: str = ""
    index: int = 0
    limits: Limits | None = None


def read_imports(reader: Reader, features: set[str], most: int = MAX_ENTRIES) -> Iterator[CoreImport]:
    """The imports of a section, at most so many; what they need goes to ``features``. Raises InvalidWasm."""
    found = 0
    for _ in range(reader.count(most)):
        for each in _read_entry(reader, features):
            found += 1
            if found > most:
                raise malformed(reader.position, f"more than {most} imports")
            yield each


def read_tag(reader: Reader, features: set[str]) -> int:
    """The index of a tag's type. Raises InvalidWasm."""
    if reader.byte() != 0:
        raise malformed(reader.position - 1, "a tag that is not an exception")
    features.add("exception-handling")
    return reader.u32()


def _read_entry(reader: Reader, features: set[str]) -> Iterator[CoreImport]:
    module, name = reader.name(), reader.name()
    kind = reader.byte()
    if name or kind not in {_SAME_MODULE, _SAME_TYPE}:
        yield _read_import(reader, features, module, name, kind)
        return
    features.add("compact-imports")
    if kind == _SAME_MODULE:
        for _ in range(reader.count()):
            name = reader.name()
            yield _read_import(reader, features, module, name, reader.byte())
        return
    shared = _read_import(reader, features, module, "", reader.byte())
    for _ in range(reader.count()):
        yield CoreImport(module, reader.name(), shared.kind, shared.type, shared.index, shared.limits)


def _read_import(reader: Reader, features: set[str], module: str, name: str, kind: int) -> CoreImport:
    match kind:
        case 0x00:
            return CoreImport(module, name, "function", index=reader.u32())
        case 0x20:
            features.add("custom-descriptors")
            return CoreImport(module, name, "function", index=reader.u32())
        case 0x01:
            return CoreImport(module, name, "table", read_table_type(reader, features))
        case 0x02:
            limits, words = read_memory_type(reader, features)
            return CoreImport(module, name, "memory", words, limits=limits)
        case 0x03:
            return CoreImport(module, name, "global", read_global_type(reader, features))
        case 0x04:
            return CoreImport(module, name, "tag", index=read_tag(reader, features))
    raise malformed(reader.position - 1, f"an import of unknown kind {kind}")
