"""The rules about attestations: who made them, and what verified ones say. One that holds and fits is enough of each.

A predicate is looked into only after its signature has been verified.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from registry.errors import Failure
from wasmbuild.trust.capability import CapabilityClaim
from wasmbuild.trust.evidence import Evidence, Finding
from wasmbuild.trust.policy.counting import Held, count, missing
from wasmbuild.trust.policy.licences import outside
from wasmbuild.trust.policy.model import AttestationRule, Scope
from wasmbuild.trust.policy.times import age_words, parse_time, too_old
from wasmbuild.trust.policy.verdict import Judged
from wasmbuild.trust.predicates import CAPABILITIES_V1, PROVENANCE, short_name
from wasmbuild.trust.provenance import BUILD_TYPE, Provenance
from wasmbuild.wasm.capabilities import CAPABILITIES, CapabilityPolicy, capability_of
from wasmbuild.wasm.model import Import

__all__ = ["Attested", "judge_attestations", "judge_provenance_age"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Attested:
    """A rule about attestations, judged, and those that fulfil it.

    ``capabilities`` None: the rule is about something else, or nothing fulfils it.
    """

    rule: AttestationRule
    judged: Judged
    held: tuple[Held, ...]
    capabilities: frozenset[str] | None = None


def judge_attestations(scope: Scope, by_party: Mapping[str, Evidence]) -> tuple[Attested, ...]:
    """Each rule of a scope about attestations, in their order."""
    claims = [
        finding for evidence in by_party.values() for finding in evidence.of_type(CAPABILITIES_V1) if finding.holds
    ]
    return tuple(
        _judge_claims(attested, claims) if attested.rule.predicate_type == CAPABILITIES_V1 else attested
        for attested in (_judge(rule, by_party) for rule in scope.attestations)
    )


def judge_provenance_age(scope: Scope, attested: Iterable[Attested], now: datetime) -> Iterable[Judged]:
    """The rule about the age of a build, if there is one: the end that a fitting provenance says of it."""
    if scope.max_age is None or scope.age_of != "provenance":
        return
    rule = f"built at most {age_words(scope.max_age)} ago"
    said: dict[str, None] = {}
    for one in (each for each in attested if _is_provenance(each)):
        ends = [(_finished(_predicate(each.finding)), each) for each in one.held]
        fresh = [(end, each) for end, each in ends if too_old(end, scope.max_age, now) is None]
        if fresh and count(each for _, each in fresh) >= one.rule.threshold:
            yield Judged(rule, holds=True, why=f"built at {fresh[0][0]}")
            return
        said |= dict.fromkeys(reason for end, _ in ends if (reason := too_old(end, scope.max_age, now)))
    yield Judged(rule, holds=False, why="; ".join(said) or "there is no provenance that fulfils the policy")


def _is_provenance(attested: Attested) -> bool:
    return attested.rule.predicate_type == PROVENANCE


def _finished(predicate: Mapping[str, Any]) -> datetime | None:
    """``runDetails.metadata.finishedOn`` of SLSA provenance v1."""
    value: object = predicate
    for name in ("runDetails", "metadata", "finishedOn"):
        value = value.get(name) if isinstance(value, dict) else None
    return parse_time(value)


def _judge(rule: AttestationRule, by_party: Mapping[str, Evidence]) -> Attested:
    found = [
        Held(party, finding)
        for party in rule.by
        for finding in by_party[party.name].of_type(rule.predicate_type)
        if finding.holds
    ]
    reasons = [_failure(rule, each.finding) for each in found]
    held = tuple(each for each, reason in zip(found, reasons, strict=True) if reason is None)
    words = f"{short_name(rule.predicate_type)} by {rule.threshold} of {', '.join(party.name for party in rule.by)}"
    number = count(held)
    if number >= rule.threshold:
        signers = ", ".join(dict.fromkeys(each.party.name for each in held))
        return Attested(rule, Judged(words, holds=True, why=signers), held)
    said = list(dict.fromkeys(reason for reason in reasons if reason)) or _unheld(rule, found, by_party)
    judged = Judged(words, holds=False, why=f"{number} of {rule.threshold}: {'; '.join(said[:_SHOWN])}")
    return Attested(rule, judged, ())


def _judge_claims(attested: Attested, claims: Sequence[Finding]) -> Attested:
    """The same, with all that is said of capabilities by anybody whom the scope names.

    What is said of them is so, or the bytes contradict it: of several files of an index, each has its own, and
    none of them makes up for another.
    """
    if not attested.judged.holds:
        return attested
    denied = next(filter(None, (_denied(_predicate(each), attested.rule.capabilities) for each in claims)), None)
    if denied is not None:
        return Attested(attested.rule, Judged(attested.judged.rule, holds=False, why=denied), ())
    return replace(attested, capabilities=_capabilities(claims))


def _unheld(rule: AttestationRule, found: Sequence[Held], by_party: Mapping[str, Evidence]) -> list[str]:
    """Why there are not enough of them."""
    reasons = [
        each.reason for party in rule.by for each in by_party[party.name].of_type(rule.predicate_type) if each.reason
    ]
    return [missing(found, rule.by), *(dict.fromkeys(reasons) or ["there is none"])]


def _failure(rule: AttestationRule, finding: Finding) -> str | None:
    """Why an attestation that somebody trusted made does not fulfil the rule."""
    predicate = _predicate(finding)
    if rule.predicate_type == PROVENANCE and (unreadable := _unreadable(predicate)) is not None:
        return unreadable
    reasons = (condition.failure(predicate) for condition in rule.conditions)
    reason = next((each for each in reasons if each), None)
    if reason is None and rule.licences is not None:
        reason = outside(predicate, rule.licences)
    return reason


def _unreadable(predicate: Mapping[str, Any]) -> str | None:
    """Why a provenance of our build type cannot be understood: what is not known in it may change what was built."""
    definition = predicate.get("buildDefinition")
    if not isinstance(definition, dict) or definition.get("buildType") != BUILD_TYPE:
        return None
    try:
        Provenance.parse(predicate)
    except Failure as failure:
        return str(failure)
    return None


def _denied(predicate: Mapping[str, Any], allowed: CapabilityPolicy | None) -> str | None:
    """The first import that is not allowed. What a claim calls its imports is not relied on."""
    try:
        claim = CapabilityClaim.parse(predicate)
    except Failure as failure:
        return f"{failure.what}: {failure.cause}"
    denied = allowed.denied_of(_imports(claim)) if allowed is not None else ()
    return f"it imports {denied[0]}, which is not allowed" if denied else None


def _capabilities(findings: Iterable[Finding]) -> frozenset[str]:
    """The capabilities with a risk in attestations that can be read, and foreign imports by name."""
    claims = (CapabilityClaim.parse(_predicate(each)) for each in findings)
    return frozenset(name for claim in claims for each in _imports(claim) if (name := _asked(each)) is not None)


def _asked(wanted: Import) -> str | None:
    capability = capability_of(wanted)
    if capability is None:
        return str(wanted)
    return None if CAPABILITIES[capability.name].risk == "none" else capability.name


def _imports(claim: CapabilityClaim) -> Iterator[Import]:
    """The imports that a claim names; a component's have no module."""
    for text in claim.imports:
        module, separator, name = text.rpartition("::") if claim.kind == "module" else ("", "", text)
        yield Import(module if separator else None, name, "")


def _predicate(finding: Finding) -> Mapping[str, Any]:
    statement = finding.claim.statement if finding.claim else None
    return statement.predicate if statement else {}
