"""Demand: what must hold of an artifact before anything of it is used. Asked of the registry, answered by ``trust``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from registry.errors import Details, Failure
from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.policy.verdict import Verdict
    from wasmbuild.trust.verifier import Evidence

__all__ = ["Demand", "Refused", "SignedBy", "refusal_of"]


class Demand(Protocol):
    """What must hold of an artifact."""

    def check(self, remote: Remote, sink: Sink, /) -> "Evidence":
        """The evidence that it holds, for exactly the digest that ``remote`` is.

        Raises Unsigned, InvalidSignature or another Failure when it does not hold, and what the
        registry raises when it cannot answer.
        """


@dataclass(frozen=True, slots=True)
class Refused:
    """An artifact that does not fulfil a demand, and what was found about it; ``denied`` is what a policy came to."""

    artifact: Details
    evidence: "Evidence"
    denied: "Verdict | None" = None

    def to_json(self) -> dict[str, Any]:
        """The fields that a command's document has for every demand that is not fulfilled."""
        found = {**self.artifact.to_json(), **self.evidence.to_json()}
        if self.denied is None:
            return found
        # What was found is in the document already.
        judged = {key: value for key, value in self.denied.to_json().items() if key != "findings"}
        broken = [f"{rule.rule}: {rule.why}" for rule in self.denied.rules if not rule.holds]
        return {**found, "outcome": "denied", "rejected": broken, "policy": judged}


@contextmanager
def refusal_of(artifact: Details) -> Iterator[None]:
    """Make what a failure has of evidence, or of a verdict, a Refused of an artifact."""
    try:
        yield
    except Failure as failure:
        from wasmbuild.trust.evidence import Evidence  # noqa: PLC0415  (with cryptography)
        from wasmbuild.trust.policy.verdict import Verdict  # noqa: PLC0415

        details = failure.details
        if isinstance(details, Evidence):
            failure.details = Refused(artifact, details)
        elif isinstance(details, Verdict):
            failure.details = Refused(artifact, details.evidence, details)
        raise


@dataclass(frozen=True, slots=True)
class SignedBy:
    """That one of ``authorities`` has signed it."""

    authorities: "Sequence[Authority]"

    def check(self, remote: Remote, sink: Sink, /) -> "Evidence":
        """The evidence of the signatures. Raises Unsigned or InvalidSignature."""
        from wasmbuild.trust.discovery import found  # noqa: PLC0415  (with cryptography)
        from wasmbuild.trust.verifier import Verifier, require  # noqa: PLC0415

        with refusal_of(remote), step(sink, "verify", remote.pinned.short):
            candidates = found(remote.repository, remote.descriptor)
            evidence = Verifier(self.authorities).verify(remote.descriptor, candidates)
            require(evidence, str(remote.pinned))
        for reason in dict.fromkeys(evidence.reasons):
            sink(Note("warning", reason))
        return evidence
