"""Verify: from what was found and those who are trusted to evidence. Nothing is fetched here; that is ``discovery``'s.

Something signed holds when (1) it is well formed, (2) its signature is valid for one of those who are
trusted, (3) and one of its subjects is the artifact. It is a signature of the artifact when its
predicate type is the one of plain signatures: an attestation (an SBOM, a provenance) is not a
signature, whoever signed it. The name that is in it is nobody's promise: an artifact may be copied
with its signatures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from registry.digest import Digest
from registry.errors import Failure
from registry.model import Descriptor
from registry.words import printable
from wasmbuild.errors import InvalidAttestation, InvalidSignature, Unsigned
from wasmbuild.trust.authority import Authority, Signer
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.evidence import Claim, Evidence, Finding, Outcome
from wasmbuild.trust.opened import Opened, open_candidate
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.statement import SIGNATURES, Subject

__all__ = ["Claim", "Evidence", "Finding", "Opening", "Outcome", "Verifier", "require", "require_attestation"]

Opening = Callable[[Candidate], Opened]
"""How a candidate is read. Raises InvalidDocument and Rejected, as ``open_candidate`` does."""

_SHOWN_REASONS = 5


class Verifier:
    """Judges by those who are trusted. It keeps nothing of what it has seen, and may be asked from any thread."""

    def __init__(
        self,
        authorities: Sequence[Authority],
        annotations: Mapping[str, str] | None = None,
        opening: Opening = open_candidate,
    ) -> None:
        """Trust each of ``authorities``, of which there must be one, who must have signed ``annotations``, too.

        Raises ValueError for none: nobody may be trusted by a mistake.
        """
        if not authorities:
            raise ValueError("a verifier trusts somebody")
        self._authorities = tuple(authorities)
        self._annotations = dict(annotations or {})
        self._opening = opening

    def verify(self, subject: Descriptor, candidates: Iterable[Candidate]) -> Evidence:
        """What the candidates come to, for an artifact. Raises nothing for any bytes."""
        names = tuple(authority.name for authority in self._authorities)
        return Evidence(subject.digest, names, tuple(self._judge(each, subject) for each in candidates))

    def _judge(self, candidate: Candidate, subject: Descriptor) -> Finding:
        try:
            opened = self._opening(candidate)
        except Failure as failure:
            return _refused(candidate, candidate.declared, f"it is malformed: {failure}")
        except Rejected as rejected:
            return _refused(candidate, candidate.declared, str(rejected))
        kind = opened.statement.predicate_type
        try:
            signer = self._signer(opened.proof)
            return Finding(candidate.kind, candidate.manifest, kind, signer, self._claim(opened, subject))
        except Rejected as rejected:
            return _refused(candidate, kind, str(rejected))

    def _signer(self, proof: Proof) -> Signer:
        """Who of those who are trusted made a signature. Raises Rejected with what they say of it."""
        reasons: list[str] = []
        for authority in self._authorities:
            try:
                return authority.check(proof)
            except Rejected as rejected:
                reasons.append(str(rejected))
        distinct = list(dict.fromkeys(reasons))
        raise Rejected("; ".join(distinct[:_SHOWN_REASONS]))

    def _claim(self, opened: Opened, subject: Descriptor) -> Claim:
        """What is said of the artifact. Raises Rejected when something else is meant, or too little said."""
        claim = _claim(opened, subject)
        missing = [f"{key}={value}" for key, value in self._annotations.items() if claim.annotations.get(key) != value]
        if missing:
            raise Rejected(f"it does not say {printable(', '.join(missing), 200)}")
        return claim


def require(evidence: Evidence, name: str) -> None:
    """Insist on a signature of the artifact that is called ``name``, a reference by digest.

    Raises Unsigned or InvalidSignature, which say what was found instead and have it as details.
    """
    failure: Failure | None = None
    if evidence.outcome is Outcome.UNSIGNED:
        failure = Unsigned(f"{name} is not signed", hint=f"wasmbuild sign {name} --key wasmbuild.key")
    elif evidence.outcome is Outcome.INVALID:
        cause = _listed(evidence.reasons)
        failure = InvalidSignature(f"no signature of {name} is valid", cause=cause, hint=_trusted(evidence))
    if failure is not None:
        failure.details = evidence
        raise failure


def require_attestation(evidence: Evidence, predicate_type: str, name: str) -> None:
    """Insist on an attestation of a predicate type about the artifact that is called ``name``.

    Raises InvalidAttestation, which says what was found instead and has it as details.
    """
    outcome, wanted = evidence.outcome_of(predicate_type), printable(predicate_type, 200)
    if outcome is Outcome.VERIFIED:
        return
    if outcome is Outcome.UNSIGNED:
        others = {f"there is one of {printable(each.predicate_type or '', 200)}" for each in evidence.attestations}
        cause = _listed(sorted(others)) if others else None
        failure = InvalidAttestation(f"{name} has no attestation of type {wanted}", cause=cause)
    else:
        cause = _listed([each.reason for each in evidence.of_type(predicate_type) if each.reason is not None])
        what = f"no attestation of {name} of type {wanted} is valid"
        failure = InvalidAttestation(what, cause=cause, hint=_trusted(evidence))
    failure.details = evidence if evidence.wanted else replace(evidence, wanted=(predicate_type,))
    raise failure


def _listed(sentences: Sequence[str]) -> str:
    """Some sentences, a line each, and how many more there are."""
    shown = list(dict.fromkeys(sentences))
    more = [f"and {len(shown) - _SHOWN_REASONS} more"] if len(shown) > _SHOWN_REASONS else []
    return "\n".join([*shown[:_SHOWN_REASONS], *more])


def _trusted(evidence: Evidence) -> str:
    """Those who are trusted, for a hint: one in its sentence, several in a list of which one is enough."""
    if len(evidence.asked) == 1:
        return f"trusted is {evidence.asked[0]}"
    return f"trusted is any of\n{_listed(evidence.asked)}"


def _refused(candidate: Candidate, predicate_type: str | None, why: str) -> Finding:
    """The reason names what it is about, for lists in which there are several."""
    attests = predicate_type is not None and predicate_type not in SIGNATURES
    what = "an attestation" if attests else "a signature"
    where = f" under the {'.att' if attests else '.sig'} tag" if candidate.kind is SignatureKind.LEGACY else ""
    return Finding(candidate.kind, candidate.manifest, predicate_type, reason=f"{what}{where} does not hold: {why}")


def _claim(opened: Opened, subject: Descriptor) -> Claim:
    """What is said of the artifact. Raises Rejected when something else is meant."""
    statement, target = opened.statement, opened.target
    if target is not None and (target.media_type, target.size) != (subject.media_type, subject.size):
        raise Rejected("it is for this digest, with another media type or size")
    for item in statement.subjects:
        if item.is_about(subject.digest):
            return Claim(item.name, item.annotations, statement)
    raise Rejected(f"it is for {_about(statement.subjects[0], subject.digest)}, not for this artifact")


def _about(first: Subject, subject: Digest) -> str:
    encoded = first.digests.get(subject.algorithm, "another artifact")
    return f"{subject.algorithm}:{encoded[:128]}"
