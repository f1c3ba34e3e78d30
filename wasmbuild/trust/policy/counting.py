"""How many are they? Thresholds count people, not signatures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.words import printable
from wasmbuild.trust.evidence import Finding
from wasmbuild.trust.policy.model import Party

__all__ = ["Held", "count", "missing"]


@dataclass(frozen=True, slots=True)
class Held:
    """Something signed that holds, and for whom."""

    party: Party
    finding: Finding

    @property
    def signed_at(self) -> datetime | None:
        """When, if somebody else than the signer says so."""
        return self.finding.signer.signed_at if self.finding.signer else None

    @property
    def signer(self) -> tuple[str, str | None]:
        """Who, as the proof has it."""
        signer = self.finding.signer
        return (signer.identity, signer.issuer) if signer else ("", None)

    @property
    def name(self) -> str:
        """The name that is signed, for a sentence."""
        name = self.finding.claim.name if self.finding.claim else None
        return printable(name, 120) if name else "no name"


def count(held: Iterable[Held]) -> int:
    """How many parties have signed, each by a signer of its own: the largest matching between the two.

    One key under two names is one signer, and two keys of one party are one party.
    """
    signers: dict[str, list[tuple[str, str | None]]] = {}
    for each in held:
        signers.setdefault(each.party.name, []).append(each.signer)
    taken: dict[tuple[str, str | None], str] = {}

    def place(party: str, tried: set[tuple[str, str | None]]) -> bool:
        for signer in signers[party]:
            if signer not in tried:
                tried.add(signer)
                if signer not in taken or place(taken[signer], tried):
                    taken[signer] = party
                    return True
        return False

    return sum(place(party, set()) for party in signers)


def missing(held: Sequence[Held], parties: Iterable[Party]) -> str:
    """Who has not signed, in words."""
    there = {each.party.name for each in held}
    absent = [party.name for party in parties if party.name not in there]
    return f"not by {', '.join(absent)}" if absent else "the same signer counts once"
