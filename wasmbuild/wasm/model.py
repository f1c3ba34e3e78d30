"""WasmBinary and its parts: what is known of a file once it is read. No bytes of it are kept here."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Export", "Import", "Kind", "Limits", "Section", "WasmBinary"]

Kind = Literal["module", "component"]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the outermost binary; ``offset`` and ``size`` (bytes) are those of its content.

    ``kind`` is the specification's word for ``id``; ``name`` is there for custom sections only.
    """

    id: int
    kind: str
    offset: int
    size: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """A memory's or table's bounds, in pages or entries; ``page_size`` is in bytes."""

    minimum: int
    maximum: int | None = None
    shared: bool = False
    index_bits: int = 32
    page_size: int = 65536


@dataclass(frozen=True, slots=True)
class Import:
    """What the file asks for; a component's imports have no ``module``."""

    module: str | None
    name: str
    kind: str

    def __str__(self) -> str:
        return self.name if self.module is None else f"{self.module}::{self.name}"


@dataclass(frozen=True, slots=True)
class Export:
    """What the file offers."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class WasmBinary:
    """A module or a component, read from the outside; ``size`` is the file's, in bytes.

    ``memories`` are a module's, in the order of their index space: imported ones come first.
    """

    kind: Kind
    version: int
    size: int
    sections: tuple[Section, ...]
    imports: tuple[Import, ...]
    exports: tuple[Export, ...]
    memories: tuple[Limits, ...] = ()

    @property
    def import_names(self) -> tuple[str, ...]:
        """Every import once, sorted: ``module::name``, or a component's ``namespace:package/interface@version``."""
        return tuple(sorted({str(item) for item in self.imports}))

    @property
    def export_names(self) -> tuple[str, ...]:
        """Every export once, sorted."""
        return tuple(sorted({item.name for item in self.exports}))
