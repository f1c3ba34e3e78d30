"""The rules that compare with what was accepted before: versions, tags and approved capabilities.

What is remembered, and where, is ``wasmbuild.workflows.accepted``'s.
"""

from collections.abc import Iterable

from wasmbuild.trust.policy.model import Scope
from wasmbuild.trust.policy.verdict import Judged, Situation

__all__ = ["judge_history"]


def judge_history(scope: Scope, situation: Situation, capabilities: frozenset[str] | None) -> Iterable[Judged]:
    """Those of the rules that a scope has; ``capabilities`` None: no verified attestation names them."""
    if scope.no_rollback:
        yield _rollback(situation)
    if scope.pin_tags:
        yield _pinned(situation)
    if scope.approve_capabilities:
        yield _approved(situation, capabilities)


def _rollback(situation: Situation) -> Judged:
    rule, version, before = "no older version than before", situation.version, situation.before.version
    if version is None:
        return Judged(rule, holds=False, why="it names no version, so that nobody can tell")
    if before is not None and version < before:
        return Judged(rule, holds=False, why=f"it is {version}, and {before} was accepted before")
    return Judged(rule, holds=True, why=f"{version}{f', after {before}' if before else ', the first'}")


def _pinned(situation: Situation) -> Judged:
    rule, tag = "the tag means what it meant before", situation.tag
    if tag is None:
        return Judged(rule, holds=True, why="no tag was asked for")
    before = situation.before.tags.get(tag)
    if before is not None and before != situation.subject.digest:
        return Judged(rule, holds=False, why=f"{tag} was {before}, and is {situation.subject.digest}")
    return Judged(rule, holds=True, why=f"{tag} is {situation.subject.digest}{'' if before else ', the first'}")


def _approved(situation: Situation, capabilities: frozenset[str] | None) -> Judged:
    rule = "each capability is approved"
    if capabilities is None:
        return Judged(rule, holds=False, why="no attestation that fulfils the policy names the capabilities")
    new = sorted(capabilities - situation.before.capabilities)
    if new:
        return Judged(rule, holds=False, why=f"not approved: {', '.join(new)}; wasmbuild policy approve does that")
    return Judged(rule, holds=True, why=", ".join(sorted(capabilities)) or "it asks for nothing")
