"""Signing: a key and the chain of its certificate, and envelopes by them. Nothing is fetched and nothing pushed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from registry.model import Descriptor
from wasmbuild.errors import InvalidKey, SigningFailed
from wasmbuild.trust import clock
from wasmbuild.trust.algorithms import Algorithm, VerifyingKey, is_signed
from wasmbuild.trust.authority import KeyAuthority, Signer
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.notation import certificates, cose, jws
from wasmbuild.trust.notation.envelope import COSE, JWS, algorithm_for, from_der
from wasmbuild.trust.notation.layout import attach_envelope
from wasmbuild.trust.notation.payload import Payload
from wasmbuild.trust.pem import read_certificates
from wasmbuild.trust.proof import Proof, Rejected, Terms
from wasmbuild.trust.referrer import Referrer
from wasmbuild.trust.signer import Signatory

__all__ = ["Credential", "check_signs_for_notary"]

_AGENT = "wasmbuild"
_SIGNS = frozenset({Algorithm.P256, Algorithm.P384})


def check_signs_for_notary(key: PublicKey) -> None:
    """That our signers can sign for the Notary Project with a key. Raises InvalidKey, which says why not."""
    if key.algorithm in _SIGNS:
        return
    cause = {
        Algorithm.RSA: "RSA signs there as PSS, and our keys sign as PKCS #1 v1.5 alone",
        Algorithm.ED25519: "it does not take Ed25519",
    }.get(key.algorithm)
    raise InvalidKey(
        f"a key of the kind {key.algorithm.value} makes no signature of the Notary Project",
        cause=cause,
        hint="use ECDSA on P-256 or P-384, as wasmbuild keys generate makes",
    )


@dataclass(frozen=True, slots=True)
class Credential:
    """Who signs for the Notary Project: a key, and its certificate with those above it, in DER, to the root.

    ``media_type`` is which envelope to write, ``signed_at`` the time to write into it.
    """

    key: Signatory
    chain: tuple[bytes, ...]
    signed_at: datetime
    media_type: str = JWS
    _verifying: VerifyingKey = field(kw_only=True, repr=False)

    @classmethod
    def of(cls, key: Signatory, pem: bytes, signed_at: datetime, media_type: str = JWS) -> Self:
        """A key, and the PEM of a chain that is checked as verifiers will.

        Raises InvalidKey for a key that cannot sign so, for a chain that breaks the rules or is not
        valid now, and for one of another key.
        """
        check_signs_for_notary(key.public)
        chain = read_certificates(pem)
        try:
            read = certificates.read_chain(chain)
            certificates.check_chain(read)
            certificates.check_valid(read, clock.now())
            _check_is_of(read[0], key.public)
        except Rejected as rejected:
            raise InvalidKey("this certificate chain cannot sign", cause=str(rejected)) from rejected
        verifying = cast("VerifyingKey", load_der_public_key(key.public.der))
        return cls(key, chain, signed_at, media_type, _verifying=verifying)

    def sign(self, subject: Descriptor, annotations: Mapping[str, str] | None = None) -> Referrer:
        """The signature of an artifact as a referrer of it. Raises SigningFailed."""
        codec = {JWS: jws, COSE: cose}[self.media_type]
        payload = Payload(subject.plain(), annotations or {}).encode()
        algorithm = cast("str", algorithm_for(self._verifying))
        message = codec.to_be_signed(payload, algorithm, Terms(self.signed_at))
        signature = self.key.sign(message)
        if not is_signed(self._verifying, signature, message):
            raise SigningFailed("what the key signed is not valid for its own certificate")
        envelope = codec.encode(message, from_der(signature, self._verifying), self.chain, _AGENT)
        return attach_envelope(envelope, self.media_type, subject, self.chain, self.signed_at)

    @property
    def own(self) -> "OwnSignatures":
        """Who made signatures by this credential."""
        return OwnSignatures(self.key.public, self.chain)


@dataclass(frozen=True, slots=True)
class OwnSignatures:
    """An authority for signatures of one key that came with one chain, and no other; for not signing twice."""

    key: PublicKey
    chain: Sequence[bytes]

    @property
    def name(self) -> str:
        """The fingerprint."""
        return self.key.fingerprint

    def check(self, proof: Proof, /) -> Signer:
        """Raises Rejected."""
        if tuple(self.chain) != proof.material.chain:
            raise Rejected("it was made with another certificate")
        return KeyAuthority(self.key).check(proof)


def _check_is_of(certificate: x509.Certificate, key: PublicKey) -> None:
    if PublicKey.of(certificates.signing_key(certificate)).der != key.der:
        raise Rejected("its first certificate is not of the key that signs")
