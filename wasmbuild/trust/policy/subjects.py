"""Whose certificates count of all that an authority has issued: those whose subject has certain attributes."""

import re
from dataclasses import dataclass

from cryptography import x509

from wasmbuild.trust.authority import Authority, Signer
from wasmbuild.trust.proof import Proof, Rejected

__all__ = ["OfSubjects", "parse_subject"]

_AFTER_COMMA = re.compile(r",\s+")
_LONGEST = 1000


def parse_subject(text: str) -> x509.Name:
    """Attributes in the form ``C=US, ST=WA, O=acme`` (RFC 4514, white space after commas allowed).

    Raises ValueError for another form, and for nothing at all, which would be anybody.
    """
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    name = x509.Name.from_rfc4514_string(_AFTER_COMMA.sub(",", text.strip()))
    if not list(name):
        raise ValueError("it names no attribute")
    return name


@dataclass(frozen=True, slots=True)
class OfSubjects:
    """Those of ``authority`` whose subject has all attributes of one of ``subjects``, and perhaps more.

    As the Notary Project has it for ``x509.subject`` (trust-store-trust-policy.md, "Trusted Identities").
    """

    authority: Authority
    subjects: tuple[x509.Name, ...]

    @property
    def name(self) -> str:
        """Who issues, and to whom."""
        return f"{self.authority.name}, for {' or '.join(each.rfc4514_string() for each in self.subjects)}"

    def check(self, proof: Proof, /) -> Signer:
        """Who signed. Raises Rejected, also for a certificate of somebody else."""
        signer = self.authority.check(proof)
        have = set(x509.load_der_x509_certificate(proof.material.chain[0]).subject)
        if not any(set(wanted) <= have for wanted in self.subjects):
            raise Rejected(f"its certificate is for {signer.identity}, who is not asked for")
        return signer
