"""``verify --offline``: that all artifacts of an archive, or of a layout, fulfil a demand; no network is used.

Who is trusted is said beside the archive, never in it.
"""

import os
from dataclasses import dataclass, replace
from typing import Any

from registry.content import Store
from registry.digest import Digest
from registry.errors import ContentNotFound, GraphTooLarge
from registry.graph import walk
from registry.model import Descriptor
from registry.reference import Reference
from registry.words import pasted
from wasmbuild.errors import PolicyDenied, Unsigned, UsageFailed
from wasmbuild.events import Sink
from wasmbuild.trust.evidence import Evidence, Outcome
from wasmbuild.workflows.archives import Artifact, artifacts_in
from wasmbuild.workflows.companion_tags import companion_fault, looks_like_companion
from wasmbuild.workflows.demand import Demand, SignedBy, refusal_of
from wasmbuild.workflows.enforcing import PolicyDemand, Subject
from wasmbuild.workflows.places import Name
from wasmbuild.workflows.verify import Saying
from wasmbuild.workflows.verify_report import tell_held

__all__ = ["Offline", "VerifiedArtifact", "verify_offline"]

MAX_TAGS = 100
"""Tags of one artifact that a policy is asked about."""

_NAMED = "where rules are for a repository, say which it is from: --as HOST/REPOSITORY"


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
        """The document of the command; a policy may accept what nothing is signed about, and then that is said."""
        held = (any(finding.holds for finding in each.evidence.findings) for each in self.artifacts)
        outcome = Outcome.VERIFIED if all(held) else Outcome.UNSIGNED
        return {"outcome": outcome.value, "artifacts": [each.to_json() for each in self.artifacts]}


def verify_offline(text: str, demand: Demand, name: str | None, sink: Sink) -> Offline:
    """Insist that every artifact of an archive, or the one with the tag that is named, fulfils a demand.

    ``text`` is the path of a tar file, ``oci-archive:FILE[:TAG]`` or ``oci:FOLDER[:TAG]``; ``name`` is what the
    artifacts are called in a registry, for a policy. Raises UsageFailed, ContentNotFound, InvalidDocument,
    DigestMismatch, GraphTooLarge for an artifact with too many tags for a policy, and what the demand raises.
    """
    place = Name.parse(text if text.startswith(("oci:", "oci-archive:")) else f"oci-archive:{text}")
    asked = None if name is None else Reference.parse(name)
    if asked is not None and asked.digest is not None:
        raise UsageFailed(f"{name} has a digest, and the archive decides it", hint=f"--as {asked.name}")
    _check_file(place)
    with artifacts_in(place) as (store, artifacts):
        own = [each for each in artifacts if not _is_beside(store, each)]
        if not own:
            raise ContentNotFound(f"{place.where} has no artifacts")
        whole = _Whole(store)
        return Offline(tuple(VerifiedArtifact(each, _check(demand, whole, each, asked, sink)) for each in own))


class _Whole:
    """A store of which more than signatures is looked at: what is signed has to be there, and to be what it was."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seen: set[Digest] = set()

    def check(self, descriptor: Descriptor) -> None:
        """Read all that an artifact is made of, once for all of them. Raises ContentNotFound, DigestMismatch."""
        for node, document in walk(self.store, descriptor):
            if document is None and node.digest not in self._seen:
                with self.store.fetch(node) as content:
                    for _ in content:
                        pass
                self._seen.add(node.digest)


def _check_file(place: Name) -> None:
    """See that something is there, of the kind that was said. Raises UsageFailed, as for any file that is named."""
    if place.path is None:
        return
    if not os.path.exists(place.path):  # noqa: PTH110 - of a name that is too long, too
        raise UsageFailed(f"{place.path} cannot be read", cause="there is no such file or folder")
    if place.kind == "oci-archive" and place.path.is_dir():
        hint = f"if it is an OCI image layout: wasmbuild verify --offline {pasted(f'oci:{place.path}')} …"
        raise UsageFailed(f"{place.path} is a folder, and no archive", hint=hint)


def _check(demand: Demand, whole: _Whole, artifact: Artifact, asked: Reference | None, sink: Sink) -> Evidence:
    try:
        evidence = _insist(demand, whole.store, artifact, asked, sink)
    except Unsigned as failure:
        where = f"{asked.name if asked else 'HOST/REPOSITORY'}@{artifact.descriptor.digest}"
        failure.hint = f"sign it where it is from, and save it again: wasmbuild sign {where} --key wasmbuild.key"
        raise
    except PolicyDenied as failure:
        failure.hint = _NAMED if asked is None else None  # no registry can be asked what the policy says of it
        raise
    whole.check(artifact.descriptor)
    tell_held(evidence, sink)
    return evidence


def _insist(demand: Demand, store: Store, artifact: Artifact, asked: Reference | None, sink: Sink) -> Evidence:
    descriptor, shown = artifact.descriptor, artifact.reference
    if isinstance(demand, PolicyDemand):
        first, *more = [Subject(store, descriptor, shown, named) for named in _named(asked, artifact)]
        evidence = demand.insist(first, sink)
        for subject in more:
            demand.insist(subject, sink)
        return evidence
    if isinstance(demand, SignedBy):
        demand = Saying(tuple(demand.authorities))
    if isinstance(demand, Saying):
        with refusal_of(artifact):
            return demand.insist(store, descriptor, shown, shown, sink)
    raise UsageFailed("what is asked for cannot be asked of an archive")


def _named(asked: Reference | None, artifact: Artifact) -> list[Reference | None]:
    """What a policy is told: all tags of the archive's own count where the person has named none, each by itself.

    Raises GraphTooLarge for too many of them.
    """
    if asked is None or asked.tag is not None:
        return [asked]
    if not artifact.tags:
        return [replace(asked, digest=artifact.descriptor.digest)]
    if len(artifact.tags) > MAX_TAGS:
        said = f"a policy is asked about each of them, and about {MAX_TAGS} at most"
        what = f"{artifact.reference} has {len(artifact.tags)} tags"
        raise GraphTooLarge(what, cause=said, hint=f"name the one that is meant: --as {asked.name}:{artifact.tags[0]}")
    return [replace(asked, tag=tag) for tag in artifact.tags]


def _is_beside(store: Store, artifact: Artifact) -> bool:
    """Whether it is there for another one: all its tags say so, and it is what they say."""
    return bool(artifact.tags) and all(
        looks_like_companion(tag) and companion_fault(store, tag, artifact.descriptor) is None for tag in artifact.tags
    )
