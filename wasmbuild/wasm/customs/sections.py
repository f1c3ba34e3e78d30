"""Customs: what the custom sections of a module or component say.

Pure readers over bytes. A custom section can be anything, and the specification has engines ignore one that
they cannot make sense of: so one that is broken makes no file invalid, and is said to be unreadable. What
they say is the file's word, which nothing vouches for and which is unsafe to print. Not here: sections that
matter to execution, the names of functions, and how custom sections are written (``metadata``, ``rewrite``).
"""

import mmap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.customs.dependencies import Dependency, Unpacking, read_dependencies
from wasmbuild.wasm.customs.producers import Producers, read_producers
from wasmbuild.wasm.customs.readers import (
    PackageDocs,
    SharedLibrary,
    read_build_id,
    read_own_name,
    read_package_docs,
    read_shared_library,
    read_target_features,
    read_text,
)
from wasmbuild.wasm.customs.signature import EmbeddedSignature, read_signature
from wasmbuild.wasm.format.reader import MAX_NAME, Reader
from wasmbuild.wasm.model import Section

__all__ = ["FIELDS", "Customs", "Unreadable", "read_all_customs", "read_customs"]

FIELDS = ("authors", "description", "licenses", "source", "homepage", "revision", "version")
"""The sections named like OCI's annotations, in the order in which they are written."""

_MAX_CONTENT = 4 * 1024 * 1024
_MAX_UNREADABLE = 100
_DEBUG, _TYPES = ".debug_", "component-type"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A custom section that could not be read, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Customs:
    """What is in the custom sections of one binary; what they do not say is None or empty.

    ``fields`` are texts by the names of ``FIELDS``, in that order. ``build_id`` is hex. ``component_types``
    are the names of sections that hold the types of a component to be. ``debug_bytes`` is the size of DWARF,
    ``wasmedge_bytes`` that of native code which WasmEdge put into the file.
    """

    name: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    producers: Producers = field(default_factory=Producers)
    target_features: tuple[str, ...] = ()
    build_id: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    component_types: tuple[str, ...] = ()
    package_docs: PackageDocs | None = None
    shared_library: SharedLibrary | None = None
    source_map: str | None = None
    debug_bytes: int = 0
    signature: EmbeddedSignature | None = None
    wasmedge_bytes: int = 0
    unreadable: tuple[Unreadable, ...] = ()


_DEPENDENCIES = ".dep-v0"
_READERS: Mapping[str, tuple[str, Callable[[Reader], object]]] = {
    "build_id": ("build_id", read_build_id),
    "component-name": ("name", read_own_name),
    "dylink.0": ("shared_library", read_shared_library),
    "name": ("name", read_own_name),
    "package-docs": ("package_docs", read_package_docs),
    "producers": ("producers", read_producers),
    "signature": ("signature", read_signature),
    "sourceMappingURL": ("source_map", read_text),
    "target_features": ("target_features", read_target_features),
}


def read_customs(
    data: bytes | memoryview | mmap.mmap, sections: Iterable[Section], unpacking: Unpacking | None = None
) -> Customs:
    """Read the custom sections among those of one binary, whose offsets are those of ``data``.

    Of a section that comes twice the first counts, but for producers, which are put together, and the fields,
    of which the last counts. ``unpacking`` is what the binaries of one file have in common. Raises nothing for
    what a section holds.
    """
    gathering = _Gathering(unpacking or Unpacking())
    with memoryview(data) as view, view.cast("B") as octets:
        for section in sections:
            if section.name is not None:
                gathering.take(
                    section.name, section.size, Reader(octets, section.offset, section.offset + section.size)
                )
    return gathering.customs()


def read_all_customs(
    data: bytes | memoryview | mmap.mmap, binaries: Iterable[Iterable[Section]]
) -> tuple[Customs, ...]:
    """The same for each of the binaries of one file, by their sections."""
    unpacking = Unpacking()
    return tuple(read_customs(data, sections, unpacking) for sections in binaries)


class _Gathering:
    """What was found so far."""

    def __init__(self, unpacking: Unpacking) -> None:
        self._unpacking = unpacking
        self._found: dict[str, Any] = {}
        self._fields: dict[str, str] = {}
        self._types: list[str] = []
        self._debug_bytes = self._wasmedge_bytes = 0
        self._unreadable: list[Unreadable] = []

    def take(self, name: str, size: int, reader: Reader) -> None:
        """Look into one section."""
        if name in FIELDS:
            self._take_field(name, size, reader)
        elif name == _DEPENDENCIES:
            self._read(name, size, reader, "dependencies", partial(read_dependencies, unpacking=self._unpacking))
        elif name in _READERS:
            self._read(name, size, reader, *_READERS[name])
        elif name.startswith(_TYPES):
            self._types.append(name)
        elif name.startswith(_DEBUG):
            self._debug_bytes += size
        elif name == "wasmedge":
            self._wasmedge_bytes += size

    def customs(self) -> Customs:
        """All of it."""
        return Customs(
            fields=tuple((name, self._fields[name]) for name in FIELDS if name in self._fields),
            component_types=tuple(self._types),
            debug_bytes=self._debug_bytes,
            wasmedge_bytes=self._wasmedge_bytes,
            unreadable=tuple(self._unreadable),
            **self._found,
        )

    def _take_field(self, name: str, size: int, reader: Reader) -> None:
        if size > MAX_NAME:
            self._doubt(name, f"{size} bytes, more than {MAX_NAME}")
            return
        try:
            self._fields[name] = str(reader.take(size), "utf-8")
        except UnicodeDecodeError:
            self._doubt(name, "it is not UTF-8")

    def _read(self, name: str, size: int, reader: Reader, attribute: str, read: Callable[[Reader], object]) -> None:
        limit = None if attribute == "name" else _MAX_CONTENT  # of names only the first part is read
        if limit is not None and size > limit:
            self._doubt(name, f"{size} bytes, more than {limit}")
            return
        try:
            value = read(reader)
        except InvalidWasm as error:
            self._doubt(name, error.cause or error.what)
            return
        before = self._found.get(attribute)
        if before is None:
            self._found[attribute] = value
        elif isinstance(before, Producers) and isinstance(value, Producers):
            self._found[attribute] = before.merged(value.entries)
        else:
            self._doubt(name, "it comes twice")

    def _doubt(self, name: str, why: str) -> None:
        if len(self._unreadable) < _MAX_UNREADABLE:
            self._unreadable.append(Unreadable(name, why))
