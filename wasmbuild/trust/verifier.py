"""Verify: from what was found and those who are trusted to evidence. Nothing is fetched here; that is ``discovery``'s.

Something signed holds when (1) it is well formed, (2) its signature is valid for one of those who are
trusted, (3) and one of its subjects is the artifact. It is a signature of the artifact when its
predicate type is the one of plain signatures: an attestation (an SBOM, a provenance) is not a
signature, whoever signed it. The name that is in it is nobody's promise: an artifact may be copied
with its signatures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from registry.digest import Digest
from registry.errors import Failure
from registry.model import Descriptor
from wasmbuild.errors import InvalidSignature, Unsigned
from wasmbuild.trust.authority import Authority, Signer
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.opened import Opened, open_candidate
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.statement import SIGNATURES, Statement, Subject

__all__ = ["Claim", "Evidence", "Finding", "Outcome", "Verifier", "require"]

_SHOWN_REASONS = 5


class Outcome(Enum):
    """What was found of a signature; there is no fourth."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Claim:
    """What something signed that holds says: under which name, with which annotations, and the whole sentence."""

    name: str | None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    statement: Statement | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something signed, judged: either its ``signer`` and ``claim``, when it holds, or the ``reason`` why not.

    ``predicate_type`` is None where nobody can tell.
    """

    kind: SignatureKind
    manifest: Descriptor | None
    predicate_type: str | None
    signer: Signer | None = None
    claim: Claim | None = None
    reason: str | None = None

    @property
    def holds(self) -> bool:
        """Whether somebody who is trusted says it, of this artifact."""
        return self.claim is not None

    @property
    def is_signature(self) -> bool:
        """Whether it is, or poses as, a plain signature, and not an attestation."""
        return self.predicate_type is None or self.predicate_type in SIGNATURES


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about ``subject``, each by itself; ``asked`` are the names of those who are trusted."""

    subject: Digest
    asked: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def signatures(self) -> tuple[Finding, ...]:
        """The plain signatures, and what poses as one."""
        return tuple(finding for finding in self.findings if finding.is_signature)

    @property
    def attestations(self) -> tuple[Finding, ...]:
        """The attestations."""
        return tuple(finding for finding in self.findings if not finding.is_signature)

    @property
    def outcome(self) -> Outcome:
        """What the signatures come to; one that holds is enough."""
        signatures = self.signatures
        if any(finding.holds for finding in signatures):
            return Outcome.VERIFIED
        return Outcome.INVALID if signatures else Outcome.UNSIGNED

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Who has signed, each once, however many signatures they made and whenever."""
        signers = {(each.identity, each.issuer): each for each in self._all_signers()}
        return tuple(signers.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each signature that does not hold, also when another one does."""
        return tuple(finding.reason for finding in self.signatures if finding.reason is not None)

    def _all_signers(self) -> list[Signer]:
        return [finding.signer for finding in self.signatures if finding.signer is not None]


class Verifier:
    """Judges by those who are trusted. It keeps nothing of what it has seen, and may be asked from any thread."""

    def __init__(self, authorities: Sequence[Authority]) -> None:
        """Trust each of ``authorities``, of which there must be one.

        Raises ValueError for none: nobody may be trusted by a mistake.
        """
        if not authorities:
            raise ValueError("a verifier trusts somebody")
        self._authorities = tuple(authorities)

    def verify(self, subject: Descriptor, candidates: Iterable[Candidate]) -> Evidence:
        """What the candidates come to, for an artifact. Raises nothing for any bytes."""
        names = tuple(authority.name for authority in self._authorities)
        return Evidence(subject.digest, names, tuple(self._judge(each, subject) for each in candidates))

    def _judge(self, candidate: Candidate, subject: Descriptor) -> Finding:
        try:
            opened = open_candidate(candidate)
        except Failure as failure:
            return _refused(candidate, candidate.declared, f"it is malformed: {failure}")
        except Rejected as rejected:
            return _refused(candidate, candidate.declared, str(rejected))
        kind = opened.statement.predicate_type
        try:
            signer = self._signer(opened.proof)
            return Finding(candidate.kind, candidate.manifest, kind, signer, _claim(opened, subject))
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


def require(evidence: Evidence, name: str) -> None:
    """Insist on a signature of the artifact that is called ``name``, a reference by digest.

    Raises Unsigned or InvalidSignature, which say what was found instead.
    """
    if evidence.outcome is Outcome.UNSIGNED:
        raise Unsigned(f"{name} is not signed", hint=f"wasmbuild sign {name} --key wasmbuild.key")
    if evidence.outcome is Outcome.INVALID:
        shown = list(dict.fromkeys(evidence.reasons))
        more = [f"and {len(shown) - _SHOWN_REASONS} more"] if len(shown) > _SHOWN_REASONS else []
        raise InvalidSignature(
            f"no signature of {name} is valid",
            cause="\n".join([*shown[:_SHOWN_REASONS], *more]),
            hint=f"trusted is {', '.join(evidence.asked[:_SHOWN_REASONS])}",
        )


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
