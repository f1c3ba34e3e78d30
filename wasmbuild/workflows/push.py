"""``push``: content, manifest, signature, and the tag last, so that nobody sees half of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.copying import CopyReport, copy
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.artifact import Packed, creation_time
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.remote import Remote, counted, observed
from wasmbuild.workflows.sign import attach_signature

if TYPE_CHECKING:
    from registry.client.repository import Repository

__all__ = ["Destination", "Pushed", "prepare", "push"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A repository that lets us push, and the tag to set at the end."""

    reference: Reference
    repository: "Repository"
    tag: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a registry has now that it may not have had before."""

    remote: Remote
    tag: str
    report: CopyReport
    signature: Descriptor | None

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "tags": [self.tag],
            "copied": counted(self.report),
            "referrers": [self.signature.to_json()] if self.signature else [],
        }


def prepare(reference: Reference, registries: Registries) -> Destination:
    """Find out, before anything is compiled, whether the registry lets us push there.

    Raises UsageFailed for a reference that names no tag, and what the client raises.
    """
    if reference.digest is not None:
        raise UsageFailed(f"{reference} names a digest, and a push decides it", hint=f"{reference.name}:TAG")
    if reference.tag is None:
        raise UsageFailed(f"{reference} names no tag", hint=f"wasmbuild push {reference.name}:1.0.0")
    repository = registries.repository(reference)
    repository.prepare_push()
    return Destination(reference, repository, reference.tag)


def push(
    source: Packed,
    destination: Destination,
    *,
    key: PrivateKey | None,
    sink: Sink,
    environment: Mapping[str, str],
) -> Pushed:
    """Push an artifact, its signature when there is a key, and then the tag."""
    created = creation_time(environment)
    repository, manifest = destination.repository, source.manifest
    remote = Remote(destination.reference, repository, manifest)
    report = copy(source, repository, manifest, hooks=observed(sink))
    signature = None
    if key is not None:
        signature = attach_signature(repository, remote.pinned, manifest, key, created, sink)
    with step(sink, "tag", destination.reference.short):
        repository.tag(manifest, destination.tag)
    return Pushed(remote, destination.tag, report, signature)
