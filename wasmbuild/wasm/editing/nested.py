"""The core modules inside a component, replaced by others; every other byte stays as it is.

Only the sizes of what encloses a replaced module are written anew. Not here: custom sections
(``rewrite``), and what a module has to have so that the component around it stays valid.
"""

from collections.abc import Mapping

from wasmbuild.wasm.binary import Nested, read_all
from wasmbuild.wasm.editing.rewrite import leb128

__all__ = ["Path", "core_modules", "with_core_modules"]

_PREAMBLE = 8
_NESTING = frozenset({"core module", "component"})

Path = tuple[int, ...]
"""Where a binary is in a file: see ``binary.Nested``."""


def core_modules(component: bytes) -> dict[Path, bytes]:
    """Every core module, also those of components in it. Raises InvalidWasm."""
    return {
        each.path: component[each.offset : each.offset + each.binary.size]
        for each in read_all(component)
        if each.binary.kind == "module"
    }


def with_core_modules(component: bytes, modules: Mapping[Path, bytes]) -> bytes:
    """The component with some of its ``core_modules`` replaced. Raises InvalidWasm."""
    changed = dict(modules)
    for each in reversed(read_all(component)):  # what is inside comes before what is around it
        if each.binary.kind == "component" and any(path[:-1] == each.path for path in changed):
            changed[each.path] = _rebuilt(component, each, changed)
    return changed.get((), component)


def _rebuilt(file: bytes, component: Nested, changed: Mapping[Path, bytes]) -> bytes:
    pieces: list[bytes] = []
    place, kept, start = -1, component.offset, component.offset + _PREAMBLE
    for section in component.binary.sections:
        end = section.offset + section.size
        place += section.kind in _NESTING
        new = changed.get((*component.path, place)) if section.kind in _NESTING else None
        if new is not None:
            pieces += [file[kept:start], bytes([section.id]), leb128(len(new)), new]
            kept = end
        start = end
    return b"".join([*pieces, file[kept : component.offset + component.binary.size]])
