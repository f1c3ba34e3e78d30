"""A trust policy in words, for a person who has to answer for it."""

from collections.abc import Iterator

from wasmbuild.trust.policy.model import AttestationRule, Party, Policy, Scope
from wasmbuild.trust.policy.times import age_words
from wasmbuild.trust.predicates import short_name

__all__ = ["explain", "explain_scope"]


def explain(policy: Policy) -> tuple[str, ...]:
    """The whole policy, line by line."""
    lines = [f"{policy.file} trusts:", *(f"  {each.name}: {'; or '.join(each.words)}" for each in policy.parties)]
    for scope in policy.scopes:
        lines += ["", *explain_scope(scope)]
    lines.append("")
    if any("*" in scope.patterns for scope in policy.scopes):
        lines.append("The closest scope counts: a repository by name, then the longest prefix, then *.")
    else:
        lines.append("The closest scope counts, and what no scope is for is refused.")
    if any(scope.remembers for scope in policy.scopes):
        lines.append(f"What was accepted before is kept in {policy.state or 'your folder for state, in trust.json'}.")
    return tuple(lines)


def explain_scope(scope: Scope) -> tuple[str, ...]:
    """What one scope demands, line by line."""
    named = ", ".join("everything else" if each == "*" else each for each in scope.patterns)
    if scope.accepts_anything:
        return (f"{named}: ANYTHING is accepted, whoever made it; nothing is verified",)
    return (f"{named}:", *(f"  - {line}" for line in (*_signatures(scope), *_others(scope))))


def _signatures(scope: Scope) -> Iterator[str]:
    if scope.signed_by:
        yield f"is signed by {_who(scope.threshold, scope.signed_by)}"
    if scope.signed_name == "repository":
        yield "each of these signatures names this repository"
    if scope.signed_name == "tag":
        yield "each of these signatures names this repository, and the tag that was asked for"
    if scope.max_age is not None and scope.age_of == "signature":
        yield f"each of these signatures is at most {age_words(scope.max_age)} old, by a time that a third party says"


def _others(scope: Scope) -> Iterator[str]:
    for rule in scope.attestations:
        yield from _attested(rule)
    if scope.max_age is not None and scope.age_of == "provenance":
        yield f"by such a provenance, it was built at most {age_words(scope.max_age)} ago"
    if scope.no_rollback:
        yield "its version is not older than one that was accepted before"
    if scope.pin_tags:
        yield "the tag means what it meant when it was accepted first"
    if scope.approve_capabilities:
        yield "each capability that has a risk was approved by a person (wasmbuild policy approve)"


def _attested(rule: AttestationRule) -> Iterator[str]:
    yield f"has an attestation {short_name(rule.predicate_type)} of {_who(rule.threshold, rule.by)}"
    yield from (f"  in which {condition}" for condition in rule.conditions)
    if rule.capabilities is not None:
        allowed = [*sorted(rule.capabilities.allow), *rule.capabilities.imports]
        yield f"  by which it asks for nothing but {', '.join(allowed) or 'what has no risk'}"
    if rule.licences is not None:
        yield f"  in which each component has a licence of {', '.join(sorted(rule.licences))}"


def _who(threshold: int, parties: tuple[Party, ...]) -> str:
    names = ", ".join(party.name for party in parties)
    if len(parties) == 1:
        return names
    return f"all of {names}" if threshold == len(parties) else f"at least {threshold} of {names}"
