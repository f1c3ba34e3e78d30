"""Places: where artifacts are, in a registry or in an OCI image layout, behind one way of naming them.

``host/repository[:tag][@digest]``, or ``oci:FOLDER[:tag][@digest]``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from registry.client.registries import Registries
from registry.content import Store
from registry.digest import Digest
from registry.errors import InvalidReference
from registry.model import Descriptor
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from wasmbuild.workflows.remote import DEFAULT_TAG

__all__ = ["Place"]

_LAYOUT = "oci:"
_PARTS = re.compile(
    r"(?P<folder>.+?)(?::(?P<tag>[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]+))?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A store, what people call it, and which of its artifacts is meant."""

    store: Store
    name: str
    tag: str | None
    digest: Digest | None

    @classmethod
    def source(cls, text: str, registries: Registries) -> "Place":
        """A place to read from.

        Raises InvalidReference, and InvalidDocument for a folder that is no layout.
        """
        if text.startswith(_LAYOUT):
            folder, tag, digest = _layout_parts(text)
            return cls(LayoutStore(folder), f"{_LAYOUT}{folder}", tag, digest)
        return cls._remote(text, registries)

    @classmethod
    def destination(cls, text: str, registries: Registries) -> "Place":
        """A place to write to: a layout is made where there is none.

        Raises what the client raises, and StorageFailed.
        """
        if text.startswith(_LAYOUT):
            folder, tag, digest = _layout_parts(text)
            return cls(LayoutStore.create(folder), f"{_LAYOUT}{folder}", tag, digest)
        return cls._remote(text, registries)

    @classmethod
    def _remote(cls, text: str, registries: Registries) -> "Place":
        reference = Reference.parse(text)
        return cls(registries.repository(reference), reference.name, reference.tag, reference.digest)

    def resolve(self) -> Descriptor:
        """What is meant, right now.

        Raises ContentNotFound.
        """
        return self.store.resolve(str(self.digest) if self.digest else self.tag or DEFAULT_TAG)

    def pinned(self, descriptor: Descriptor) -> str:
        """The same place, with an artifact named by digest."""
        return f"{self.name}@{descriptor.digest}"


def _layout_parts(text: str) -> tuple[Path, str | None, Digest | None]:
    parts = _PARTS.fullmatch(text.removeprefix(_LAYOUT))
    if parts is None:
        raise InvalidReference(f"{text[:120]!r} names no folder", hint="write it as oci:FOLDER:TAG")
    digest = parts["digest"]
    return Path(parts["folder"]), parts["tag"], Digest.parse(digest) if digest else None
