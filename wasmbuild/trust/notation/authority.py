"""CertificateAuthority: roots, whose certificates' signatures of the Notary Project count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wasmbuild.errors import InvalidKey
from wasmbuild.trust import clock
from wasmbuild.trust.algorithms import is_signed
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.notation import certificates
from wasmbuild.trust.notation.envelope import from_der
from wasmbuild.trust.notation.times import stamped_at
from wasmbuild.trust.pem import read_certificates
from wasmbuild.trust.proof import Proof, Rejected, Scheme, Terms

__all__ = ["CertificateAuthority", "read_roots"]


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Whoever has a certificate that leads to one of ``roots``, which a chain must end with.

    With ``tells_time``, the roots are those of signing authorities: they vouch for when something was
    signed, and a signature of theirs outlives its certificate. So it does with a timestamp by somebody below one of
    ``time_roots``. ``now`` is asked for the time.
    """

    roots: tuple[x509.Certificate, ...]
    tells_time: bool = False
    now: Callable[[], datetime] = clock.now
    time_roots: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(cls, pem: bytes, *, tells_time: bool = False, time_roots: tuple[x509.Certificate, ...] = ()) -> Self:
        """Trust the certificates of a PEM file. Raises InvalidKey for what cannot be the end of a chain."""
        return cls(read_roots(pem), tells_time, time_roots=time_roots)

    @property
    def name(self) -> str:
        """Whom the roots are for."""
        return "; ".join(certificates.subject(root) for root in self.roots)

    def check(self, proof: Proof, /) -> Signer:
        """Who has signed, by a certificate that was valid then, or is now where nobody says when. Raises Rejected."""
        terms = proof.terms
        if proof.scheme is not Scheme.NOTARY or terms is None:
            raise Rejected("it is not of the Notary Project, and this certificate authority is for those that are")
        chain = certificates.read_chain(proof.material.chain)
        root = next((each for each in self.roots if _der(each) == proof.material.chain[-1]), None)
        if root is None:
            raise Rejected(f"its certificate is by {certificates.subject(chain[-1])}, which is not trusted")
        certificates.check_chain(chain)
        key = certificates.signing_key(chain[0])
        if not is_signed(key, proof.signature, proof.message, pss=True):
            raise Rejected("it is not valid for its certificate: something was changed")
        signed_at = self._check_times(chain, terms, proof.material.timestamps, from_der(proof.signature, key))
        fingerprint = PublicKey.of(key).fingerprint
        return Signer(certificates.subject(chain[0]), certificates.subject(root), signed_at, fingerprint)

    def _check_times(
        self, chain: Sequence[x509.Certificate], terms: Terms, tokens: Sequence[bytes], signature: bytes
    ) -> datetime | None:
        """When it was signed, if somebody who is trusted with that says it; all were valid then. Raises Rejected."""
        if terms.of_authority:
            certificates.check_valid(chain, terms.signed_at)
            if self.tells_time:
                return terms.signed_at
        elif self.time_roots and tokens:
            try:
                signed_at = stamped_at(tokens[0], signature, self.time_roots)
                certificates.check_valid(chain, signed_at)
            except Rejected as rejected:
                self._check_now(chain, f"; {rejected}")
                return None
            return signed_at
        self._check_now(chain)
        return None

    def _check_now(self, chain: Sequence[x509.Certificate], more: str = "") -> None:
        try:
            certificates.check_valid(chain, self.now())
        except Rejected as rejected:
            raise Rejected(f"{rejected}{more}") from rejected


def read_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Certificates of authorities, which have signed themselves. Raises InvalidKey."""
    try:
        roots = tuple(certificates.read_chain((each,))[0] for each in read_certificates(pem))
    except Rejected as rejected:
        raise InvalidKey("this is not a certificate authority", cause=str(rejected)) from rejected
    for root in roots:
        if not certificates.is_self_issued(root):
            raise InvalidKey(
                "this is not a certificate authority",
                cause=f"the certificate of {certificates.subject(root)} has not signed itself",
                hint="give the root that the chain ends with",
            )
    return roots


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
