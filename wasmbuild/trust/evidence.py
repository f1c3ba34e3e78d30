"""Evidence: what verifying came to, finding by finding. Judging is ``verifier``'s, and insisting a demand's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from registry.digest import Digest
from registry.model import Descriptor
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.statement import SIGNATURES, Statement

__all__ = ["Claim", "Evidence", "Finding", "Outcome"]


class Outcome(Enum):
    """What was found of what was asked for; there is no fourth."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Claim:
    """What something signed that holds says: under which name, with which annotations, and the whole sentence."""

    name: str | None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    statement: Statement | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something signed, judged: either its ``signer`` and ``claim``, when it holds, or the ``reason`` why not.

    ``predicate_type`` is None where nobody can tell.
    """

    kind: SignatureKind
    manifest: Descriptor | None
    predicate_type: str | None
    signer: Signer | None = None
    claim: Claim | None = None
    reason: str | None = None

    @property
    def holds(self) -> bool:
        """Whether somebody who is trusted says it, of this artifact."""
        return self.claim is not None

    @property
    def is_signature(self) -> bool:
        """Whether it is, or poses as, a plain signature, and not an attestation."""
        return self.predicate_type is None or self.predicate_type in SIGNATURES

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document: its form, where it is, and who says what, or why it does not hold."""
        claim = self.claim
        return {
            "kind": self.kind.value,
            "manifest": self.manifest.to_json() if self.manifest else None,
            "predicateType": self.predicate_type,
            "holds": self.holds,
            "reason": self.reason,
            "signer": self.signer.to_json() if self.signer else None,
            "name": claim.name if claim else None,
            "annotations": dict(claim.annotations) if claim else {},
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about ``subject``, each by itself; ``asked`` are the names of those who are trusted.

    ``wanted`` are the predicate types that were asked for, in place of signatures; ``fault`` is why what holds is
    not enough all the same: the bytes contradict it, say.
    """

    subject: Digest
    asked: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    wanted: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def signatures(self) -> tuple[Finding, ...]:
        """The plain signatures, and what poses as one."""
        return tuple(finding for finding in self.findings if finding.is_signature)

    @property
    def attestations(self) -> tuple[Finding, ...]:
        """The attestations."""
        return tuple(finding for finding in self.findings if not finding.is_signature)

    @property
    def outcome(self) -> Outcome:
        """What was asked for comes to, of several types the first that does not hold; one that holds is enough."""
        if self.fault is not None:
            return Outcome.INVALID
        outcomes = [self.outcome_of(each) for each in self.wanted] or [_outcome(self.signatures)]
        return next((each for each in outcomes if each is not Outcome.VERIFIED), Outcome.VERIFIED)

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Who has signed what was asked for, each once, however many signatures they made and whenever."""
        signers = {(each.identity, each.issuer): each for each in self._all_signers()}
        return tuple(signers.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each of what was asked for that does not hold, also when another one does."""
        refused = tuple(finding.reason for finding in self._in_question() if finding.reason is not None)
        return refused if self.fault is None else (*refused, self.fault)

    def of_type(self, predicate_type: str) -> tuple[Finding, ...]:
        """The attestations of a predicate type; of what nobody can read, those that a manifest says are of it."""
        return tuple(finding for finding in self.attestations if finding.predicate_type == predicate_type)

    def outcome_of(self, predicate_type: str) -> Outcome:
        """What the attestations of a predicate type come to; one that holds is enough."""
        return _outcome(self.of_type(predicate_type))

    def to_json(self) -> dict[str, Any]:
        """The fields that say what was found, whether it was enough or not."""
        return {
            "outcome": self.outcome.value,
            "key": self.signers[0].identity if self.signers else None,
            "trusted": list(self.asked),
            "rejected": list(self.reasons),
            "signatures": [finding.to_json() for finding in self.signatures],
            "attestations": [finding.to_json() for finding in self.attestations],
        }

    def _in_question(self) -> tuple[Finding, ...]:
        """The signatures, or the attestations of the types that were asked for in their place."""
        if not self.wanted:
            return self.signatures
        return tuple(finding for kind in self.wanted for finding in self.of_type(kind))

    def _all_signers(self) -> list[Signer]:
        return [finding.signer for finding in self._in_question() if finding.signer is not None]


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if any(finding.holds for finding in findings):
        return Outcome.VERIFIED
    return Outcome.INVALID if findings else Outcome.UNSIGNED
