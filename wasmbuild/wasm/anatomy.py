"""Anatomy: everything that a wasm file says of itself, in every module and component nested in it.

What ``inspect``, ``diff`` and ``compat`` look at; a build and a run need only ``WasmBinary``, which
is read faster. Types are in the words of the text format. Not here: WIT, which ``wasm-tools`` reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from wasmbuild.wasm.model import Kind, Limits, Section, WasmBinary

__all__ = ["Anatomy", "Extern", "Function", "Part"]


@dataclass(frozen=True, slots=True)
class Extern:
    """What a part imports or exports; ``type`` is in the words of the text format, empty in components.

    For instance ``(func (param i32 i32) (result i32))``, ``(memory 1 16)``, ``(global (mut i32))``,
    ``(table 1 funcref)``. ``module`` is there for imports of modules only.
    """

    name: str
    kind: str
    type: str = ""
    module: str | None = None

    def __str__(self) -> str:
        return self.name if self.module is None else f"{self.module}::{self.name}"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a module defines: its index, and where its body is; ``name`` is what the file calls it."""

    index: int
    offset: int
    size: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A module or a component of a file. Offsets and sizes are bytes, offsets those of the whole file.

    ``path`` leads to it: () is the file itself, (0, 2) the third binary nested in its first one.
    ``memories``, ``tables`` and ``globals`` begin with the imported ones; ``functions`` are those that
    it defines. Types are written as in an Extern; in ``types`` those of a recursive group stand alone.
    ``declared`` are the features of WebAssembly that its structure, its constants and ``target_features``
    name, ``used`` those that it takes to run it, None where nobody looked at its code. Of a component,
    only what it is called, imports, exports and contains is known.
    """

    path: tuple[int, ...]
    kind: Kind
    offset: int
    size: int
    sections: tuple[Section, ...]
    name: str | None = None
    imports: tuple[Extern, ...] = ()
    exports: tuple[Extern, ...] = ()
    memories: tuple[Limits, ...] = ()
    tables: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()
    functions: tuple[Function, ...] = ()
    start: int | None = None
    data_segments: int = 0
    data_bytes: int = 0
    element_segments: int = 0
    declared: frozenset[str] = frozenset()
    used: frozenset[str] | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A file and its parts: itself first, then what is nested in it, in the order of the bytes."""

    binary: WasmBinary
    parts: tuple[Part, ...] = field(default=())

    @property
    def outermost(self) -> Part:
        """The file itself."""
        return self.parts[0]

    def modules(self) -> Iterator[Part]:
        """The core modules in it."""
        return (part for part in self.parts if part.kind == "module")
