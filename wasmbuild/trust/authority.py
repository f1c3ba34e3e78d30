"""Authority: somebody whose signatures count, and who can tell whether one is theirs.

A key is one; so is an identity that a certificate authority vouches for. Which of them must have
signed, and how many, is for a verifier and a policy to say.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Proof, Rejected, Scheme

__all__ = ["Authority", "KeyAuthority", "Signer"]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who made a signature that holds.

    ``identity`` is the fingerprint of a key, or what a certificate says; ``issuer`` who vouches for it.
    ``signed_at`` is a time that somebody else than the signer has confirmed, None where nobody has. ``key`` is
    the fingerprint of the key that made it, also where a certificate says whose it is: one key is one signer.
    """

    identity: str
    issuer: str | None = None
    signed_at: datetime | None = None
    key: str | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, str | None]:
        """The fields of a command's document."""
        signed_at = self.signed_at.isoformat() if self.signed_at else None
        return {"identity": self.identity, "issuer": self.issuer, "signedAt": signed_at}


class Authority(Protocol):
    """Somebody whose signatures count."""

    @property
    def name(self) -> str:
        """What a person is told: a fingerprint, or an identity and its issuer."""

    def check(self, proof: Proof, /) -> Signer:
        """Who of this authority made a signature. Raises Rejected, and nothing else for any bytes."""


@dataclass(frozen=True, slots=True)
class KeyAuthority:
    """Whoever has the private half of a key."""

    key: PublicKey

    @property
    def name(self) -> str:
        """The fingerprint."""
        return self.key.fingerprint

    def check(self, proof: Proof, /) -> Signer:
        """Whether the key made a signature, whatever came along with it. Raises Rejected."""
        if not self.key.verify(proof.signature, proof.message, pss=proof.scheme is Scheme.NOTARY):
            raise Rejected(self._why(proof))
        return Signer(self.name, key=self.name)

    def _why(self, proof: Proof) -> str:
        hint = proof.material.key_hint
        if proof.material.chain:
            return "it was made with a certificate, and not with this key"
        if hint and hint != self.key.hint:
            return "it was made with another key"
        return "it is not valid for this key: another one made it, or something was changed"
