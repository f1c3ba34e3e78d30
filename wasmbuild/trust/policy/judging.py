"""Judge: from a policy and a situation to a verdict, rule by rule. Nothing is fetched, and no clock is read here.

Each rule is judged whatever became of the others, so that a person sees all that is wrong at once. What is
asked of a signature (its name, its age) must hold of the same ones that make up the threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from registry.errors import Failure
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.evidence import Evidence, Finding
from wasmbuild.trust.opened import Opened, open_candidate
from wasmbuild.trust.policy.attested import Attested, judge_attestations, judge_provenance_age
from wasmbuild.trust.policy.counting import Held, count, missing
from wasmbuild.trust.policy.history import judge_history
from wasmbuild.trust.policy.model import Party, Policy, Scope
from wasmbuild.trust.policy.naming import fits_name, wanted_name
from wasmbuild.trust.policy.times import age_words, too_old
from wasmbuild.trust.policy.verdict import Judged, Situation, Verdict
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.verifier import Opening, Verifier

__all__ = ["judge", "judge_tags"]

_SHOWN = 3


def judge(policy: Policy, situation: Situation) -> Verdict:
    """What a policy says of an artifact. Raises nothing for any candidates."""
    return judge_tags(policy, situation, (situation.tag,))[0]


def judge_tags(policy: Policy, situation: Situation, tags: Sequence[str | None]) -> tuple[Verdict, ...]:
    """The same for each of several tags in place of the situation's; what is signed is verified once for all."""
    found = policy.scope_for(situation.name)
    if found is None:
        nothing = Evidence(situation.subject.digest, ())
        why = f"no scope is for {situation.name or 'what is in no registry'}"
        missing_scope = Judged("a scope for the repository", holds=False, why=why)
        return (Verdict(policy.file, None, (missing_scope,), nothing),) * len(tags)
    pattern, scope = found
    by_party = _by_party(tuple(scope.parties()), situation)
    evidence = _merged(list(by_party.values()), situation)
    if scope.accepts_anything:
        return (Verdict(policy.file, pattern, (), evidence, unsafe=True),) * len(tags)
    attested = judge_attestations(scope, by_party)
    rules = ((*_rules(scope, replace(situation, tag=tag), by_party, evidence, attested),) for tag in tags)
    named = _capabilities(attested) or frozenset()
    return tuple(Verdict(policy.file, pattern, each, evidence, capabilities=named) for each in rules)


def _rules(
    scope: Scope,
    situation: Situation,
    by_party: Mapping[str, Evidence],
    evidence: Evidence,
    attested: Sequence[Attested],
) -> Iterable[Judged]:
    """All that a scope asks for, rule by rule."""
    if scope.signed_by:
        yield from _signatures(scope, situation, by_party, evidence)
    yield from (each.judged for each in attested)
    yield from judge_provenance_age(scope, attested, situation.now)
    yield from judge_history(scope, situation, _capabilities(attested))


def _by_party(parties: Sequence[Party], situation: Situation) -> dict[str, Evidence]:
    """What there is by each, by name. Strangers choose how long parsing takes: that is done once for all parties."""
    findings: dict[str, list[Finding]] = {party.name: [] for party in parties}
    for candidate in situation.candidates:
        opening = _opened(candidate)
        for party in parties:
            verifier = Verifier(party.members, opening=opening)
            findings[party.name] += verifier.verify(situation.subject, [candidate]).findings
    asked = {party.name: tuple(member.name for member in party.members) for party in parties}
    return {name: Evidence(situation.subject.digest, asked[name], tuple(found)) for name, found in findings.items()}


def _opened(candidate: Candidate) -> Opening:
    """What reading a candidate comes to, for everybody who asks."""

    def opening(_: Candidate) -> Opened:
        if isinstance(said, Opened):
            return said
        raise said

    said: Opened | Failure | Rejected
    try:
        said = open_candidate(candidate)
    except (Failure, Rejected) as error:
        said = error
    return opening


def _merged(evidences: Sequence[Evidence], situation: Situation) -> Evidence:
    """All that was found, each once: as the first says for whom it holds, else as the first says."""
    if not evidences:
        return Evidence(situation.subject.digest, ())
    asked = tuple(name for evidence in evidences for name in evidence.asked)
    columns = zip(*(evidence.findings for evidence in evidences), strict=True)
    findings = tuple(next((each for each in column if each.holds), column[0]) for column in columns)
    return Evidence(situation.subject.digest, asked, findings)


def _signatures(
    scope: Scope, situation: Situation, by_party: Mapping[str, Evidence], evidence: Evidence
) -> Iterable[Judged]:
    """The rules about signatures, each with those that the one before left."""
    held = [
        Held(party, finding)
        for party in scope.signed_by
        for finding in by_party[party.name].signatures
        if finding.holds
    ]
    names = ", ".join(party.name for party in scope.signed_by)
    rule = f"signed by {scope.threshold} of {names}"
    why = missing(held, scope.signed_by) + _reasons(evidence)
    yield _counted(rule, held, scope, why)
    if scope.signed_name != "any":
        wanted = wanted_name(scope.signed_name, situation)
        other = [f"a signature is for {each.name}" for each in held if not fits_name(each.finding, wanted)]
        held = [each for each in held if fits_name(each.finding, wanted)]
        yield _counted(f"signed as {wanted}", held, scope, "; ".join(dict.fromkeys(other)) or "there is no signature")
    if scope.max_age is not None and scope.age_of == "signature":
        old = [too_old(each.signed_at, scope.max_age, situation.now) for each in held]
        held = [each for each, reason in zip(held, old, strict=True) if reason is None]
        reasons = dict.fromkeys(reason for reason in old if reason)
        rule = f"signed at most {age_words(scope.max_age)} ago"
        yield _counted(rule, held, scope, "; ".join(reasons) or "there is no signature")


def _counted(rule: str, held: Sequence[Held], scope: Scope, why: str) -> Judged:
    number = count(held)
    signers = ", ".join(dict.fromkeys(each.party.name for each in held))
    if number >= scope.threshold:
        return Judged(rule, holds=True, why=signers)
    return Judged(rule, holds=False, why=f"{number} of {scope.threshold}: {why}")


def _reasons(evidence: Evidence) -> str:
    """Why what nobody of those who are asked for has signed does not hold."""
    reasons = list(dict.fromkeys(evidence.reasons))[:_SHOWN]
    if reasons:
        return f" ({'; '.join(reasons)})"
    return "" if evidence.signatures else " (there is no signature)"


def _capabilities(attested: Iterable[Attested]) -> frozenset[str] | None:
    """What verified attestations name; None where none was asked for, or none holds."""
    found = [each.capabilities for each in attested if each.capabilities is not None]
    return frozenset().union(*found) if found else None
