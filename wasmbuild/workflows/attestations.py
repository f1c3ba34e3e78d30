"""``attestations``: what is attested of an artifact, by whom, and the predicate of one that holds.

Without anybody who is trusted it is a list of what claims to be attested. Not here: what must be (``verify``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import Failure
from registry.model import Descriptor
from registry.reference import Reference
from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.trust.attesting import essence
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.discovery import attestations_wanted, found
from wasmbuild.trust.evidence import Evidence, Finding
from wasmbuild.trust.opened import open_candidate
from wasmbuild.trust.predicates import short_name
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.statement import Statement
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows.attest import required_attestations
from wasmbuild.workflows.demand import refusal_of
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority

__all__ = ["Listed", "ambiguous", "attested_predicate", "kept_to", "list_attestations", "statements_of"]

_SHOWN = 5
_NOT_VERIFIED = "not verified"


@dataclass(frozen=True, slots=True)
class Listed:
    """An artifact and what is attested of it; ``verified`` says whether somebody was trusted."""

    remote: Remote
    evidence: Evidence
    findings: tuple[Finding, ...]
    verified: bool

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def lines(self) -> str:
        """For people: a line for each, which begins with whether it holds."""
        return "\n".join(self._line(finding) for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "verified": self.verified,
            "trusted": list(self.evidence.asked),
            "attestations": [finding.to_json() for finding in self.findings],
        }

    def _line(self, finding: Finding) -> str:
        state = "holds" if finding.holds else "invalid" if self.verified else _NOT_VERIFIED
        name = printable(short_name(finding.predicate_type or "unknown"), 200)
        where = finding.manifest.digest if finding.manifest else ""
        why = finding.reason if self.verified else None
        said = f" by {printable(finding.signer.identity, 200)}" if finding.signer else f": {why}" if why else ""
        return f"{state:<12} {name} ({finding.kind.value}, {where}){said}"


def list_attestations(
    reference: Reference,
    authorities: "Sequence[Authority]",
    predicate_type: str | None = None,
    manifest: Digest | None = None,
    *,
    registries: Registries,
    sink: Sink,
) -> Listed:
    """Find what is attested of what a reference means now, of all types or of one, and judge it.

    With ``manifest`` only what is in that one.

    Raises what the client raises, and what is found where attestations should be and is none.
    """
    remote = Remote.resolve(reference, registries)
    wanted = attestations_wanted if predicate_type is None else predicate_type.__eq__
    with step(sink, "verify" if authorities else "list", remote.pinned.short):
        candidates = found(remote.repository, remote.descriptor, wanted)
        evidence = kept_to(_judged(remote, authorities, candidates), manifest)
    findings = [each for each in evidence.attestations if predicate_type in {None, each.predicate_type}]
    return Listed(remote, evidence, tuple(sorted(findings, key=_place)), bool(authorities))


def attested_predicate(listed: Listed, predicate_type: str) -> bytes:
    """The predicate of the one attestation of a type that holds, as JSON; its forms count as one.

    Raises InvalidAttestation for none, UsageFailed for several that say different things.
    """
    with refusal_of(listed.remote):
        held = required_attestations(listed.evidence, predicate_type)
    said = {essence(statement): (statement, finding) for statement, finding in statements_of(held)[::-1]}
    if len(said) != 1:
        raise ambiguous(
            f"{listed.reference} has {len(said)} attestations of that type which hold, and say different things",
            [finding.manifest for _, finding in said.values()],
            f"wasmbuild attestations {listed.reference} --type {pasted(short_name(predicate_type))}"
            " --key wasmbuild.pub -o predicate.json",
        )
    ((statement, _),) = said.values()
    return json.dumps(statement.predicate, indent=2, ensure_ascii=False).encode() + b"\n"


def kept_to(evidence: Evidence, manifest: Digest | None) -> Evidence:
    """The same of what one manifest has alone, where one is named."""
    if manifest is None:
        return evidence
    kept = (each for each in evidence.findings if each.manifest is not None and each.manifest.digest == manifest)
    return replace(evidence, findings=tuple(kept))


def statements_of(held: Sequence[Finding]) -> list[tuple[Statement, Finding]]:
    """What each of those that hold says; bundles, which have a manifest of their own, come first."""
    found = [(each.claim.statement, each) for each in held if each.claim and each.claim.statement]
    return sorted(found, key=lambda said: (said[1].kind is not SignatureKind.BUNDLE, _place(said[1])))


def ambiguous(what: str, manifests: Sequence[Descriptor | None], command: str) -> UsageFailed:
    """That several things are there of which one is asked for, and the command that asks for the first of them."""
    digests = sorted({str(each.digest) for each in manifests if each is not None})
    more = [f"and {len(digests) - _SHOWN} more"] if len(digests) > _SHOWN else []
    cause = "\n".join([*(f"in {digest}" for digest in digests[:_SHOWN]), *more])
    shared = "they share the manifest of the .att tag: trust fewer keys"
    return UsageFailed(what, cause=cause or None, hint=f"{command} --manifest {digests[0]}" if digests[1:] else shared)


def _place(finding: Finding) -> tuple[str, str, str]:
    """By type, form and manifest: the order of a registry is none."""
    digest = str(finding.manifest.digest) if finding.manifest else ""
    return (short_name(finding.predicate_type or ""), finding.kind.value, digest)


def _judged(remote: Remote, authorities: "Sequence[Authority]", candidates: Sequence[Candidate]) -> Evidence:
    if authorities:
        return Verifier(authorities).verify(remote.descriptor, candidates)
    return Evidence(remote.descriptor.digest, (), tuple(_unverified(each) for each in candidates))


def _unverified(candidate: Candidate) -> Finding:
    """What a candidate claims to be, when nobody is trusted; nothing of it is believed."""
    predicate_type, why = candidate.declared, _NOT_VERIFIED
    try:
        predicate_type = open_candidate(candidate).statement.predicate_type
    except (Failure, Rejected) as failure:
        why = f"{_NOT_VERIFIED}, and malformed: {failure}"
    return Finding(candidate.kind, candidate.manifest, predicate_type, reason=why)
