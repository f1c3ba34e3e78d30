"""Verdict: what judging by a policy comes to, rule by rule, and what it is judged from. Nothing is fetched here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.digest import Digest
from registry.model import Descriptor
from registry.words import pasted, printable
from wasmbuild.errors import PolicyDenied
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.evidence import Evidence

if TYPE_CHECKING:
    from semver import Version

__all__ = ["Accepted", "Judged", "Situation", "Verdict", "require_policy"]

_LONGEST = 400
_SHOWN_RULES = 10


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted of a repository before; ``capabilities`` are those that a person has approved."""

    version: "Version | None" = None
    tags: Mapping[str, Digest] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Situation:
    """An artifact, and all that a policy is judged from.

    ``name`` is ``host/repository``, None for what is in no registry; ``tag`` the one that was asked for.
    ``version`` is what the artifact's manifest says of itself; ``now`` has a time zone.
    """

    subject: Descriptor
    name: str | None
    tag: str | None
    candidates: Sequence[Candidate]
    now: datetime
    version: "Version | None" = None
    before: Accepted = Accepted()


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule, in words: whether it holds, and why or why not."""

    rule: str
    holds: bool
    why: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "why", printable(self.why, _LONGEST))

    def to_json(self) -> dict[str, Any]:
        """An entry of a command's document."""
        return {"rule": self.rule, "holds": self.holds, "why": self.why}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules of a policy come to; ``scope`` is the pattern that decided, None when none fits.

    ``capabilities`` are those that a verified attestation names, where the policy asks for that.
    """

    policy: str
    scope: str | None
    rules: tuple[Judged, ...]
    evidence: Evidence
    unsafe: bool = False
    capabilities: frozenset[str] = frozenset()

    @property
    def holds(self) -> bool:
        """Whether there are rules, and all of them hold; or the policy accepts anything."""
        return self.unsafe or (bool(self.rules) and all(rule.holds for rule in self.rules))

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        return {
            "policy": self.policy,
            "scope": self.scope,
            "holds": self.holds,
            "unsafe": self.unsafe,
            "rules": [rule.to_json() for rule in self.rules],
            "findings": [finding.to_json() for finding in self.evidence.findings],
        }


def require_policy(verdict: Verdict, name: str, asked: str | None = None) -> None:
    """Insist that an artifact, called ``name``, fulfils a policy; ``asked`` is what a person called it in a registry.

    Raises PolicyDenied, which names each rule that does not hold, and why; its details are the verdict.
    """
    if verdict.holds:
        return
    failed = [f"{rule.rule}: {rule.why}" for rule in verdict.rules if not rule.holds]
    more = [f"and {len(failed) - _SHOWN_RULES} more"] if len(failed) > _SHOWN_RULES else []
    denied = PolicyDenied(
        f"{name} does not fulfil the policy {verdict.policy}",
        cause="\n".join([*failed[:_SHOWN_RULES], *more]),
        hint=f"wasmbuild policy test {pasted(asked)} --trust-policy {pasted(verdict.policy)}" if asked else None,
    )
    denied.details = verdict
    raise denied
