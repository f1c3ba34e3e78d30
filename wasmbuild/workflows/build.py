"""``build``: compile, look at the result, pack it, store it in the project's OCI image layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.copying import copy
from registry.files import storage_errors
from registry.model import Descriptor
from registry.reference import valid_tag
from registry.stores.layout import LayoutStore
from wasmbuild.artifact import Packed, creation_time, pack
from wasmbuild.build.action import ActionKey
from wasmbuild.caches import Caches
from wasmbuild.events import Sink, step
from wasmbuild.project import Project
from wasmbuild.workflows.compile import OUTPUT_FOLDER, compile_project
from wasmbuild.workflows.remote import DEFAULT_TAG

__all__ = ["Built", "build"]

_PREFIX = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class Built:
    """A packed artifact, and where it is: a file, and a manifest in a layout."""

    packed: Packed
    wasm_path: Path
    layout: Path
    action_key: ActionKey

    @property
    def manifest(self) -> Descriptor:
        """The artifact's manifest."""
        return self.packed.manifest

    @property
    def reference(self) -> str:
        """``oci:FOLDER@DIGEST``."""
        return f"oci:{self.layout}@{self.manifest.digest}"


def build(folder: Path, *, sink: Sink, caches: Caches, environment: Mapping[str, str]) -> Built:
    """Build the project in a folder.

    Raises what compiling raises, InvalidWasm, UsageFailed, StorageFailed.
    """
    created = creation_time(environment)
    compiled = compile_project(folder, sink=sink, cache=caches)
    project = compiled.project
    with step(sink, "pack", f"{project.name}.wasm"), storage_errors(f"{compiled.wasm_path} could not be packed"):
        annotations = _annotations(project)
        packed = pack(compiled.wasm_path, compiled.target.name, created=created, annotations=annotations)
        layout = LayoutStore.create(folder / OUTPUT_FOLDER / "oci")
        for content in (packed.manifest, packed.config, packed.layer):
            layout.heal(content)
        copy(packed, layout, packed.manifest)
        layout.tag(packed.manifest, _tag(project))
    wasm_path = folder / OUTPUT_FOLDER / compiled.wasm_path.name
    return Built(packed, wasm_path, layout.root, compiled.action_key)


def _tag(project: Project) -> str:
    """The version; a ``+`` may not stand in a tag, and an inferred project has no version."""
    tag = DEFAULT_TAG if project.inferred else project.version.replace("+", "_")
    return tag if valid_tag(tag) else DEFAULT_TAG


def _annotations(project: Project) -> dict[str, str]:
    said = {
        "version": None if project.inferred else project.version,
        "description": project.description,
        "authors": ", ".join(project.authors),
        "licenses": project.licenses,
        "source": project.source,
        "url": project.homepage,
    }
    return {f"{_PREFIX}.{name}": text for name, text in said.items() if text}
