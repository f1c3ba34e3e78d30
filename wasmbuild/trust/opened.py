"""Opened: a candidate, parsed: the sentence that is signed, and the proof that somebody signed it.

Every form says the same kind of sentence, an in-toto statement; a form that has none is translated.
Whose signature counts is an ``authority``'s to say, and about what it must be the ``verifier``'s.
"""

from dataclasses import dataclass

from registry.errors import InvalidDocument
from registry.model import Descriptor
from registry.strictjson import load_json
from wasmbuild.trust.bundle import BUNDLE_TYPES, Bundle
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.dsse import DSSE, Envelope
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.notation.envelope import COSE, JWS
from wasmbuild.trust.pem import read_certificates
from wasmbuild.trust.proof import Material, Proof, Rejected
from wasmbuild.trust.sigstore.annotated import annotated_log_entries, annotated_timestamps
from wasmbuild.trust.simplesigning import CERTIFICATE, CHAIN, SIGNATURE, SIMPLE_SIGNING, Payload
from wasmbuild.trust.statement import IN_TOTO, NOTARY_SIGN, Statement, Subject

__all__ = ["Opened", "open_candidate"]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is said, and the proof. ``target`` is the whole descriptor that it is about, where a form names that."""

    statement: Statement
    proof: Proof
    target: Descriptor | None = None


def open_candidate(candidate: Candidate) -> Opened:
    """Parse a candidate, by the media type of its layer.

    Raises InvalidDocument for one that is malformed, Rejected for one that can never be a signature.
    """
    if candidate.media_type.startswith(BUNDLE_TYPES):
        return _bundle(candidate.content)
    if candidate.media_type == SIMPLE_SIGNING:
        return _simple(candidate)
    if candidate.media_type == DSSE:
        return _envelope(candidate)
    if candidate.media_type in (JWS, COSE):
        return _notation(candidate)
    raise Rejected(f"it is of a kind that is not known: {candidate.media_type[:100]!r}")


def _bundle(data: bytes) -> Opened:
    bundle = Bundle.parse(data)
    return _said(bundle.envelope, bundle.material)


def _envelope(candidate: Candidate) -> Opened:
    """What is under an ``.att`` tag: an envelope, with its certificate in annotations."""
    envelope = Envelope.from_json(load_json(candidate.content, "the envelope"))
    return _said(envelope, _annotated(candidate))


def _said(envelope: Envelope, material: Material) -> Opened:
    if envelope.payload_type != IN_TOTO:
        raise Rejected(f"it is over {envelope.payload_type[:100]!r}, not an in-toto statement")
    proof = Proof(envelope.signed_bytes, envelope.signature, material, envelope=envelope)
    return Opened(Statement.parse(envelope.payload), proof)


def _simple(candidate: Candidate) -> Opened:
    try:
        signature = from_base64(candidate.annotations.get(SIGNATURE))
    except ValueError as error:
        raise InvalidDocument(str(error)) from error
    payload = Payload.parse(candidate.content)
    statement = Statement.signature_of(payload.digest, payload.name, payload.optional)
    return Opened(statement, Proof(candidate.content, signature, _annotated(candidate)))


def _notation(candidate: Candidate) -> Opened:
    """An envelope of the Notary Project, which names an artifact by its descriptor and has no statement."""
    from wasmbuild.trust.notation.opening import open_envelope  # noqa: PLC0415  (with all of X.509)

    payload, proof = open_envelope(candidate.content, candidate.media_type)
    digest = payload.target.digest
    subject = Subject({digest.algorithm: digest.encoded}, annotations=payload.annotations)
    return Opened(Statement((subject,), NOTARY_SIGN), proof, payload.target)


def _annotated(candidate: Candidate) -> Material:
    """What cosign 2 sends along in annotations of a layer: the certificate, those above it, and what a log says."""
    pems = [candidate.annotations.get(name, "") for name in (CERTIFICATE, CHAIN)]
    chain = tuple(der for pem in pems if pem for der in read_certificates(pem.encode()))
    entries, times = annotated_log_entries(candidate.annotations), annotated_timestamps(candidate.annotations)
    return Material(chain=chain, log_entries=entries, timestamps=times)
