"""Judge: from a policy and a situation to a verdict, rule by rule. Nothing is fetched, and no clock is read here.

Each rule is judged whatever became of the others, so that a person sees all that is wrong at once. What is
asked of a signature (its name, its age) must hold of the same ones that make up the threshold.
"""

from collections.abc import Iterable, Mapping, Sequence

from wasmbuild.trust.evidence import Evidence
from wasmbuild.trust.policy.attested import Attested, judge_attestations, judge_provenance_age
from wasmbuild.trust.policy.counting import Held, count, missing
from wasmbuild.trust.policy.history import judge_history
from wasmbuild.trust.policy.model import Party, Policy, Scope
from wasmbuild.trust.policy.naming import fits_name, wanted_name
from wasmbuild.trust.policy.times import age_words, too_old
from wasmbuild.trust.policy.verdict import Judged, Situation, Verdict
from wasmbuild.trust.verifier import Verifier

__all__ = ["judge"]

_SHOWN = 3


def judge(policy: Policy, situation: Situation) -> Verdict:
    """What a policy says of an artifact. Raises nothing for any candidates."""
    found = policy.scope_for(situation.name)
    if found is None:
        nothing = Evidence(situation.subject.digest, ())
        why = f"no scope is for {situation.name or 'what is in no registry'}"
        return Verdict(policy.file, None, (Judged("a scope for the repository", holds=False, why=why),), nothing)
    pattern, scope = found
    by_party = {party.name: _verified(party, situation) for party in scope.parties()}
    evidence = _merged(list(by_party.values()), situation)
    if scope.accepts_anything:
        return Verdict(policy.file, pattern, (), evidence, unsafe=True)
    attested = judge_attestations(scope, by_party)
    rules = (
        *(_signatures(scope, situation, by_party, evidence) if scope.signed_by else ()),
        *(each.judged for each in attested),
        *judge_provenance_age(scope, attested, situation.now),
        *judge_history(scope, situation, _capabilities(attested)),
    )
    return Verdict(policy.file, pattern, rules, evidence, capabilities=_capabilities(attested) or frozenset())


def _verified(party: Party, situation: Situation) -> Evidence:
    return Verifier(party.members).verify(situation.subject, situation.candidates)


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
