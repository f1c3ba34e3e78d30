"""Demand: what must hold of an artifact before anything of it is used. Asked of the registry, answered by ``trust``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.verifier import Evidence

__all__ = ["Demand", "SignedBy"]


class Demand(Protocol):
    """What must hold of an artifact."""

    def check(self, remote: Remote, sink: Sink, /) -> "Evidence":
        """The evidence that it holds, for exactly the digest that ``remote`` is.

        Raises Unsigned, InvalidSignature or another Failure when it does not hold, and what the
        registry raises when it cannot answer.
        """


@dataclass(frozen=True, slots=True)
class SignedBy:
    """That one of ``authorities`` has signed it."""

    authorities: "Sequence[Authority]"

    def check(self, remote: Remote, sink: Sink, /) -> "Evidence":
        """The evidence of the signatures. Raises Unsigned or InvalidSignature."""
        from wasmbuild.trust.discovery import found  # noqa: PLC0415  (with cryptography)
        from wasmbuild.trust.verifier import Verifier, require  # noqa: PLC0415

        with step(sink, "verify", remote.pinned.short):
            candidates = found(remote.repository, remote.descriptor)
            evidence = Verifier(self.authorities).verify(remote.descriptor, candidates)
            require(evidence, str(remote.pinned))
        for reason in dict.fromkeys(evidence.reasons):
            sink(Note("warning", reason))
        return evidence
