"""Packing: from a compiled target to an artifact in its project's OCI image layout.

What was packed before, of the same file and with the same words, is not packed again.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InvalidDocument, StorageFailed
from registry.files import storage_errors
from registry.reference import valid_tag
from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.compile import OUTPUT_FOLDER, Compiled
from wasmbuild.workflows.planning import Planned
from wasmbuild.workflows.records import Packaged, Records, stat_of

if TYPE_CHECKING:
    from wasmbuild.artifact import Packed

__all__ = ["Packing", "layout_of"]

_FORMAT = 1
"""Goes up when the same file and words would be packed otherwise than before."""

_PREFIX = "org.opencontainers.image"
_DEFAULT_TAG = "latest"
_INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Packing:
    """How a target is packed: the time to write (RFC 3339), its annotations, and its tag in the layout."""

    compiled: Compiled
    created: str
    annotations: Mapping[str, str]
    tag: str

    @classmethod
    def of(cls, compiled: Compiled, created: str) -> "Packing":
        """As the project says."""
        planned = compiled.planned
        annotations = {f"{_PREFIX}.{name}": text for name, text in planned.part.project.about.items()}
        return cls(compiled, created, annotations, _tag(planned))

    @property
    def identity(self) -> str:
        """The same for the same artifact."""
        said = [_FORMAT, str(self.compiled.digest), self.created, dict(self.annotations), self.tag]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def packed(self, file: Path) -> "Packed":
        """Describe a file as the artifact. Raises InvalidWasm, StorageFailed."""
        from wasmbuild.artifact import pack  # noqa: PLC0415  (what is packed already is not packed again)

        with storage_errors(f"{file} could not be packed"):
            name = self.compiled.planned.part.target.name
            return pack(file, name, created=self.created, annotations=self.annotations)

    def store(self, file: Path, records: Records, sink: Sink) -> Packaged:
        """Have the artifact of a file in the layout. Raises InvalidWasm, StorageFailed; then it is as before."""
        planned = self.compiled.planned
        layout = layout_of(planned)
        known = records.packaged(planned)
        if known is not None and known.identity == self.identity and _is_there(layout, known, self.tag):
            return known
        with step(sink, "pack", self.compiled.wasm_path.name):
            packed = self.packed(file)
            try:
                self._write(layout, packed)
            except InvalidDocument as failure:
                sink(Note("warning", f"{layout} was damaged, and is made anew: {failure}"))
                (layout / _INDEX).unlink(missing_ok=True)
                self._write(layout, packed)
        contents = (packed.manifest, packed.config, packed.layer)
        paths = [f"blobs/{each.digest.algorithm}/{each.digest.encoded}" for each in contents]
        return Packaged(self.identity, packed.manifest, {path: stat_of(layout / path) for path in paths})

    def _write(self, layout: Path, packed: "Packed") -> None:
        from registry.stores.layout import LayoutStore  # noqa: PLC0415

        existed = (layout / _INDEX).exists()
        try:
            with storage_errors(f"{self.compiled.wasm_path} could not be packed"):
                store = LayoutStore.create(layout)
                for content in (packed.manifest, packed.config, packed.layer):
                    store.heal(content)
                with store.gathering():
                    packed.push_to(store)
                    store.tag(packed.manifest, self.tag)
        except StorageFailed:
            if not existed:
                shutil.rmtree(layout, ignore_errors=True)
            raise


def layout_of(planned: Planned) -> Path:
    """The folder of the project's layout."""
    return planned.root / OUTPUT_FOLDER / "oci"


def _is_there(layout: Path, known: Packaged, tag: str) -> bool:
    if any(stat_of(layout / path) != stat for path, stat in known.blobs.items()):
        return False
    try:
        index = (layout / _INDEX).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return str(known.manifest.digest) in index and f'"{tag}"' in index


def _tag(planned: Planned) -> str:
    """The version, after the target's name where there are several; a ``+`` may not stand in a tag."""
    project = planned.part.project
    version = _DEFAULT_TAG if project.inferred else project.version.replace("+", "_")
    tag = version if len(project.targets) == 1 else f"{planned.part.target.name}-{version}"
    return tag if valid_tag(tag) else _DEFAULT_TAG
