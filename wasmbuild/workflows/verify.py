"""``verify``: that an artifact fulfils a demand, and what was found of its signatures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.reference import Reference
from wasmbuild.events import Sink
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.verifier import Evidence, Finding
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.remote import Remote

__all__ = ["Verified", "load_public_key", "trusted_keys", "verify_remote"]


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
        return {**self.remote.to_json(), **evidence_in_json(self.evidence)}


def evidence_in_json(evidence: Evidence) -> dict[str, Any]:
    """The fields that say what was found, whether it was enough or not."""
    return {
        "outcome": evidence.outcome.value,
        "key": evidence.signers[0].identity if evidence.signers else None,
        "trusted": list(evidence.asked),
        "rejected": list(evidence.reasons),
        "signatures": [_in_json(finding) for finding in evidence.signatures],
    }


def _in_json(finding: Finding) -> dict[str, Any]:
    """One signature: its form, where it is, and either who says what, or why it does not hold."""
    claim = finding.claim
    return {
        "kind": finding.kind.value,
        "manifest": finding.manifest.to_json() if finding.manifest else None,
        "predicateType": finding.predicate_type,
        "holds": finding.holds,
        "reason": finding.reason,
        "signer": finding.signer.to_json() if finding.signer else None,
        "name": claim.name if claim else None,
        "annotations": dict(claim.annotations) if claim else {},
    }


def load_public_key(file: Path) -> PublicKey:
    """The public key in a file. Raises InvalidKey."""
    return PublicKey.load(read_key_file(file))


def trusted_keys(files: "tuple[Path, ...]") -> tuple[KeyAuthority, ...]:
    """The keys in files, each as somebody who is trusted. Raises InvalidKey."""
    return tuple(KeyAuthority(load_public_key(file)) for file in files)


def verify_remote(reference: Reference, demand: Demand, *, registries: Registries, sink: Sink) -> Verified:
    """Insist that what a reference means now fulfils a demand.

    Raises what that raises otherwise.
    """
    remote = Remote.resolve(reference, registries)
    return Verified(remote, demand.check(remote, sink))
