"""``interop``: who else accepts an artifact as signed, from what a registry has about it."""

from dataclasses import dataclass
from typing import Any

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import Failure
from registry.reference import Reference
from wasmbuild.events import Sink, step
from wasmbuild.trust.acceptance import Facts, Verdict, verdicts
from wasmbuild.trust.authority import Authority, KeyAuthority, Signer
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.discovery import all_wanted, found
from wasmbuild.trust.opened import open_candidate
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows.remote import Remote

__all__ = ["Interoperability", "interoperability"]


@dataclass(frozen=True, slots=True)
class Interoperability:
    """An artifact, and what each verifier makes of it; ``checked`` is whether it was said whom to trust."""

    remote: Remote
    verdicts: tuple[Verdict, ...]
    checked: bool

    @property
    def referrers(self) -> str:
        """Where the registry lists what refers to the artifact; the clients named here read both."""
        return "API" if self.remote.repository.lists_referrers else "tag"

    def lines(self) -> str:
        """The table for a person."""
        width = max(len(verdict.verifier) for verdict in self.verdicts)
        return "\n".join(
            f"{verdict.verifier:<{width}}  {'yes' if verdict.accepts else 'no':<3}  {verdict.reason}"
            f" ({verdict.basis.value})"
            for verdict in self.verdicts
        )

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        said = {"checked": self.checked, "referrers": self.referrers}
        return {**self.remote.to_json(), **said, "verifiers": [verdict.to_json() for verdict in self.verdicts]}


@dataclass(frozen=True, slots=True)
class _Anybody:
    """Takes every signature for a good one, where nobody said whom to trust: what is told is then the form alone."""

    name: str = "anybody"

    def check(self, proof: Proof, /) -> Signer:
        return Signer("whoever made it", "a certificate" if proof.material.chain else None)


def interoperability(
    reference: Reference, authorities: tuple[Authority, ...], *, registries: Registries, sink: Sink
) -> Interoperability:
    """Say which verifiers accept what a reference means now, if they trust ``authorities``, or whoever signed.

    Raises what the client raises, and what finding signatures does.
    """
    remote = Remote.resolve(reference, registries)
    with step(sink, "look", remote.pinned.short):
        candidates = found(remote.repository, remote.descriptor, all_wanted)
    from wasmbuild.trust.notation.authority import CertificateAuthority  # noqa: PLC0415  (few have one)

    evidence = Verifier(authorities or (_Anybody(),)).verify(remote.descriptor, candidates)
    keys = {each.name: each.key for each in authorities if isinstance(each, KeyAuthority)}
    unreadable = frozenset(filter(None, map(_unreadable, candidates)))
    notation_only = bool(authorities) and all(isinstance(each, CertificateAuthority) for each in authorities)
    facts = Facts(remote.pinned.name, evidence.findings, keys, unreadable, notation_only)
    return Interoperability(remote, verdicts(facts), bool(authorities))


def _unreadable(candidate: Candidate) -> Digest | None:
    """The manifest of a bundle that cannot be parsed."""
    if candidate.kind is not SignatureKind.BUNDLE or candidate.manifest is None:
        return None
    try:
        open_candidate(candidate)
    except Rejected:
        return None
    except Failure:
        return candidate.manifest.digest
    return None
