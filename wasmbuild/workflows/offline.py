"""``verify --offline``: that all artifacts of an archive, or of a layout, fulfil a demand; no network is used.

Who is trusted is said beside the archive, never in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.content import Store
from registry.errors import ContentNotFound
from registry.reference import Reference
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.authority import Authority
from wasmbuild.trust.discovery import attestations_wanted, found, signatures_wanted
from wasmbuild.trust.evidence import Evidence
from wasmbuild.trust.verifier import Verifier, require, require_attestation
from wasmbuild.workflows.archives import Artifact, artifacts_in
from wasmbuild.workflows.companion_tags import companion_fault, looks_like_companion
from wasmbuild.workflows.demand import Demand, SignedBy
from wasmbuild.workflows.enforcing import PolicyDemand, Subject
from wasmbuild.workflows.places import Name
from wasmbuild.workflows.verify import Saying

__all__ = ["Offline", "VerifiedArtifact", "verify_offline"]


@dataclass(frozen=True, slots=True)
class VerifiedArtifact:
    """An artifact of an archive that holds, and the evidence."""

    artifact: Artifact
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """An entry of the document of the command."""
        return {**self.artifact.to_json(), **self.evidence.to_json()}


@dataclass(frozen=True, slots=True)
class Offline:
    """All artifacts of an archive."""

    artifacts: tuple[VerifiedArtifact, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {"outcome": "verified", "artifacts": [each.to_json() for each in self.artifacts]}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who must have signed or attested, and what."""

    authorities: Sequence[Authority]
    annotations: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ()

    def check(self, subject: Subject, sink: Sink) -> Evidence:
        """The evidence. Raises Unsigned, InvalidSignature, InvalidAttestation."""
        with step(sink, "verify", subject.short):
            wanted = attestations_wanted if self.types else signatures_wanted
            candidates = found(subject.store, subject.descriptor, wanted)
            evidence = Verifier(self.authorities, self.annotations).verify(subject.descriptor, candidates)
            if not self.types:
                require(evidence, subject.shown)
            for each in self.types:
                require_attestation(evidence, each, subject.shown)
        for reason in dict.fromkeys(finding.reason for finding in evidence.findings if finding.reason):
            sink(Note("warning", reason))
        return evidence


def verify_offline(text: str, demand: Demand, name: str | None, sink: Sink) -> Offline:
    """Insist that every artifact of an archive, or the one with the tag that is named, fulfils a demand.

    ``text`` is the path of a tar file, ``oci-archive:FILE[:TAG]`` or ``oci:FOLDER[:TAG]``; ``name`` is what the
    artifacts are called in a registry, for a policy. Raises UsageFailed, ContentNotFound, InvalidDocument, and
    what the demand raises.
    """
    place = Name.parse(text if text.startswith(("oci:", "oci-archive:")) else f"oci-archive:{text}")
    asked = None if name is None else Reference.parse(name)
    if asked is not None and asked.digest is not None:
        raise UsageFailed(f"{name} has a digest, and the archive decides it", hint=f"--as {asked.name}")
    with artifacts_in(place) as (store, artifacts):
        own = [each for each in artifacts if not _is_beside(store, each)]
        if not own:
            raise ContentNotFound(f"{place.where} has no artifacts")
        return Offline(tuple(VerifiedArtifact(each, _check(demand, store, each, asked, sink)) for each in own))


def _check(demand: Demand, store: Store, artifact: Artifact, asked: Reference | None, sink: Sink) -> Evidence:
    subject = Subject(store, artifact.descriptor, artifact.reference, _named(asked, artifact))
    if isinstance(demand, PolicyDemand):
        return demand.insist(subject, sink)
    if isinstance(demand, Saying):
        return _Wanted(demand.authorities, demand.annotations, demand.types).check(subject, sink)
    if isinstance(demand, SignedBy):
        return _Wanted(demand.authorities).check(subject, sink)
    raise UsageFailed("what is asked for cannot be asked of an archive")


def _named(asked: Reference | None, artifact: Artifact) -> Reference | None:
    """What a policy is told: a tag of the archive's own counts where the person has named none."""
    if asked is None or asked.tag is not None:
        return asked
    tag = next(iter(artifact.tags), None)
    return replace(asked, tag=tag, digest=None if tag else artifact.descriptor.digest)


def _is_beside(store: Store, artifact: Artifact) -> bool:
    """Whether it is there for another one: all its tags say so, and it is what they say."""
    return bool(artifact.tags) and all(
        looks_like_companion(tag) and companion_fault(store, tag, artifact.descriptor) is None for tag in artifact.tags
    )
