"""Opening: from the bytes of an envelope to what is said and the proof, for whoever judges both."""

from registry.errors import InvalidDocument
from wasmbuild.trust import clock
from wasmbuild.trust.algorithms import is_signed
from wasmbuild.trust.notation import certificates, cose, jws
from wasmbuild.trust.notation.envelope import COSE, JWS, MAX_ENVELOPE, Envelope, algorithm_for, to_der
from wasmbuild.trust.notation.payload import Payload
from wasmbuild.trust.proof import Material, Proof, Rejected, Scheme

__all__ = ["open_envelope", "parse_envelope"]

_PARSERS = {JWS: jws.parse, COSE: cose.parse}


def parse_envelope(data: bytes, media_type: str) -> Envelope:
    """Read an envelope, of which nothing is believed. Raises InvalidDocument and Rejected."""
    if len(data) > MAX_ENVELOPE:
        raise InvalidDocument(f"the envelope is larger than {MAX_ENVELOPE} bytes")
    return _PARSERS[media_type](data)


def open_envelope(data: bytes, media_type: str) -> tuple[Payload, Proof]:
    """What an envelope says, and the proof: its own certificate has signed it, and it has not expired.

    Whether that certificate, or its key, is anybody's who is trusted is an authority's to say.
    Raises InvalidDocument and Rejected.
    """
    envelope = parse_envelope(data, media_type)
    key = certificates.signing_key(certificates.read_chain(envelope.chain)[0])
    if algorithm_for(key) != envelope.algorithm:
        raise Rejected(f"it is signed with {envelope.algorithm[:20]!r}, and its certificate's key signs otherwise")
    signature = to_der(envelope.signature, key)
    if not is_signed(key, signature, envelope.message, pss=True):
        raise Rejected("it is not valid for its own certificate: something was changed")
    expires_at = envelope.terms.expires_at
    if expires_at is not None and expires_at <= clock.now():
        raise Rejected(f"it has expired, on {expires_at:%Y-%m-%d %H:%M:%S} UTC")
    timestamps = () if envelope.timestamp is None else (envelope.timestamp,)
    material = Material(chain=envelope.chain, timestamps=timestamps)
    proof = Proof(envelope.message, signature, material, Scheme.NOTARY, terms=envelope.terms)
    return Payload.parse(envelope.payload), proof
