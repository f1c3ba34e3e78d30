"""``sign``: a signature beside an artifact that a registry has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.graph import copy
from registry.model import Descriptor
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import creation_time
from wasmbuild.events import Sink
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign
from wasmbuild.workflows.remote import Remote, observed, step

if TYPE_CHECKING:
    from registry.client.repository import Repository

__all__ = ["Signed", "attach_signature", "sign_remote"]


@dataclass(frozen=True, slots=True)
class Signed:
    """An artifact and the manifest of its new signature."""

    remote: Remote
    signature: Descriptor

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {**self.remote.to_json(), "signature": self.signature.to_json()}


def sign_remote(reference: Reference, key: PrivateKey, *, sink: Sink, environment: Mapping[str, str]) -> Signed:
    """Sign what a reference means now."""
    created = creation_time(environment)
    remote = Remote.resolve(reference)
    signature = attach_signature(remote.repository, remote.pinned, remote.descriptor, key, created, sink)
    return Signed(remote, signature)


def attach_signature(
    repository: "Repository", reference: Reference, subject: Descriptor, key: PrivateKey, created: str, sink: Sink
) -> Descriptor:
    """Sign a manifest and push the signature next to it; returns the signature's manifest."""
    with step(sink, "sign", reference.short):
        referrer = sign(subject, reference.name, key, created)
        made = MemoryStore()
        referrer.push_to(made)
    copy(made, repository, referrer.manifest, hooks=observed(sink))
    return referrer.manifest
