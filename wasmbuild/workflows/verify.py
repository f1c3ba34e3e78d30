"""``verify``: that an artifact fulfils a demand, and what was found of its signatures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.errors import Details, Failure
from registry.reference import Reference
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.authority import Authority, KeyAuthority
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.discovery import attestations_wanted, found, signatures_wanted
from wasmbuild.trust.evidence import Evidence, Outcome
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.verifier import Verifier, require, require_attestation
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.verify_report import held_words

if TYPE_CHECKING:
    from wasmbuild.trust.policy.verdict import Verdict

__all__ = ["Saying", "Verified", "load_public_key", "trusted_keys", "verify_remote"]


@dataclass(frozen=True, slots=True)
class Verified:
    """An artifact, and the evidence about it, whether that was enough or not.

    ``types`` are the attestations that were asked for, by their predicate types, in place of signatures;
    ``denied`` is what a policy came to that is not fulfilled.
    """

    remote: Remote
    evidence: Evidence
    types: tuple[str, ...] = ()
    denied: "Verdict | None" = None

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    @property
    def outcome(self) -> Outcome:
        """What was asked for came to: the worst, of several types, and never verified where a policy denied it."""
        if self.denied is not None:
            return Outcome.INVALID if self.evidence.findings else Outcome.UNSIGNED
        outcomes = [self.evidence.outcome_of(each) for each in self.types] or [self.evidence.outcome]
        return next((each for each in outcomes if each is not Outcome.VERIFIED), Outcome.VERIFIED)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The places in which the registry was asked for what is signed."""
        if self.remote.repository.lists_referrers:
            return ("the referrers API", "cosign's tags")
        return ("the tag that stands in for the referrers API, which this registry lacks", "cosign's tags")

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        evidence = {**self.evidence.to_json(), "outcome": self.outcome.value, "lookedAt": list(self.looked_at)}
        judged = {} if self.denied is None else {"policy": _judged(self.denied)}
        return {**self.remote.to_json(), **evidence, **judged}


@dataclass(frozen=True, slots=True)
class Saying:
    """That one of ``authorities`` has signed it with ``annotations``, or attested something of each of ``types``."""

    authorities: tuple[Authority, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ()

    def check(self, remote: Remote, sink: Sink, /) -> Evidence:
        """The evidence. Raises Unsigned, InvalidSignature or InvalidAttestation, also for what the bytes contradict."""
        with step(sink, "verify", remote.pinned.short):
            verifier = Verifier(self.authorities, self.annotations)
            evidence = verifier.verify(remote.descriptor, self._candidates(remote))
            if not self.types:
                require(evidence, str(remote.pinned))
            for each in self.types:
                require_attestation(evidence, each, str(remote.pinned))
        if any(finding.holds for finding in evidence.attestations):
            from wasmbuild.workflows.capability_claim import compare_claims  # noqa: PLC0415  (few attest it)

            compare_claims(remote, evidence, sink)
        for reason in dict.fromkeys(finding.reason for finding in evidence.findings if finding.reason):
            sink(Note("warning", reason))
        return evidence

    def _candidates(self, remote: Remote) -> list[Candidate]:
        return found(remote.repository, remote.descriptor, attestations_wanted if self.types else signatures_wanted)


def load_public_key(file: Path) -> PublicKey:
    """The public key in a file. Raises InvalidKey."""
    return PublicKey.load(read_key_file(file))


def trusted_keys(files: "tuple[Path, ...]") -> tuple[KeyAuthority, ...]:
    """The keys in files, each as somebody who is trusted. Raises InvalidKey."""
    return tuple(KeyAuthority(load_public_key(file)) for file in files)


def verify_remote(reference: Reference, demand: Demand, *, registries: Registries, sink: Sink) -> Verified:
    """Insist that what a reference means now fulfils a demand.

    Raises what that raises otherwise; what it says of the evidence is then a Verified, as the failure's details.
    """
    remote = Remote.resolve(reference, registries)
    types = demand.types if isinstance(demand, Saying) else ()
    try:
        verified = Verified(remote, demand.check(remote, sink), types)
    except Failure as failure:
        failure.details = _as_verified(remote, failure.details, types)
        raise
    for finding in verified.evidence.findings:
        if finding.holds:
            sink(Note("info", held_words(finding)))
    return verified


def _as_verified(remote: Remote, details: Details | None, types: tuple[str, ...]) -> Details | None:
    """What a demand says of the evidence, as one kind of thing."""
    from wasmbuild.trust.policy.verdict import Verdict  # noqa: PLC0415  (few artifacts are denied)

    if isinstance(details, Evidence):
        return Verified(remote, details, types)
    if isinstance(details, Verdict):
        return Verified(remote, details.evidence, denied=details)
    return details


def _judged(verdict: "Verdict") -> dict[str, Any]:
    """What a policy came to, without the findings, which are in the document already."""
    return {key: value for key, value in verdict.to_json().items() if key != "findings"}
