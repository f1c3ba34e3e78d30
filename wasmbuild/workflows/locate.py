"""Locate: which content of a registry is the WebAssembly file that a reference means, verified."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.content import Fetcher
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.image_file import wasm_file
from wasmbuild.workflows.platforms import Platform, find_manifest
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.verifier import Evidence

__all__ = ["Located", "locate"]


@dataclass(frozen=True, slots=True)
class Located:
    """An artifact, its file, and the index that led to it if there was one.

    ``layer`` is the file, also where it comes out of the file system of an image; ``source`` is what has it.
    """

    remote: Remote
    layer: Descriptor
    source: Fetcher
    evidence: "Evidence | None"
    index: Descriptor | None

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        outcome = self.evidence.outcome.value if self.evidence else None
        index = {"index": self.index.to_json()} if self.index else {}
        return {**self.remote.to_json(), **index, "layer": self.layer.to_json(), "signature": outcome}


def locate(
    reference: Reference,
    *,
    demand: Demand | None,
    platform: Platform | None = None,
    registries: Registries,
    sink: Sink,
) -> Located:
    """Find the file of an artifact; what the reference means, index or manifest, must fulfil ``demand``.

    Raises what the demand raises, DigestMismatch, UnknownArtifact, UsageFailed for an index in
    which it is not clear what is meant, and what the client raises.
    """
    asked = Remote.resolve(reference, registries)
    evidence = None if demand is None else demand.check(asked, sink)
    descriptor, manifest = find_manifest(asked.repository, asked.descriptor, platform)
    file = wasm_file(asked.repository, manifest)
    located = Located(asked, file.descriptor, file.source, evidence, None)
    if descriptor.digest == asked.descriptor.digest:
        return located
    sink(Note("info", f"{asked.pinned.short} is an index: took {descriptor.digest}"))
    return replace(located, remote=replace(asked, descriptor=descriptor), index=asked.descriptor)
