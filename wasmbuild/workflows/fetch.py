"""Fetch: an artifact's WebAssembly file into a store of the user's own, verified, for pull and run."""

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.copying import copy
from registry.errors import Failure
from registry.files import replacing, storage_errors
from registry.graph import read_document
from registry.model import Descriptor, Manifest
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from wasmbuild.artifact import wasm_layer
from wasmbuild.caches import Caches
from wasmbuild.errors import TargetExists, UnknownArtifact
from wasmbuild.events import Note, Sink
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.verifier import Evidence
from wasmbuild.workflows.remote import Remote, observed
from wasmbuild.workflows.verify import require_signature

__all__ = ["Fetched", "fetch"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified WebAssembly file in the user's store, and what it came as."""

    remote: Remote
    layer: Descriptor
    evidence: Evidence | None
    store: LayoutStore

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    @property
    def path(self) -> Path:
        """The file in the store; its name is its digest."""
        return self.store.path_of(self.layer.digest)

    def write(self, output: Path) -> None:
        """Write the file, verified once more while it is read, and give it its name at the end.

        A symbolic link is followed. Raises TargetExists for what is no file, such as a device.
        """
        target = output.resolve()
        if target.exists() and not target.is_file():
            raise TargetExists(f"{output} is not a file, and is not replaced by one")
        with self.store.fetch(self.layer) as reader, replacing(target) as file:
            for chunk in reader:
                file.write(chunk)

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        outcome = self.evidence.outcome.value if self.evidence else None
        return {**self.remote.to_json(), "layer": self.layer.to_json(), "signature": outcome}


def fetch(
    reference: Reference, *, key: PublicKey | None, caches: Caches, registries: Registries, sink: Sink
) -> Fetched:
    """Bring the WebAssembly file of an artifact here, its signature checked first when there is a key.

    Raises Unsigned, InvalidSignature, DigestMismatch, UnknownArtifact, and what the client raises.
    """
    remote = Remote.resolve(reference, registries)
    evidence = None if key is None else require_signature(remote, key, sink)
    document = read_document(remote.repository, remote.descriptor)[1]
    if not isinstance(document, Manifest):
        raise UnknownArtifact(f"{remote.pinned} is an index, not an artifact", cause=document.media_type)
    layer = wasm_layer(document)
    store = _store(caches, sink)
    if store.heal(layer):
        sink(Note("warning", f"{layer.digest} was damaged in the cache, and comes again"))
    copy(remote.repository, store, layer, hooks=observed(sink))
    return Fetched(remote, layer, evidence, store)


def _store(caches: Caches, sink: Sink) -> LayoutStore:
    """The store in the user's cache; one for this process alone where that cannot be written to."""
    try:
        root = caches.folder("content")
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
