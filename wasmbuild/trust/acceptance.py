"""Acceptance: which of other people's verifiers take what is signed about an artifact, and why the rest do not.

What is known of cosign, notation and podman was run against them; of the controllers of clusters, it is
what they write of themselves and what their issues say. A verifier that is set up to ask for more (a
transparency log, another name) takes less than is said here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from registry.digest import Digest
from registry.words import printable
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.described import Description, Form
from wasmbuild.trust.evidence import Finding
from wasmbuild.trust.keys import PublicKey

__all__ = ["Basis", "Facts", "Verdict", "verdicts"]

_LOGGED = "with --insecure-ignore-tlog"
_ROOTED = f"{_LOGGED} and --trusted-root FILE"
_KYVERNO_KEYS = "it takes certificates alone for bundles, and no keys (kyverno issue 16267)"
_CONTROLLER_KEYS = "it takes certificates alone for bundles, and no keys (policy-controller issue 1958)"


class Basis(Enum):
    """How we know."""

    TESTED = "tested"
    DOCUMENTED = "by its documentation"


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is about an artifact: ``place`` is ``host/repository``, and ``keys`` those who are trusted.

    ``unreadable`` are the manifests of bundles that nobody can parse, which other clients pass over;
    ``notation_only`` is that those who are trusted are for signatures of Notation alone.
    """

    place: str
    findings: tuple[Finding, ...]
    keys: Mapping[str, PublicKey]
    unreadable: frozenset[Digest] = frozenset()
    notation_only: bool = False

    def of(self, kind: SignatureKind, *, signatures: bool) -> list[Finding]:
        """The signatures of a kind, or else the attestations."""
        return [each for each in self.findings if each.kind is kind and each.is_signature is signatures]

    def use(self, verifier: str, finding: Finding) -> str:
        """Whether a verifier takes the key of something that holds: ``yes``, ``no``, or with what."""
        key = self.keys.get(finding.signer.identity) if finding.signer else None
        return "yes" if key is None else Description(Form.PUBLIC, key).uses.get(verifier, "yes")

    @property
    def has_bundles(self) -> bool:
        """Whether cosign sees a bundle of any kind."""
        bundles = [each for each in self.findings if each.kind is SignatureKind.BUNDLE]
        return any(each.manifest is None or each.manifest.digest not in self.unreadable for each in bundles)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a verifier accepts an artifact; ``reason`` is why not, or else by what and how it does."""

    verifier: str
    accepts: bool
    reason: str
    basis: Basis

    def to_json(self) -> dict[str, Any]:
        """An entry of a command's document."""
        fields = {"verifier": self.verifier, "accepts": self.accepts}
        return {**fields, "reason": self.reason, "basis": self.basis.value}


_Answer = tuple[bool, str]
_Rule = Callable[[Facts], _Answer]


def verdicts(facts: Facts) -> tuple[Verdict, ...]:
    """What each verifier makes of it; those of attestations only where there are any."""
    rules = _RULES
    if any(not each.is_signature for each in facts.findings):
        rules = {**rules, **_ATTESTING}
    return tuple(Verdict(name, *rule(facts), basis) for name, (rule, basis) in rules.items())


def _taken(facts: Facts, verifier: str, candidates: Sequence[Finding], how: str, what: str) -> _Answer:
    """The first that holds and whose key the verifier takes, or why there is none; ``what`` they are called."""
    held = [each for each in candidates if each.holds]
    for each in held:
        needs = facts.use(verifier, each)
        if needs != "no":
            return True, how if needs == "yes" else f"{how}, {needs}"
    if held:
        return False, f"it does not take keys of the kind that made {what}"
    if candidates and facts.notation_only and candidates[0].kind is not SignatureKind.NOTATION:
        return False, "whoever is trusted here signs for Notation alone: name a key or an identity, too"
    if candidates:
        return False, printable(candidates[0].reason or "", 300)
    return False, f"there is no {what}"


def _bundles_first(with_: str) -> _Rule:
    """Cosign since 2.6: where there is a bundle of any kind, nothing else counts; ``with_`` is what that needs."""

    def rule(facts: Facts) -> _Answer:
        legacy = facts.of(SignatureKind.LEGACY, signatures=True)
        if not facts.has_bundles:
            how, what = f"by the .sig tag, {_LOGGED}", "signature, neither in a bundle nor under the .sig tag"
            return _taken(facts, "cosign", legacy, how, what)
        bundles = facts.of(SignatureKind.BUNDLE, signatures=True)
        accepted = _taken(facts, "cosign", bundles, f"by a bundle, {with_}", "signature in a bundle")
        if accepted[0]:
            return accepted
        # Any envelope that a trusted key signed about the artifact will do for cosign; for us it will not.
        attested = _taken(facts, "cosign", facts.of(SignatureKind.BUNDLE, signatures=False), "", "")
        if attested[0]:
            return True, f"by the bundle of an attestation, which it takes for a signature, {with_}"
        hidden = "; a bundle of any kind hides the .sig tag" if any(each.holds for each in legacy) else ""
        return False, accepted[1] + hidden

    return rule


def _attestation_bundles_first(with_: str) -> _Rule:
    """The same for ``verify-attestation``."""

    def rule(facts: Facts) -> _Answer:
        legacy = facts.of(SignatureKind.LEGACY, signatures=False)
        if not facts.has_bundles:
            return _taken(facts, "cosign", legacy, f"by the .att tag, {_LOGGED}", "attestation")
        bundles = facts.of(SignatureKind.BUNDLE, signatures=False)
        accepts, why = _taken(facts, "cosign", bundles, f"by a bundle, {with_}", "attestation in a bundle")
        hidden = not accepts and any(each.holds for each in legacy)
        return accepts, f"{why}; a bundle of any kind hides the .att tag" if hidden else why

    return rule


def _notation(facts: Facts) -> _Answer:
    found = facts.of(SignatureKind.NOTATION, signatures=True)
    return _taken(facts, "notation certificates", found, "with its certificate in a trust store", "notation signature")


def _podman(facts: Facts) -> _Answer:
    legacy = facts.of(SignatureKind.LEGACY, signatures=True)
    named = [each for each in legacy if not each.claim or each.claim.name == facts.place]
    accepted = _taken(facts, "podman", named, "by the .sig tag, with use-sigstore-attachments", ".sig tag")
    others = [each.claim.name or "nothing" for each in legacy if each.claim and each.claim.name != facts.place]
    if not accepted[0] and others:
        return False, f"the signature names {printable(others[0], 200)}, and not {facts.place}: sign it here, too"
    return accepted


def _controller_bundle(facts: Facts) -> _Answer:
    return _certified(facts, "by a bundle, with signatureFormat: bundle", _CONTROLLER_KEYS)


def _kyverno_bundle(facts: Facts) -> _Answer:
    return _certified(facts, "by a bundle, with type: SigstoreBundle", _KYVERNO_KEYS)


def _certified(facts: Facts, how: str, no_keys: str) -> _Answer:
    """For verifiers of bundles that take no keys."""
    bundles = facts.of(SignatureKind.BUNDLE, signatures=True)
    by_key = [each for each in bundles if each.signer is not None and each.signer.issuer is None]
    others = [each for each in bundles if each not in by_key]
    accepted = _taken(facts, "cosign", others, how, "signature in a bundle")
    return (False, no_keys) if by_key and not accepted[0] else accepted


def _legacy_with(setting: str) -> _Rule:
    def rule(facts: Facts) -> _Answer:
        found = facts.of(SignatureKind.LEGACY, signatures=True)
        return _taken(facts, "cosign", found, f"by the .sig tag, {setting}", ".sig tag")

    return rule


def _legacy_attestations(facts: Facts) -> _Answer:
    how = f"by the .att tag, {_LOGGED}"
    return _taken(facts, "cosign", facts.of(SignatureKind.LEGACY, signatures=False), how, ".att tag")


_RULES: Mapping[str, tuple[_Rule, Basis]] = {
    "cosign 3": (_bundles_first(_LOGGED), Basis.TESTED),
    "cosign 2.6": (_bundles_first(_ROOTED), Basis.TESTED),
    "cosign 2.0 to 2.5": (_legacy_with(_LOGGED), Basis.DOCUMENTED),
    "notation 1": (_notation, Basis.TESTED),
    "podman, skopeo (policy.json)": (_podman, Basis.TESTED),
    "policy-controller": (_legacy_with("without ctlog"), Basis.DOCUMENTED),
    "policy-controller (bundle)": (_controller_bundle, Basis.DOCUMENTED),
    "Kyverno (Cosign)": (_legacy_with("with rekor.ignoreTlog: true"), Basis.DOCUMENTED),
    "Kyverno (SigstoreBundle)": (_kyverno_bundle, Basis.DOCUMENTED),
    "Kyverno (Notary)": (_notation, Basis.DOCUMENTED),
}

_ATTESTING: Mapping[str, tuple[_Rule, Basis]] = {
    "cosign 3 verify-attestation": (_attestation_bundles_first(_LOGGED), Basis.TESTED),
    "cosign 2.6 verify-attestation": (_attestation_bundles_first(_ROOTED), Basis.TESTED),
    "cosign 2.0 to 2.5 verify-attestation": (_legacy_attestations, Basis.DOCUMENTED),
}
