"""Verify: from what was found and a key to evidence. Nothing is fetched here; that is ``discovery``'s.

A bundle is a signature of an artifact when (1) it is a well-formed bundle with one DSSE signature,
(2) that is valid for our key, (3) the payload is an in-toto statement of version 1, (4) whose
predicate type is the one of plain signatures, (5) and one of whose subjects is the artifact. An
attestation (an SBOM, a provenance) is not a signature, whoever signed it.

A payload under the ``.sig`` tag is one when (1) the signature beside it is valid for our key over
exactly its bytes, (2) it is well-formed and of cosign's type, (3) and its digest is the artifact's.
The name that is in it is nobody's promise: an artifact may be copied with its signatures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from registry.digest import Digest
from registry.errors import Failure
from registry.model import Descriptor
from wasmbuild.errors import InvalidSignature, Unsigned
from wasmbuild.trust.bundle import Bundle
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.simplesigning import Payload
from wasmbuild.trust.statement import COSIGN_SIGN, IN_TOTO, Statement

__all__ = ["Claim", "Evidence", "Finding", "Outcome", "require", "verify"]

_SHOWN_REASONS = 5


class Outcome(Enum):
    """What was found of a signature; there is no fourth."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signature that holds says besides the digest: the name it was made under, and annotations."""

    name: str | None
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A signature, judged: either its ``claim``, when it holds, or the ``reason`` why it does not."""

    kind: SignatureKind
    manifest: Descriptor | None
    claim: Claim | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about ``subject`` with the key of this ``fingerprint``, each signature by itself."""

    subject: Digest
    outcome: Outcome
    fingerprint: str
    findings: tuple[Finding, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each signature that does not hold, also when another one does."""
        return tuple(finding.reason for finding in self.findings if finding.reason is not None)


class _Rejected(Exception):
    """Something that is no signature of ours; the text is the reason."""


def verify(subject: Descriptor, candidates: Iterable[Candidate], key: PublicKey) -> Evidence:
    """Look for a signature of ``subject`` by ``key``; one that holds is enough.

    UNSIGNED means that none of the candidates is a signature at all. Raises nothing for any bytes.
    """
    judged = [_judge(candidate, subject.digest, key) for candidate in candidates]
    findings = tuple(finding for finding in judged if finding is not None)
    verified = any(finding.claim is not None for finding in findings)
    outcome = Outcome.VERIFIED if verified else Outcome.INVALID if findings else Outcome.UNSIGNED
    return Evidence(subject.digest, outcome, key.fingerprint, findings)


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
            hint=f"the key asked for is {evidence.fingerprint}",
        )


def _judge(candidate: Candidate, subject: Digest, key: PublicKey) -> Finding | None:
    """What to think of a candidate; None for a sound statement that is not meant as a signature."""
    is_bundle = candidate.kind is SignatureKind.BUNDLE
    try:
        claim = _bundle(candidate.content, subject, key) if is_bundle else _simple(candidate, subject, key)
    except _Rejected as rejected:
        return Finding(candidate.kind, candidate.manifest, reason=str(rejected))
    except Failure as failure:
        where = "" if is_bundle else " under the .sig tag"
        return Finding(candidate.kind, candidate.manifest, reason=f"the signature{where} is malformed: {failure}")
    return None if claim is None else Finding(candidate.kind, candidate.manifest, claim)


def _bundle(data: bytes, subject: Digest, key: PublicKey) -> Claim | None:
    bundle = Bundle.parse(data)
    if bundle.envelope.payload_type != IN_TOTO:
        raise _Rejected(f"the signature is over {bundle.envelope.payload_type[:100]!r}, not an in-toto statement")
    statement = Statement.parse(bundle.envelope.payload)
    if statement.predicate_type != COSIGN_SIGN:
        return None
    if not key.verify(bundle.envelope.signature, bundle.envelope.signed_bytes):
        raise _Rejected(_why_not_ours(bundle, key))
    for item in statement.subjects:
        if item.is_about(subject):
            return Claim(item.name, item.annotations)
    raise _Rejected(f"the signature is for {_about(statement, subject)}, not for this artifact")


def _simple(candidate: Candidate, subject: Digest, key: PublicKey) -> Claim:
    try:
        signature = from_base64(candidate.signature)
    except ValueError as error:
        raise _Rejected(f"the signature under the .sig tag is malformed: {error}") from error
    if not key.verify(signature, candidate.content):
        why = (
            "it was made with a certificate" if candidate.certified else "another key made it, or something was changed"
        )
        raise _Rejected(f"the signature under the .sig tag is not valid for this key: {why}")
    payload = Payload.parse(candidate.content)
    if payload.digest != subject:
        raise _Rejected(f"the signature under the .sig tag is for {payload.digest}, not for this artifact")
    return Claim(payload.name, payload.optional)


def _why_not_ours(bundle: Bundle, key: PublicKey) -> str:
    if bundle.certificate is not None:
        return "the signature was made with a certificate, not with this key"
    if bundle.key_hint and bundle.key_hint != key.hint:
        return "the signature was made with another key"
    return "the signature is not valid for this key: it, or what it signs, was changed"


def _about(statement: Statement, subject: Digest) -> str:
    encoded = statement.subjects[0].digests.get(subject.algorithm, "another artifact")
    return f"{subject.algorithm}:{encoded[:128]}"
