"""Fetch: an artifact's WebAssembly file into a store of the user's own, verified, to be run or looked at.

Not here: ``pull``, which writes the file where the user wants it (``wasmbuild.workflows.pull``).
"""

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

from registry.client.registries import Registries
from registry.copying import copy
from registry.errors import Failure
from registry.files import storage_errors
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from wasmbuild.caches import Caches
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.locate import Located, locate
from wasmbuild.workflows.remote import Remote, observed

__all__ = ["Fetched", "bring", "existing_store", "fetch"]

_FOLDER = "content"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified WebAssembly file in the user's store, and what it came as."""

    located: Located
    store: LayoutStore

    @property
    def remote(self) -> Remote:
        """The artifact."""
        return self.located.remote

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.located.reference

    @property
    def path(self) -> Path:
        """The file in the store; its name is its digest."""
        return self.store.path_of(self.located.layer.digest)


def fetch(
    reference: Reference, *, demand: Demand | None, caches: Caches, registries: Registries, sink: Sink
) -> Fetched:
    """Bring the WebAssembly file of an artifact here, what is demanded of it checked first.

    Raises what locating it raises, and StorageFailed.
    """
    return bring(locate(reference, demand=demand, registries=registries, sink=sink), caches=caches, sink=sink)


def bring(located: Located, *, caches: Caches, sink: Sink) -> Fetched:
    """Bring a file that was located here. Raises StorageFailed, and what the client raises."""
    store = _store(caches, sink)
    if store.heal(located.layer):
        sink(Note("warning", f"{located.layer.digest} was damaged in the cache, and comes again"))
    copy(located.source, store, located.layer, hooks=observed(sink))
    return Fetched(located, store)


def existing_store(caches: Caches) -> LayoutStore | None:
    """The store in the user's cache, for those who only look; None when there is none that can be read."""
    try:
        return LayoutStore(caches.root / _FOLDER)
    except (OSError, Failure):
        return None


def _store(caches: Caches, sink: Sink) -> LayoutStore:
    """The store in the user's cache; one for this process alone where that cannot be written to."""
    try:
        root = caches.folder(_FOLDER)
        root.chmod(0o700)
        if os.access(root, os.W_OK):
            return LayoutStore.create(root)
        reason = "it is read-only"
    except (OSError, Failure) as error:
        reason = str(error)
    sink(Note("warning", f"the cache cannot be used: {reason}"))
    with storage_errors("there is no room for temporary files"):
        temporary = Path(tempfile.mkdtemp(prefix="wasmbuild-"))
    store = LayoutStore.create(temporary)
    weakref.finalize(store, shutil.rmtree, temporary, ignore_errors=True)
    return store
