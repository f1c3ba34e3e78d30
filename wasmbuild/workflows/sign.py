"""``sign``: a signature beside an artifact that a registry has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.client.registries import Registries
from registry.content import Store
from registry.copying import copy
from registry.model import Descriptor
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.created import creation_time
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.discovery import found_signatures
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign
from wasmbuild.trust.verifier import Outcome, verify
from wasmbuild.workflows.remote import Remote, observed

__all__ = ["Signed", "attach_signature", "sign_remote"]


@dataclass(frozen=True, slots=True)
class Signed:
    """An artifact and the manifest of its signature; ``added`` is False when that was there before."""

    remote: Remote
    signature: Descriptor
    added: bool

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {**self.remote.to_json(), "signature": self.signature.to_json(), "added": self.added}


def sign_remote(
    reference: Reference, key: PrivateKey, *, registries: Registries, sink: Sink, environment: Mapping[str, str]
) -> Signed:
    """Sign what a reference means now."""
    created = creation_time(environment)
    remote = Remote.resolve(reference, registries)
    signature, added = attach_signature(remote.repository, remote.pinned, remote.descriptor, key, created, sink)
    return Signed(remote, signature, added)


def attach_signature(
    repository: Store, reference: Reference, subject: Descriptor, key: PrivateKey, created: str, sink: Sink
) -> tuple[Descriptor, bool]:
    """Sign a manifest and push the signature next to it; the signature's manifest, and whether it is new.

    It is not when the key has signed before: a signature does not become better by another one, and
    what is repeated by a machine would pile up.
    """
    for manifest, bundle in found_signatures(repository, subject):
        if verify(subject, [bundle], key.public).outcome is Outcome.VERIFIED:
            sink(Note("info", f"{reference.short} is signed by this key already"))
            return manifest, False
    with step(sink, "sign", reference.short):
        referrer = sign(subject, reference.name, key, created)
        made = MemoryStore()
        referrer.push_to(made)
    copy(made, repository, referrer.manifest, hooks=observed(sink))
    return referrer.manifest, True
