"""Fetch: an artifact's WebAssembly file into a store of the user's own, verified, for pull and run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.content import Fetcher, VerifyingReader
from registry.errors import ContentNotFound, DigestMismatch, SizeMismatch
from registry.files import replacing, storage_errors
from registry.graph import CopyHooks, copy, read_document
from registry.model import Descriptor, Manifest
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from wasmbuild.artifact import wasm_layer
from wasmbuild.caches import Caches
from wasmbuild.errors import UnknownArtifact
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
        """Write the file, verified once more while it is read, and give it its name at the end."""
        with self.store.fetch(self.layer) as reader, replacing(output) as file:
            for chunk in reader:
                file.write(chunk)

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        outcome = self.evidence.outcome.value if self.evidence else None
        return {**self.remote.to_json(), "layer": self.layer.to_json(), "signature": outcome}


def fetch(reference: Reference, *, key: PublicKey | None, caches: Caches, sink: Sink) -> Fetched:
    """Bring the WebAssembly file of an artifact here, its signature checked first when there is a key.

    Raises Unsigned, InvalidSignature, DigestMismatch, UnknownArtifact, and what the client raises.
    """
    remote = Remote.resolve(reference)
    evidence = None if key is None else require_signature(remote, key, sink)
    document = read_document(remote.repository, remote.descriptor)[1]
    if not isinstance(document, Manifest):
        raise UnknownArtifact(f"{remote.pinned} is an index, not an artifact", cause=document.media_type)
    layer = wasm_layer(document)
    with storage_errors(f"{caches.root} could not be made"):
        root = caches.folder("content")
        root.chmod(0o700)
    store = LayoutStore.create(root)
    _bring(remote.repository, store, layer, observed(sink), lambda text: sink(Note("warning", text)))
    return Fetched(remote, layer, evidence, store)


def _bring(
    source: Fetcher, store: LayoutStore, layer: Descriptor, hooks: CopyHooks, warn: Callable[[str], None]
) -> None:
    """Copy a blob, unless it is here and whole; a damaged one is replaced and not believed."""
    if store.exists(layer):
        try:
            _read_through(store.fetch(layer))
        except (DigestMismatch, SizeMismatch, ContentNotFound):
            warn(f"{layer.digest} was damaged in the cache, and comes again")
            store.discard(layer.digest)
    copy(source, store, layer, hooks=hooks)


def _read_through(reader: VerifyingReader) -> None:
    with reader:
        for _ in reader:
            pass
