"""``inspect``: what a WebAssembly file is, read from the file itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.files import storage_errors
from registry.words import printable
from wasmbuild.artifact import pack
from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.wasm.model import WasmBinary
from wasmbuild.workflows.fetch import fetch
from wasmbuild.workflows.places import in_registry
from wasmbuild.workflows.run import local_file

__all__ = ["Inspected", "inspect"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file that was read, under the name it was asked for by."""

    name: str
    binary: WasmBinary

    def to_text(self) -> str:
        """A page for a person."""
        binary = self.binary
        lines = [self.name, f"  kind      {binary.kind}", f"  size      {binary.size} bytes"]
        lines += _listed("imports", [f"{item} ({item.kind})" for item in binary.imports])
        lines += _listed("exports", [f"{item.name} ({item.kind})" for item in binary.exports])
        sections = [f"{section.name or section.kind} ({section.size} bytes)" for section in binary.sections]
        return "\n".join([*lines, *_listed("sections", sections)])

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        binary = self.binary
        return {
            "name": self.name,
            "kind": binary.kind,
            "size": binary.size,
            "imports": [{"module": item.module, "name": item.name, "kind": item.kind} for item in binary.imports],
            "exports": [{"name": item.name, "kind": item.kind} for item in binary.exports],
            "sections": [
                {"id": section.id, "name": section.name or section.kind, "size": section.size}
                for section in binary.sections
            ],
        }


def inspect(artifact: str, *, caches: Caches, registries: Registries, sink: Sink) -> Inspected:
    """Read a file, or the file of an artifact. Raises InvalidWasm, and what fetching raises."""
    file = local_file(artifact)
    if file is not None:
        return Inspected(artifact, _read(file))
    fetched = fetch(in_registry(artifact, "inspect"), key=None, caches=caches, registries=registries, sink=sink)
    return Inspected(str(fetched.reference), _read(fetched.path))


def _read(file: Path) -> WasmBinary:
    with storage_errors(f"{file} cannot be read"):
        return pack(file, "inspected").binary


def _listed(title: str, items: list[str]) -> list[str]:
    first, *rest = [printable(item) for item in items] or ["none"]
    return [f"  {title:<9} {first}", *(f"            {item}" for item in rest)]
