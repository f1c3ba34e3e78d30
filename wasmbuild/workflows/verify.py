"""``verify``: that an artifact fulfils a demand, and what was found of its signatures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.content import Store
from registry.errors import Failure
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.errors import InvalidKey, PolicyDenied
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.authority import Authority, KeyAuthority
from wasmbuild.trust.discovery import Wanted, attestations_wanted, found, signatures_wanted
from wasmbuild.trust.evidence import Evidence, Outcome
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.verifier import Verifier, require, require_attestation
from wasmbuild.workflows.demand import Demand, Refused, refusal_of
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.verify_report import tell_held

if TYPE_CHECKING:
    from wasmbuild.trust.policy.verdict import Verdict

__all__ = ["Saying", "Verified", "load_public_key", "trusted_keys", "verify_remote"]


@dataclass(frozen=True, slots=True)
class Verified:
    """An artifact, and the evidence about it, whether that was enough or not.

    ``denied`` is what a policy came to that is not fulfilled.
    """

    remote: Remote
    evidence: Evidence
    denied: "Verdict | None" = None

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    @property
    def outcome(self) -> str:
        """What was asked for came to, in a word."""
        return self.evidence.outcome.value if self.denied is None else PolicyDenied.outcome

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The places in which the registry was asked for what is signed."""
        if self.remote.repository.lists_referrers:
            return ("the referrers API", "cosign's tags")
        return ("the tag that stands in for the referrers API, which this registry lacks", "cosign's tags")

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        found = Refused(self.remote, self.evidence, self.denied).to_json()
        return {**found, "lookedAt": list(self.looked_at)}


@dataclass(frozen=True, slots=True)
class Saying:
    """That one of ``authorities`` has signed it with ``annotations``, or attested something of each of ``types``."""

    authorities: tuple[Authority, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ()

    def check(self, remote: Remote, sink: Sink, /) -> Evidence:
        """The evidence. Raises Unsigned, InvalidSignature or InvalidAttestation, also for what the bytes contradict."""
        with refusal_of(remote):
            return self.insist(remote.repository, remote.descriptor, str(remote.pinned), remote.pinned.short, sink)

    def insist(self, store: Store, artifact: Descriptor, shown: str, short: str, sink: Sink) -> Evidence:
        """The same of an artifact anywhere, which is called ``shown``, and ``short`` in a line of progress."""
        with step(sink, "verify", short):
            evidence = self._evidence(store, artifact, self.types.__contains__ if self.types else signatures_wanted)
            if self.types and evidence.outcome is Outcome.UNSIGNED:
                evidence = self._evidence(store, artifact, attestations_wanted)  # to say what there is instead
            if not self.types:
                require(evidence, shown)
            for each in self.types:
                require_attestation(evidence, each, shown)
        if CAPABILITIES_V1 in self.types:
            from wasmbuild.workflows.capability_claim import compare_claims  # noqa: PLC0415  (few ask for it)

            compare_claims(store, artifact, short, evidence, sink)
        for reason in dict.fromkeys(finding.reason for finding in evidence.findings if finding.reason):
            sink(Note("warning", reason))
        return evidence

    def _evidence(self, store: Store, artifact: Descriptor, wanted: Wanted) -> Evidence:
        judged = Verifier(self.authorities, self.annotations).verify(artifact, found(store, artifact, wanted))
        return replace(judged, wanted=self.types)


def load_public_key(file: Path) -> PublicKey:
    """The public key in a file. Raises InvalidKey, which names the file: it may be one of several."""
    data = read_key_file(file)
    try:
        return PublicKey.load(data)
    except InvalidKey as failure:
        what = f"{file} cannot verify: {failure.what}"
        raise InvalidKey(what, cause=failure.cause, hint=failure.hint) from failure


def trusted_keys(files: "tuple[Path, ...]") -> tuple[KeyAuthority, ...]:
    """The keys in files, each as somebody who is trusted. Raises InvalidKey."""
    return tuple(KeyAuthority(load_public_key(file)) for file in files)


def verify_remote(reference: Reference, demand: Demand, *, registries: Registries, sink: Sink) -> Verified:
    """Insist that what a reference means now fulfils a demand.

    Raises what that raises otherwise; what it says of the evidence is then a Verified, as the failure's details.
    """
    remote = Remote.resolve(reference, registries)
    try:
        verified = Verified(remote, demand.check(remote, sink))
    except Failure as failure:
        if isinstance(failure.details, Refused):
            failure.details = Verified(remote, failure.details.evidence, failure.details.denied)
        raise
    tell_held(verified.evidence, sink)
    return verified
