"""Our ``registry.admission``: a tag is set only on what somebody who is trusted has signed, or what a policy takes.

The settings file is TOML (``docs/admission.md``). A tag beside another artifact, its signatures or a list of
what refers to it, needs no signature of its own: see ``companion_tags``. Nothing is fetched from anywhere but
the repository that is asked about, and nothing is remembered.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from registry.admission import Admission, Question, Verdict
from registry.errors import Failure, InvalidReference
from registry.reference import Reference
from wasmbuild.errors import InvalidSignature, PolicyDenied, Unsigned, UsageFailed
from wasmbuild.tables import Table, read_table
from wasmbuild.trust.clock import now
from wasmbuild.workflows.companion_tags import companion_fault, looks_like_companion

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.policy.model import Policy

__all__ = ["PolicyRule", "SignedRule", "TagAdmission", "open_admission"]

_LOGGER = logging.getLogger(__name__)
_OURS = "of this registry"
_WAY = "push by digest, sign that, and set the tag then; wasmbuild push --sign does all three"
_OTHER_WAY = "sign it with a key that this registry trusts, and set the tag then"
_POLICY_WAY = "push by digest, sign and attest that as the policy asks, and set the tag then"

Rule = Callable[[Question, Sequence[str]], None]
"""Raises Unsigned, InvalidSignature or PolicyDenied when some tags may not mean what is asked about."""


@dataclass(frozen=True, slots=True)
class TagAdmission:
    """A rule for all tags but companions."""

    rule: Rule

    def admit(self, question: Question, /) -> Verdict:
        """Whether all the tags may be set. Raises what reading the repository raises."""
        ordinary = []
        for tag in question.tags:
            if not looks_like_companion(tag):
                ordinary.append(tag)
                continue
            fault = companion_fault(question.content, tag, question.descriptor)
            if fault is not None:
                return Verdict(allowed=False, reason=f"{tag} is a name for what is beside an artifact, and {fault}")
        try:
            if ordinary:
                self.rule(question, ordinary)
        except (Unsigned, InvalidSignature, PolicyDenied) as failure:
            return Verdict(allowed=False, reason=_said(failure))
        return Verdict(allowed=True)


@dataclass(frozen=True, slots=True)
class SignedRule:
    """That one of ``authorities`` has signed."""

    authorities: "Sequence[Authority]"

    def __call__(self, question: Question, tags: Sequence[str], /) -> None:  # noqa: ARG002 - the shape of a rule
        """Raises Unsigned, InvalidSignature."""
        from wasmbuild.trust.discovery import found  # noqa: PLC0415  (with cryptography)
        from wasmbuild.trust.verifier import Verifier, require  # noqa: PLC0415

        candidates = found(question.content, question.descriptor)
        evidence = Verifier(self.authorities).verify(question.descriptor, candidates)
        require(evidence, f"{question.repository}@{question.descriptor.digest}")


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """That a policy is fulfilled, in which the repository is ``registry/repository``."""

    policy: "Policy"
    registry: str
    clock: Callable[[], datetime] = now

    def __call__(self, question: Question, tags: Sequence[str], /) -> None:
        """Raises PolicyDenied."""
        from wasmbuild.trust.discovery import all_wanted, found, signatures_wanted  # noqa: PLC0415  (with cryptography)
        from wasmbuild.trust.policy.judging import judge_tags  # noqa: PLC0415
        from wasmbuild.trust.policy.verdict import Situation, require_policy  # noqa: PLC0415

        name, moment = f"{self.registry}/{question.repository}", self.clock()
        scope = self.policy.scope_for(name)
        candidates = []
        if scope is not None and not scope[1].accepts_anything:
            wanted = all_wanted if scope[1].attestations else signatures_wanted
            candidates = found(question.content, question.descriptor, wanted)
        situation = Situation(question.descriptor, name, None, candidates, moment)
        for verdict in judge_tags(self.policy, situation, tags):
            # Where the policy is on this machine is nobody's business who pushes.
            require_policy(replace(verdict, policy=_OURS), f"{question.repository}@{question.descriptor.digest}")


def open_admission(policy: Path | None) -> Admission:
    """Read the settings, once. Raises UsageFailed, InvalidProject, InvalidKey."""
    if policy is None:
        raise UsageFailed("nobody says whose signatures count", hint='admission.policy = "admission.toml"')
    try:
        table = read_table(policy, str(policy))
    except FileNotFoundError:
        raise UsageFailed(f"there is no file {policy}", hint="docs/admission.md shows how one is written") from None
    table.only(("keys", "trust-policy", "registry"))
    if ("keys" in table.values) == ("trust-policy" in table.values):
        raise table.invalid(None, "must have one of keys and trust-policy", 'keys = ["release.pub"]')
    if "keys" in table.values:
        return TagAdmission(SignedRule(_keys(table, policy.parent)))
    return TagAdmission(_policy(table, policy.parent))


def _keys(table: Table, folder: Path) -> "tuple[Authority, ...]":
    from wasmbuild.workflows.verify import trusted_keys  # noqa: PLC0415  (with cryptography)

    files = table.texts("keys")
    if not files or not all(files):
        raise table.invalid("keys", "names no key, and then nobody could set a tag", 'keys = ["release.pub"]')
    if "registry" in table.values:
        raise table.invalid("registry", "is for a trust-policy, and keys are for every repository")
    return trusted_keys(tuple(folder / name for name in files))


def _policy(table: Table, folder: Path) -> PolicyRule:
    from wasmbuild.trust.policy.parsing import read_trust_policy  # noqa: PLC0415  (with cryptography)

    policy, host = read_trust_policy(folder / table.required_text("trust-policy")), table.required_text("registry")
    if not _is_host(host):
        raise table.invalid("registry", "is not a host, as repositories begin with one in the policy")
    if any(scope.remembers for scope in policy.scopes):
        raise table.invalid(
            "trust-policy",
            "has no-rollback, pin-tags or new-capabilities: what was accepted before is not kept here",
            "leave these rules to those who pull; access.immutable pins tags on the server",
        )
    for scope in (each for each in policy.scopes if each.accepts_anything):
        _LOGGER.warning("tags of %s are set on anything: unsafe-accept-anything", ", ".join(scope.patterns))
    return PolicyRule(policy, host)


def _is_host(text: str) -> bool:
    try:
        return Reference.parse(f"{text}/x").name == f"{text}/x" and "/" not in text
    except InvalidReference:
        return False


def _said(failure: Failure) -> str:
    """One sentence for whoever pushed: what is wrong, why, and what to do."""
    why = f": {'; '.join(failure.cause.splitlines())}" if failure.cause else ""
    ways = {PolicyDenied: _POLICY_WAY, InvalidSignature: _OTHER_WAY}
    return f"{failure.what}{why}; {ways.get(type(failure), _WAY)}"
