"""What custom sections say, in words, for ``inspect``. The words are the file's, and made safe by who prints them."""

from collections.abc import Iterator

from wasmbuild.ui.words import size
from wasmbuild.wasm.customs.readers import SharedLibrary
from wasmbuild.wasm.customs.sections import Customs
from wasmbuild.workflows.inspected import FileContent

__all__ = ["custom_lines"]

_CRATES = 5
_TEXT = 80


def custom_lines(content: FileContent) -> Iterator[str]:
    """A line for each custom section that says something, in any part of a file."""
    for part, customs in zip(content.anatomy.parts, content.customs, strict=True):
        where = f" (in part {'.'.join(map(str, part.path))})" if part.path else ""
        for words in (*_kinds(customs), *_sources(customs), *_doubts(customs)):
            yield words + where


def _kinds(customs: Customs) -> Iterator[str]:
    """What makes it another kind of file."""
    if customs.shared_library is not None:
        yield _library(customs.shared_library)
    if customs.component_types:
        yield f"the types of a component to be: {', '.join(customs.component_types)}"
    if customs.package_docs is not None:
        text = customs.package_docs.text
        yield f"documentation of its WIT: {text[:_TEXT]}{'…' * (len(text) > _TEXT)}".rstrip(": ")
    if customs.wasmedge_bytes:
        yield f"native code for WasmEdge, {size(customs.wasmedge_bytes)}"


def _sources(customs: Customs) -> Iterator[str]:
    """Where it comes from."""
    if customs.build_id:
        yield f"build identity {customs.build_id}"
    if customs.debug_bytes:
        yield f"debug information (DWARF), {size(customs.debug_bytes)}"
    if customs.source_map is not None:
        yield f"a source map at {customs.source_map}"
    if customs.dependencies:
        yield _crates(customs)


def _doubts(customs: Customs) -> Iterator[str]:
    if customs.signature is not None:
        keys = ", ".join(customs.signature.key_ids) or "not named"
        yield f"embedded signatures: {customs.signature.signatures}, keys {keys}; not verified"
    for each in customs.unreadable:
        yield f"{each.name} cannot be read: {each.why}"


def _library(library: SharedLibrary) -> str:
    needs = ", ".join(library.needed) or "no other"
    return f"a shared library: needs {needs}, {size(library.memory_bytes)} of memory, {library.table_entries} entries"


def _crates(customs: Customs) -> str:
    crates = customs.dependencies
    named = ", ".join(f"{each.name} {each.version}" for each in crates[:_CRATES])
    return f"built from {len(crates):,} crates: {named}{', …' * (len(crates) > _CRATES)}"
