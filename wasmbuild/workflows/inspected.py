"""What ``inspect`` finds out: of the file, of the artifact that it came as, or of both.

The nouns only: how they are found is ``inspect``'s and ``published``'s, how they look ``inspect_text``'s and
``inspect_json``'s.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.digest import Digest
from wasmbuild.wasm.anatomy import Anatomy
from wasmbuild.wasm.customs.producers import Producers
from wasmbuild.wasm.customs.sections import Customs
from wasmbuild.wasm.model import Kind, WasmBinary
from wasmbuild.wasm.world import target_world

if TYPE_CHECKING:
    from registry.model import Descriptor, Manifest

__all__ = ["Attached", "ConfigBlob", "FileContent", "Inspected", "Published"]


@dataclass(frozen=True, slots=True)
class ConfigBlob:
    """What the config of an artifact says; None for what it does not say. All of it is its writer's word.

    ``kind`` is the layout's: what has no component in its config is a module. ``binary`` has the names of
    imports and exports and nothing else: their kinds are not in a config. ``doubts`` are in words.
    """

    created: str | None = None
    author: str | None = None
    operating_system: str | None = None
    architecture: str | None = None
    target: str | None = None
    kind: Kind | None = None
    binary: WasmBinary | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attached:
    """Something that a registry lists for an artifact; ``tag`` is cosign's where that is all that connects them."""

    words: str
    digest: Digest
    signs: bool
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """An artifact in a registry: its documents, and what refers to it, None where the registry does not tell.

    ``layer`` is the file, also where it comes out of the file system of an image.
    """

    reference: str
    descriptor: "Descriptor"
    index: "Descriptor | None"
    manifest: "Manifest"
    layer: "Descriptor"
    config: ConfigBlob
    attached: tuple[Attached, ...] | None

    @property
    def carrier(self) -> "Descriptor":
        """The manifest's layer: the file itself, or the file system that it is in, which is the last one."""
        layers = self.manifest.layers
        return next((each for each in layers if each.digest == self.layer.digest), layers[-1])


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file that was read; ``customs`` are those of each part, in the order of the anatomy."""

    path: Path
    digest: Digest
    anatomy: Anatomy
    customs: tuple[Customs, ...]

    @property
    def producers(self) -> Producers:
        """Who made any of its parts, each once."""
        return Producers().merged(entry for customs in self.customs for entry in customs.producers.entries)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, an artifact, or an artifact and its file, under the name it was asked for by.

    ``content`` is None where only the documents of an artifact were read.
    """

    name: str
    content: FileContent | None
    published: Published | None = None

    @property
    def binary(self) -> WasmBinary | None:
        """The kind, imports and exports: the file's own, else those that the config claims."""
        if self.content is not None:
            return self.content.anatomy.binary
        return self.published.config.binary if self.published else None

    @property
    def kind(self) -> Kind | None:
        """Module or component."""
        if self.content is not None:
            return self.content.anatomy.outermost.kind
        return self.published.config.kind if self.published else None

    @property
    def world(self) -> str | None:
        """The world that it targets, by its imports and exports; without the file, also one that the config names."""
        found = target_world(self.binary) if self.binary else None
        if self.content is not None or self.published is None:
            return found
        return found or self.published.config.target

    @property
    def size(self) -> int:
        """Bytes of the file."""
        if self.content is not None:
            return self.content.anatomy.outermost.size
        return self.published.layer.size if self.published else 0

    @property
    def digest(self) -> Digest | None:
        """What the file's content is called."""
        if self.content is not None:
            return self.content.digest
        return self.published.layer.digest if self.published else None
