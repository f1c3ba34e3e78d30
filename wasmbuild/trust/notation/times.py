"""Times: when a signature was there already, by a token that its signer has got for it (RFC 3161).

The token is over the signature as its envelope has it. Its authority's certificates come along in it, up
to a root that must be trusted for this.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from wasmbuild.trust.pem import MAX_CERTIFICATES
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import (
    TIME_STAMPING,
    check_chain,
    check_usage,
    issued_as,
    parse_certificate,
)
from wasmbuild.trust.sigstore.timestamps import Timestamp

__all__ = ["stamped_at"]


def stamped_at(token: bytes, signature: bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """When ``signature`` was there, by the word of an authority below one of ``roots``. Raises Rejected."""
    stamp = Timestamp.parse_token(token)
    if not stamp.is_over(signature):
        raise Rejected("its timestamp is of another signature")
    leaf, *above = _chain(stamp, roots)
    stamp.check_signed_by(leaf)
    check_usage(leaf, TIME_STAMPING, "timestamps")
    check_chain(leaf, above, stamp.made_at, TIME_STAMPING)
    return stamp.made_at


def _chain(stamp: Timestamp, roots: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """From the certificate that the token names to a trusted root, by what came along; no signature is looked at."""
    if len(stamp.certificates) > MAX_CERTIFICATES:
        raise Rejected(f"its timestamp has more than {MAX_CERTIFICATES} certificates")
    left = [parse_certificate(each) for each in stamp.certificates]
    chain = [each for each in left if issued_as(each) == (stamp.issuer, stamp.serial)][:1]
    if not chain:
        raise Rejected("its timestamp has no certificate of who signed it")
    while True:
        wanted = chain[-1].issuer
        trusted = [root for root in roots if root.subject == wanted and _may_have_issued(root, chain[-1])]
        if trusted:
            return [*chain, trusted[0]]
        left = [each for each in left if each not in chain]
        above = [each for each in left if each.subject == wanted]
        if not above:
            raise Rejected("its timestamp is of no authority that is trusted")
        chain.append(above[0])


def _may_have_issued(root: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether it is this one of several roots that have the same name."""
    try:
        below.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
