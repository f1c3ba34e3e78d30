"""What a repository has of a version already, and whether that is what would be released.

What was made by the same action as it would be now is taken over, and is not made again: the key of the action is in
the provenance, which must be ours where we sign. So a second run finds nothing to do, on any machine, also where a
compiler gives other bytes each time. A journal only says where to look: whoever writes into ``dist`` decides nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from registry.errors import ContentNotFound
from registry.model import Descriptor
from wasmbuild.errors import InvalidAttestation, VersionTaken
from wasmbuild.events import ignore
from wasmbuild.trust.provenance import GIT_COMMIT, Provenance
from wasmbuild.workflows.provenances import find_origin
from wasmbuild.workflows.release.journal import Entry
from wasmbuild.workflows.release.scope import Item
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from registry.client.repository import Repository
    from wasmbuild.trust.authority import Authority

__all__ = ["Expected", "Known", "check_taken", "find_known", "meanings", "resolved"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is there already of the same sources: under its tag, or only staged by a release that was interrupted."""

    descriptor: Descriptor
    where: Literal["published", "staged"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What would be released: the key of its action, where that is known yet, and the commit that it is of.

    ``entry`` is what an interrupted release has staged; ``authorities`` are those who must have signed provenance.
    """

    key: str | None
    commit: str | None
    entry: Entry | None
    authorities: "Sequence[Authority]" = ()


def meanings(repository: "Repository", tags: Iterable[str], existing: Sequence[str]) -> dict[str, Descriptor]:
    """What those of some tags that exist mean now."""
    found = {tag: resolved(repository, tag) for tag in tags if tag in existing}
    return {tag: descriptor for tag, descriptor in found.items() if descriptor is not None}


def find_known(item: Item, repository: "Repository", now: Descriptor | None, expected: Expected) -> Known | None:
    """What need not be made again; ``now`` is what the version's tag means, None where there is no such tag.

    Raises VersionTaken when the version was made of another commit, by another action.
    """
    if expected.key is None:
        return None
    if now is None:
        return _staged(item, repository, expected)
    provenance = _provenance(Remote(item.reference, repository, now), expected.authorities)
    if provenance is None:
        return None
    if provenance.internal.get("actionKey") == expected.key:
        return Known(now, "published")
    made_of = provenance.source.digests.get(GIT_COMMIT) if provenance.source else None
    if made_of is not None and expected.commit is not None and made_of != expected.commit:
        raise VersionTaken(
            f"{item.reference} is released already, from other sources",
            cause=f"{now.digest} was built of the commit {made_of[:12]}, and this is {expected.commit[:12]}",
            hint="raise version in wasmbuild.toml",
        )
    return None


def check_taken(item: Item, now: Mapping[str, Descriptor], ours: Descriptor) -> None:
    """Insist that each of the version's tags is not there, or means what is ours. Raises VersionTaken."""
    for tag in item.version_tags:
        taken = now.get(tag, ours)
        if taken.digest != ours.digest:
            raise VersionTaken(
                f"{item.reference.name}:{tag} is released already, and is something else",
                cause=f"it is {taken.digest}, and this release is {ours.digest}",
                hint="raise version in wasmbuild.toml",
            )


def resolved(repository: "Repository", name: str) -> Descriptor | None:
    """What a tag or a digest means now; None where there is none."""
    try:
        return repository.resolve(name)
    except ContentNotFound:
        return None


def _staged(item: Item, repository: "Repository", expected: Expected) -> Known | None:
    if expected.entry is None or expected.entry.action_key != expected.key:
        return None
    found = resolved(repository, str(expected.entry.digest))
    said = None if found is None else _provenance(Remote(item.reference, repository, found), expected.authorities)
    if found is None or said is None or said.internal.get("actionKey") != expected.key:
        return None
    return Known(found, "staged")


def _provenance(remote: Remote, authorities: "Sequence[Authority]") -> Provenance | None:
    try:
        return find_origin(remote, authorities, ignore).provenance
    except InvalidAttestation:
        return None
