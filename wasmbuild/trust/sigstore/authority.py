"""IdentityAuthority: somebody who has proved to an OpenID issuer who they are, and signed with a certificate of that.

The check is the one of sigstore's client specification, and offline: signature, log, time, chain,
certificate log, and last of all whether the certificate is for whom we ask.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from wasmbuild.trust.authority import Signer
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.patterns import Pattern
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.sigstore.certificates import (
    CODE_SIGNING,
    Named,
    check_chain,
    check_usage,
    named_in,
    parse_certificate,
    public_key_of,
)
from wasmbuild.trust.sigstore.sct import check_logged
from wasmbuild.trust.sigstore.times import check_timestamp
from wasmbuild.trust.sigstore.transparency import Logged, check_log_entry
from wasmbuild.trust.sigstore.trusted_root import CertificateAuthority, TrustedRoot

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["Expected", "IdentityAuthority", "Thresholds"]

_SHOWN = 3
_MAX_SHOWN = 200

_Held = TypeVar("_Held")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a certificate must say: a text, or with ``pattern`` a regular expression that all of it matches."""

    text: str
    pattern: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for no text at all, and for an expression that is none."""
        if not self.text:
            raise ValueError("nothing is expected")
        if self.pattern:
            Pattern.parse(self.text)

    def __str__(self) -> str:
        return f"any that matches {self.text}" if self.pattern else self.text

    def matches(self, said: str) -> bool:
        """Whether it is this one."""
        return Pattern.parse(self.text).matches(said) if self.pattern else said == self.text


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many different ones must vouch: logs for the signature, times, and logs for the certificate."""

    logs: int = 1
    times: int = 1
    certificate_logs: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for a number below one: that would be nobody."""
        if min(self.logs, self.times, self.certificate_logs) < 1:
            raise ValueError("a threshold is at least one")


@dataclass(frozen=True, slots=True)
class IdentityAuthority:
    """Whoever ``issuer`` (an OpenID issuer's URL) says is ``identity`` (a URL, an address or a name)."""

    identity: Expected
    issuer: Expected
    trusted_root: TrustedRoot = field(repr=False)
    thresholds: Thresholds = Thresholds()

    @property
    def name(self) -> str:
        """The identity, and who says so."""
        return f"{self.identity} by {self.issuer}"

    def check(self, proof: Proof, /) -> Signer:
        """Who of this authority made a signature, and when. Raises Rejected."""
        leaf, key = _leaf(proof)
        if not key.verify(proof.signature, proof.message):
            raise Rejected("it is not valid for the certificate that came along: something was changed")
        times = self._times(proof, key)
        self._check_certificate(leaf, times)
        named = named_in(leaf)
        if not (self.identity.matches(named.identity) and self.issuer.matches(named.issuer)):
            raise Rejected(f"it was made by {_shown(named)}")
        return Signer(named.identity, named.issuer, min(times), key.fingerprint)

    def _times(self, proof: Proof, key: PublicKey) -> list[datetime]:
        """When the signature was there already. Raises Rejected unless it is in as many logs as must have it."""
        root, material, reasons = self.trusted_root, proof.material, list[str]()
        logged = _held(
            (partial(check_log_entry, each, proof, key, root.logs) for each in material.log_entries), reasons
        )
        trusted = root.timestamp_authorities
        stamped = _held(
            (partial(check_timestamp, each, proof.signature, trusted) for each in material.timestamps), reasons
        )
        times = [*stamped, *((each.log.key.der, each.at) for each in logged if each.at is not None)]
        _need("transparency logs have it", {each.log.key.der for each in logged}, self.thresholds.logs, reasons)
        _need("times are vouched for", {who for who, _ in times}, self.thresholds.times, reasons)
        moments = [moment for _, moment in times]
        _check_windows(logged, moments)
        return moments

    def _check_certificate(self, leaf: "Certificate", times: list[datetime]) -> None:
        """That one of the authorities has issued it, for signing, publicly, and that it was valid each time."""
        check_usage(leaf, CODE_SIGNING, "signing code")
        reasons: list[str] = []
        for authority in self.trusted_root.authorities:
            try:
                return self._check_issued(leaf, authority, times)
            except Rejected as rejected:
                reasons.append(str(rejected))
        raise Rejected(_joined(reasons) or "the trusted root has no certificate authority")

    def _check_issued(self, leaf: "Certificate", authority: CertificateAuthority, times: list[datetime]) -> None:
        for moment in times:
            check_chain(leaf, authority.chain, moment, CODE_SIGNING)
            if not authority.window.holds(moment):
                raise Rejected(f"a certificate authority was not trusted at {moment.isoformat()}")
        logs = self.trusted_root.certificate_logs
        check_logged(leaf, authority.chain[0], logs, self.thresholds.certificate_logs)


def _leaf(proof: Proof) -> "tuple[Certificate, PublicKey]":
    if not proof.material.chain:
        raise Rejected("it was made with a key, and not with a certificate")
    leaf = parse_certificate(proof.material.chain[0])
    return leaf, public_key_of(leaf)


def _held(checks: Iterable[Callable[[], _Held]], reasons: list[str]) -> list[_Held]:
    """What the checks come to that hold; of the others, the reasons."""
    held: list[_Held] = []
    for check in checks:
        try:
            held.append(check())
        except Rejected as rejected:
            reasons.append(str(rejected))
    return held


def _need(what: str, found: set[bytes], needed: int, reasons: list[str]) -> None:
    """Insist on a number of different ones: entries under one key are of one log. Raises Rejected."""
    if len(found) < needed:
        why = f": {_joined(reasons)}" if reasons else ""
        raise Rejected(f"{len(found)} {what}, and {needed} must{why}")


def _check_windows(logged: list[Logged], moments: list[datetime]) -> None:
    """That a log which dates nothing itself was trusted at the times that others say. Raises Rejected."""
    for each in logged:
        if each.at is None and not all(each.log.window.holds(moment) for moment in moments):
            raise Rejected("a log was not trusted when it made an entry")


def _joined(reasons: list[str]) -> str:
    return "; ".join(list(dict.fromkeys(reasons))[:_SHOWN])


def _shown(named: Named) -> str:
    return f"{named.identity[:_MAX_SHOWN]!r}, as {named.issuer[:_MAX_SHOWN]!r} says"
