"""How many are they? Thresholds count people, not signatures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.words import printable
from wasmbuild.trust.evidence import Finding
from wasmbuild.trust.policy.model import Party

__all__ = ["Held", "count", "missing"]


_Mark = tuple[str, str | None]


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
    def marks(self) -> tuple[_Mark, ...]:
        """By what a signer is told from another: who it is, as the proof has it, and the key that was used."""
        signer = self.finding.signer
        if signer is None:
            return (("", None),)
        return ((signer.identity, signer.issuer), *((("key", signer.key),) if signer.key else ()))

    @property
    def name(self) -> str:
        """The name that is signed, for a sentence."""
        name = self.finding.claim.name if self.finding.claim else None
        return printable(name, 120) if name else "no name"


def count(held: Iterable[Held]) -> int:
    """How many parties have signed, each by a signer of its own: the largest matching between the two.

    One key under two names is one signer, certificates for one key are, and two keys of one party are one party.
    """
    signatures, signers = tuple(held), dict[str, list[_Mark]]()
    people = _people(signatures)
    for each in signatures:
        signers.setdefault(each.party.name, []).append(people[each.marks[0]])
    taken: dict[_Mark, str] = {}

    def place(party: str, tried: set[_Mark]) -> bool:
        for signer in signers[party]:
            if signer not in tried:
                tried.add(signer)
                if signer not in taken or place(taken[signer], tried):
                    taken[signer] = party
                    return True
        return False

    return sum(place(party, set()) for party in signers)


def _people(held: Iterable[Held]) -> dict[_Mark, _Mark]:
    """For each mark one that stands for the signer: marks that come together are of one."""
    people: dict[_Mark, _Mark] = {}
    for each in held:
        same = {people.get(mark, mark) for mark in each.marks}
        people.update(dict.fromkeys(each.marks, each.marks[0]))
        people.update({mark: each.marks[0] for mark, known in people.items() if known in same})
    return people


def missing(held: Sequence[Held], parties: Iterable[Party]) -> str:
    """Who has not signed, in words."""
    there = {each.party.name for each in held}
    absent = [party.name for party in parties if party.name not in there]
    return f"not by {', '.join(absent)}" if absent else "the same signer counts once"
