"""Verify: from bundles and a key to evidence. Nothing is fetched here; that is ``discovery``'s.

A bundle is a signature of an artifact when (1) it is a well-formed bundle with one DSSE signature,
(2) that is valid for our key, (3) the payload is an in-toto statement of version 1, (4) whose
predicate type is the one of plain signatures, (5) and one of whose subjects is the artifact. An
attestation (an SBOM, a provenance) is not a signature, whoever signed it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from registry.digest import Digest
from registry.errors import Failure
from registry.model import Descriptor
from wasmbuild.errors import InvalidSignature, Unsigned
from wasmbuild.trust.bundle import Bundle
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.statement import COSIGN_SIGN, IN_TOTO, Statement

__all__ = ["Evidence", "Outcome", "require", "verify"]

_SHOWN_REASONS = 5


class Outcome(Enum):
    """What was found of a signature; there is no fourth."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about ``subject`` with the key of this ``fingerprint``.

    ``reasons`` has a sentence for each signature that does not hold, also when another one does.
    """

    subject: Digest
    outcome: Outcome
    fingerprint: str
    reasons: tuple[str, ...] = ()


class _Rejected(Exception):
    """A bundle that is no signature of ours; the text is the reason."""


def verify(subject: Descriptor, bundles: Iterable[bytes], key: PublicKey) -> Evidence:
    """Look for a signature of ``subject`` by ``key``; one that holds is enough.

    UNSIGNED means that none of the bundles is a signature at all. Raises nothing for any bytes.
    """
    reasons: list[str] = []
    verified = False
    for bundle in bundles:
        try:
            verified = _is_signature(bundle, subject.digest, key) or verified
        except _Rejected as rejected:
            reasons.append(str(rejected))
    outcome = Outcome.VERIFIED if verified else Outcome.INVALID if reasons else Outcome.UNSIGNED
    return Evidence(subject.digest, outcome, key.fingerprint, tuple(reasons))


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


def _is_signature(data: bytes, subject: Digest, key: PublicKey) -> bool:
    """Whether it is a valid signature; False for a sound statement that is not meant as one."""
    try:
        bundle = Bundle.parse(data)
        statement = _statement(bundle)
    except Failure as failure:
        raise _Rejected(f"the signature is malformed: {failure}") from failure
    if statement.predicate_type != COSIGN_SIGN:
        return False
    if not key.verify(bundle.envelope.signature, bundle.envelope.signed_bytes):
        raise _Rejected(_why_not_ours(bundle, key))
    if not any(item.is_about(subject) for item in statement.subjects):
        raise _Rejected(f"the signature is for {_about(statement, subject)}, not for this artifact")
    return True


def _statement(bundle: Bundle) -> Statement:
    if bundle.envelope.payload_type != IN_TOTO:
        raise _Rejected(f"the signature is over {bundle.envelope.payload_type[:100]!r}, not an in-toto statement")
    return Statement.parse(bundle.envelope.payload)


def _why_not_ours(bundle: Bundle, key: PublicKey) -> str:
    if bundle.certificate is not None:
        return "the signature was made with a certificate, not with this key"
    if bundle.key_hint and bundle.key_hint != key.hint:
        return "the signature was made with another key"
    return "the signature is not valid for this key: it, or what it signs, was changed"


def _about(statement: Statement, subject: Digest) -> str:
    encoded = statement.subjects[0].digests.get(subject.algorithm, "another artifact")
    return f"{subject.algorithm}:{encoded[:128]}"
