"""A store that is read as an archive: what is pushed goes into a layout, and every question to a tar file of it."""

import threading
from pathlib import Path

from registry.content import Opener, VerifyingReader
from registry.model import Descriptor
from registry.stores.archive import ArchiveStore
from registry.stores.archiving import write_archive
from registry.stores.layout import LayoutStore

__all__ = ["Archived"]


class Archived:
    """Lists all that was pushed, as an archive has only what is reachable."""

    def __init__(self, folder: Path) -> None:
        self._staging = LayoutStore.create(folder / "staging")
        self._path = folder / "archive.tar"
        self._open: ArchiveStore | None = None
        self._guard = threading.RLock()

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        with self._guard:
            self._staging.push(descriptor, body)
            listed = self._staging.entries()
            if descriptor.digest not in {entry.digest for entry in listed}:
                self._staging.replace_entries([*listed, descriptor.plain()])
            self._changed()

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        self._staging.tag(descriptor, name)
        self._changed()

    def exists(self, descriptor: Descriptor, /) -> bool:
        return self._archive.exists(descriptor)

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        return self._archive.fetch(descriptor)

    def resolve(self, name: str, /) -> Descriptor:
        return self._archive.resolve(name)

    def tags(self) -> list[str]:
        return self._archive.tags()

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        return self._archive.referrers(subject, artifact_type)

    def close(self) -> None:
        self._changed()

    @property
    def _archive(self) -> ArchiveStore:
        with self._guard:
            if self._open is None:
                write_archive(self._staging, self._path)
                self._open = ArchiveStore(self._path)
            return self._open

    def _changed(self) -> None:
        # A reader that is open has a handle of its own.
        if self._open is not None:
            self._open.close()
            self._open = None
