"""``copy``: an artifact from one place to another, as it is, with what goes along with it if that is wanted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.copying import CopyReport, copy, copy_with_referrers, on_side
from registry.digest import Digest
from registry.graph import walk
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.cosigntags import CosignTags
from wasmbuild.workflows.places import Name, Place, checked_tags, reading, set_tags, writing
from wasmbuild.workflows.platforms import Platform, find_manifest
from wasmbuild.workflows.remote import counted, observed

if TYPE_CHECKING:
    from wasmbuild.workflows.enforcing import PolicyDemand, Subject

__all__ = ["Along", "Copied", "copy_artifact"]


@dataclass(frozen=True, slots=True)
class Along:
    """What goes along: what refers to it (``referrers``), what cosign's tags name, or one platform alone."""

    referrers: bool = False
    cosign_tags: bool = False
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """An artifact that is in a second place now."""

    reference: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    cosign_tags: tuple[str, ...]
    report: CopyReport

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "reference": self.reference,
            "descriptor": self.descriptor.to_json(),
            "tags": list(self.tags),
            "cosignTags": list(self.cosign_tags),
            "copied": counted(self.report),
        }


def copy_artifact(
    source: str,
    destination: str,
    *,
    tags: Iterable[str],
    along: Along,
    demand: "PolicyDemand | None" = None,
    registries: Registries,
    sink: Sink,
) -> Copied:
    """Copy what ``source`` means to ``destination``; its tag and ``tags`` are set last.

    It must fulfil ``demand``; what is in no registry is judged as what it becomes. A destination without any
    tag takes the source's. Raises, before anything is opened, UsageFailed and InvalidReference for places
    that cannot be meant; then what ``demand`` and copying raise.
    """
    origin, target = Name.parse(source), _target(destination)
    wanted = _tags(origin, target, tags)
    with on_side("source"), reading(origin, registries) as have:
        asked = have.resolve()
        if demand is not None:
            for subject in _subjects(have, asked, origin, target, wanted):
                demand.insist(subject, sink)
        root = _meant(have, asked, along.platform, sink)
        named = CosignTags(have.store) if along.cosign_tags else None
        with on_side("destination"), writing(target, registries) as want:
            report = _move(have, want, root, along.referrers, named, registries.settings.concurrency, sink)
            found = named.found if named else {}
            for name, document in found.items():
                want.store.tag(document, name)
            set_tags(want, root, wanted, sink)
    return Copied(want.pinned(root), root, wanted, tuple(sorted(found)), report)


def _target(text: str) -> Name:
    target = Name.parse(text)
    if target.digest is not None:
        raise UsageFailed(f"{text} names a digest, and the content decides it", hint=f"leave out @{target.digest}")
    return target


def _tags(origin: Name, target: Name, more: Iterable[str]) -> tuple[str, ...]:
    given = checked_tags([*([target.tag] if target.tag else []), *more])
    wanted = given or ((origin.tag,) if origin.tag and not origin.digest else ())
    if not wanted and target.kind == "oci-archive":
        raise UsageFailed(
            f"{target.where} names no tag", cause="an archive keeps what has one", hint=f"{target.where}:1.0.0"
        )
    return wanted


def _subjects(place: Place, root: Descriptor, origin: Name, target: Name, tags: tuple[str, ...]) -> "Iterator[Subject]":
    """The very content that is copied, as what is judged: by its name in a registry, else by all that it becomes."""
    from wasmbuild.workflows.enforcing import Subject  # noqa: PLC0415  (with cryptography)

    if origin.kind == "registry":
        asked = replace(Reference.parse(origin.where), tag=origin.tag, digest=origin.digest)
        yield Subject.of(place.store, root, asked)
    elif target.kind == "registry":
        becomes = Reference.parse(target.where)
        for tag in tags:
            yield Subject.of(place.store, root, replace(becomes, tag=tag))
        if not tags:
            yield Subject.of(place.store, root, becomes.pinned(root.digest))
    else:
        yield Subject(place.store, root, place.pinned(root))


def _meant(place: Place, root: Descriptor, platform: Platform | None, sink: Sink) -> Descriptor:
    if platform is None:
        return root
    found = find_manifest(place.store, root, platform)[0]
    sink(Note("info", f"{root.digest} is an index: only {found.digest} of it, for {platform}, is copied"))
    return found


def _move(
    have: Place, want: Place, root: Descriptor, referrers: bool, named: CosignTags | None, concurrency: int, sink: Sink
) -> CopyReport:
    hooks = observed(sink)
    if referrers:
        companions = named.of if named else None
        return copy_with_referrers(
            have.store, want.store, root, companions=companions, hooks=hooks, concurrency=concurrency
        )
    report, waiting, seen = CopyReport(), [root], set[Digest]()
    while waiting:
        document = waiting.pop()
        if document.digest not in seen:
            seen.add(document.digest)
            report += copy(have.store, want.store, document, hooks=hooks, concurrency=concurrency)
            waiting += _named_below(have, document, named) if named else []
    return report


def _named_below(place: Place, root: Descriptor, named: CosignTags) -> list[Descriptor]:
    """What the tags of a document, and of those below it, mean."""
    with on_side("source"):
        documents = [content for content, data in walk(place.store, root) if data is not None]
        return [found for document in documents for found in named.of(document)]
