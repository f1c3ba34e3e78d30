"""``pull``: an artifact's WebAssembly file, straight into the place where the user wants it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.content import Opener, VerifyingReader
from registry.copying import copy
from registry.errors import ContentNotFound, DigestMismatch, Failure, SizeMismatch
from registry.files import open_regular
from registry.model import TITLE, Descriptor
from registry.reference import Reference
from registry.stores.arrival import PARTIAL, receive
from registry.words import printable
from wasmbuild.caches import Caches
from wasmbuild.errors import TargetExists
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.fetch import existing_store
from wasmbuild.workflows.files import behind_links
from wasmbuild.workflows.locate import Located, locate
from wasmbuild.workflows.platforms import Platform
from wasmbuild.workflows.remote import observed

__all__ = ["Pulled", "pull", "safe_name"]

_SUFFIX = ".wasm"
_LONGEST_NAME = 200
"""Bytes; file systems take 255, and partial files add to the name."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A verified file, and what it came as."""

    located: Located
    file: Path

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.located.reference

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {**self.located.to_json(), "file": str(self.file)}


def pull(
    reference: Reference,
    output: Path | None,
    *,
    demand: Demand | None,
    platform: Platform | None,
    caches: Caches,
    registries: Registries,
    sink: Sink,
) -> Pulled:
    """Write the file of an artifact to ``output``; without one, here, under the name that it has itself.

    ``output`` is replaced, and a symbolic link followed; a name that was not given by the user never
    replaces another file. What a broken run left is taken up. Raises TargetExists, StorageFailed, and
    what locating the file raises.
    """
    located = locate(reference, demand=demand, platform=platform, registries=registries, sink=sink)
    file = Path(safe_name(located.layer, reference)) if output is None else output
    place = _Place(file if output is None else behind_links(file), named=output is not None)
    if not _take_from_cache(located.layer, place, caches, sink):
        copy(located.source, place, located.layer, hooks=observed(sink))
    return Pulled(located, file)


def safe_name(layer: Descriptor, reference: Reference) -> str:
    """The name of a file for a layer: its title's last part if that is harmless, else the repository's.

    A title is the artifact's word: it never leads out of a folder, hides a file or looks like an option.
    """
    name = layer.annotations.get(TITLE, "").replace("\\", "/").rpartition("/")[2]
    harmless = name.endswith(_SUFFIX) and name[0] not in ".-~" and ":" not in name
    if harmless and printable(name) == name and len(name.encode()) <= _LONGEST_NAME:
        return name
    return reference.repository.rpartition("/")[2][: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX


def _take_from_cache(layer: Descriptor, place: "_Place", caches: Caches, sink: Sink) -> bool:
    """Whether the user's store had it, undamaged."""
    store = existing_store(caches)
    if store is None or not store.exists(layer):
        return False
    try:
        copy(store, place, layer, hooks=observed(sink))
    except Failure as failure:
        if failure.side != "source":
            raise
        sink(Note("warning", f"the cache was passed over: {failure}"))
        return False
    return True


class _Place:
    """A file as a store of one content; ``named`` by the user, so that it may be replaced."""

    def __init__(self, path: Path, *, named: bool) -> None:
        self._path = path
        self._named = named

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the file holds this already.

        Raises TargetExists when it holds something else, and may not be replaced.
        """
        if not os.path.lexists(self._path):
            return False
        same = not self._path.is_symlink() and self._holds(descriptor)
        if not same and not self._named:
            raise TargetExists(
                f"{self._path} is there already, and is not what this artifact has",
                cause="the artifact chose the name",
                hint=f"name the file yourself: -o {self._path}",
            )
        return same

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the file. Raises ContentNotFound."""
        try:
            return VerifyingReader(open_regular(self._path), descriptor)
        except OSError as error:
            raise ContentNotFound(f"{self._path} cannot be read", cause=error.strerror) from error

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Write the file; what has arrived of it hides beside it until it is whole."""
        name = f".wasmbuild-{descriptor.digest.algorithm}-{descriptor.digest.encoded}{PARTIAL}"
        receive(self._path, descriptor, body, partial=self._path.parent / name)

    def _holds(self, descriptor: Descriptor) -> bool:
        try:
            if self._path.stat().st_size != descriptor.size:
                return False
            with self.fetch(descriptor) as reader:
                for _ in reader:
                    pass
        except (OSError, ContentNotFound, DigestMismatch, SizeMismatch):
            return False
        return True
