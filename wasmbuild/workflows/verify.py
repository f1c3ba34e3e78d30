"""``verify``: is this artifact signed by this key? Asked of the registry, answered by ``trust``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.reference import Reference
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.discovery import found_signatures
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.verifier import Evidence, Finding, require, verify
from wasmbuild.workflows.remote import Remote

__all__ = ["Verified", "load_public_key", "require_signature", "verify_remote"]


@dataclass(frozen=True, slots=True)
class Verified:
    """An artifact and the evidence that it is signed."""

    remote: Remote
    evidence: Evidence

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "outcome": self.evidence.outcome.value,
            "key": self.evidence.fingerprint,
            "rejected": list(self.evidence.reasons),
            "signatures": [_in_json(finding) for finding in self.evidence.findings],
        }


def _in_json(finding: Finding) -> dict[str, Any]:
    """One signature: its form, where it is, and either what it says or why it does not hold."""
    claim = finding.claim
    return {
        "kind": finding.kind.value,
        "manifest": finding.manifest.to_json() if finding.manifest else None,
        "holds": claim is not None,
        "reason": finding.reason,
        "name": claim.name if claim else None,
        "annotations": dict(claim.annotations) if claim else {},
    }


def load_public_key(file: Path) -> PublicKey:
    """The public key in a file. Raises InvalidKey."""
    return PublicKey.load(read_key_file(file))


def verify_remote(reference: Reference, key: PublicKey, *, registries: Registries, sink: Sink) -> Verified:
    """Insist that what a reference means now is signed by a key.

    Raises Unsigned or InvalidSignature otherwise.
    """
    remote = Remote.resolve(reference, registries)
    return Verified(remote, require_signature(remote, key, sink))


def require_signature(remote: Remote, key: PublicKey, sink: Sink) -> Evidence:
    """The evidence that a key has signed an artifact.

    Raises Unsigned or InvalidSignature when there is none.
    """
    with step(sink, "verify", remote.pinned.short):
        evidence = verify(remote.descriptor, found_signatures(remote.repository, remote.descriptor), key)
        require(evidence, str(remote.pinned))
    for reason in dict.fromkeys(evidence.reasons):
        sink(Note("warning", f"another signature does not hold: {reason}"))
    return evidence
