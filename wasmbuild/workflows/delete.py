"""``delete``: a tag, a manifest or a blob of a registry; never more than was asked for.

Everything here asks the registry itself, never a mirror of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import (
    ContentTooLarge,
    DigestMismatch,
    GraphTooLarge,
    RegistryRefused,
    RemoteNotFound,
    UnexpectedAnswer,
)
from registry.model import Descriptor
from registry.reference import Reference
from registry.words import pasted
from registry.workers import Workers
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.discover import Discovered, Found, discover
from wasmbuild.workflows.locals import in_registry
from wasmbuild.workflows.places import Place

if TYPE_CHECKING:
    from registry.client.repository import Repository

__all__ = ["Deletion", "delete_blob", "delete_tag", "parse_target", "plan_deletion"]

_MOST_TAGS = 100
"""Tags that are looked up to find those that mean a manifest."""
_CANNOT = frozenset({400, 405, 501})
"""How a registry says that it does not delete tags (distribution-spec 1.1, "Deleting tags", and what others answer)."""


def parse_target(text: str) -> Reference:
    """What shall be deleted: one tag, or one digest.

    Raises UsageFailed for both, for neither, and for a layout; InvalidReference.
    """
    reference = in_registry(text, "delete", hint="copy what shall stay to a new one: wasmbuild copy")
    if reference.tag and reference.digest:
        name = reference.name
        raise UsageFailed(
            f"{text} names a tag and a digest",
            cause="a tag is deleted without its manifest, a manifest with all its tags",
            hint=f"wasmbuild delete {name}:{reference.tag}\nwasmbuild delete {name}@{reference.digest}",
        )
    if reference.selector is None:
        raise UsageFailed(f"{text} names neither a tag nor a digest", hint=f"wasmbuild tags {pasted(text)}")
    return reference


def delete_tag(reference: Reference, *, registries: Registries, sink: Sink) -> bool:
    """Delete a tag, and not the manifest behind it; False when there is no such tag.

    Raises RegistryRefused, with the way out, for a registry that cannot do that.
    """
    assert reference.tag is not None
    repository, tag = _repository(reference, registries), reference.tag
    try:
        meant = _meaning(repository, tag)
    except RemoteNotFound:
        return False
    try:
        with step(sink, "delete", reference.short):
            repository.untag(tag)
    except RemoteNotFound as failure:
        if meant is None or _meant_by(repository, [tag], meant.digest) != [tag]:
            return False
        raise _cannot(repository, reference, meant, failure.cause, 404) from failure
    except RegistryRefused as failure:
        if failure.status not in _CANNOT or meant is None:
            raise
        raise _cannot(repository, reference, meant, failure.cause, failure.status) from failure
    if meant is not None:
        _tell_what_is_left(repository, reference.pinned(meant.digest), meant, sink)
    return True


def delete_blob(reference: Reference, *, registries: Registries, sink: Sink) -> bool:
    """Delete a blob, whatever needs it; False when there is none."""
    assert reference.digest is not None
    try:
        with step(sink, "delete", reference.short):
            _repository(reference, registries).delete_blob(reference.digest)
    except RemoteNotFound:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Deletion:
    """A manifest that shall go, what goes with it, and what loses its subject.

    ``tags`` are those that were found to mean it; not ``all_tags`` when there may be more.
    """

    repository: "Repository"
    reference: Reference
    discovered: Discovered
    tags: tuple[str, ...]
    all_tags: bool

    def carry_out(self, sink: Sink, *, referrers: bool) -> Iterator[str]:
        """Delete, what refers to others first and the manifest last; yields what has gone, by digest or tag.

        Raises GraphTooLarge, before anything is deleted, when not all referrers are known.
        """
        if referrers and not self.discovered.complete:
            raise GraphTooLarge(f"more refers to {self.reference} than can be deleted with it")
        for node in _deepest_first(self.discovered.referrers) if referrers else ():
            yield from self._delete_referrer(node, sink)
        if self._delete(self.discovered.descriptor.digest, sink):
            yield str(self.reference)

    def _delete_referrer(self, node: Found, sink: Sink) -> Iterator[str]:
        if node.tag is None:
            if self._delete(node.descriptor.digest, sink):
                yield node.reference
            return
        name = f"{self.reference.name}:{node.tag}"
        try:  # only the tag: anybody who may push can let it mean another manifest
            self.repository.untag(node.tag)
            yield name
        except RemoteNotFound:
            return
        except RegistryRefused as failure:
            if failure.status not in _CANNOT:
                raise
            sink(Note("warning", f"{name} stays: the registry cannot delete a tag alone"))

    def _delete(self, digest: Digest, sink: Sink) -> bool:
        try:
            with step(sink, "delete", self.reference.pinned(digest).short):
                self.repository.delete(digest)
        except RemoteNotFound:
            return False  # somebody else was faster
        return True


def plan_deletion(reference: Reference, *, find_tags: bool, registries: Registries, sink: Sink) -> Deletion | None:
    """What it would mean to delete a manifest; None when there is no such manifest.

    ``find_tags``: look which tags would go with it.
    """
    repository = _repository(reference, registries)
    place = Place(repository, reference.name, None, reference.digest)
    concurrency = registries.settings.concurrency
    try:
        discovered = discover(place, concurrency=concurrency, sink=sink)
    except RemoteNotFound:
        return None
    digest = discovered.descriptor.digest
    tags, all_tags = _tags_of(repository, digest, concurrency) if find_tags else ((), False)
    return Deletion(repository, reference, discovered, tags, all_tags)


def _deepest_first(nodes: Iterable[Found]) -> Iterator[Found]:
    for node in nodes:
        yield from _deepest_first(node.referrers)
        yield node


def _repository(reference: Reference, registries: Registries) -> "Repository":
    from registry.client.repository import Repository  # noqa: PLC0415 - imports requests and oras

    return Repository(registries.transport(reference.host), reference.repository)


def _meaning(repository: "Repository", tag: str) -> Descriptor | None:
    """What a tag means; None when that is nothing that we can read."""
    try:
        return repository.resolve(tag)
    except (ContentTooLarge, DigestMismatch, UnexpectedAnswer):
        return None


def _meant_by(repository: "Repository", names: Iterable[str], digest: Digest, concurrency: int = 4) -> list[str]:
    """Those of the tags that mean a manifest."""
    found: list[str] = []
    workers = Workers(concurrency)

    def asked(name: str) -> str | None:
        try:
            descriptor = _meaning(repository, name)
        except RemoteNotFound:
            return None
        return name if descriptor is not None and descriptor.digest == digest else None

    for name in names:
        workers.add(partial(asked, name), lambda name: found.append(name) if name else None)
    workers.run()
    return sorted(found)


def _tags_of(repository: "Repository", digest: Digest, concurrency: int = 4) -> tuple[tuple[str, ...], bool]:
    """The tags that mean a manifest, and whether all tags were looked at."""
    try:
        names = repository.tags()
    except (RegistryRefused, RemoteNotFound, ContentTooLarge, UnexpectedAnswer):
        return (), False
    found = _meant_by(repository, names[:_MOST_TAGS], digest, concurrency)
    return tuple(found), len(names) <= _MOST_TAGS


def _cannot(
    repository: "Repository", reference: Reference, meant: Descriptor, words: str | None, status: int
) -> RegistryRefused:
    """The failure of a registry that deletes manifests only: how to do that, and what else it would take."""
    tags, all_tags = _tags_of(repository, meant.digest)
    others = [tag for tag in tags if tag != reference.tag]
    lines = [words or ""]
    if others:
        lines.append(f"these tags mean the same manifest, and would go with it: {', '.join(others)}")
    if not all_tags:
        lines.append("there may be more tags that mean it")
    return RegistryRefused(
        f"{repository.transport.host} cannot delete the tag {reference.tag} alone",
        status=status,
        cause="\n".join(filter(None, lines)),
        hint=f"to delete the manifest with all its tags: wasmbuild delete {reference.pinned(meant.digest)}",
    )


def _tell_what_is_left(repository: "Repository", pinned: Reference, meant: Descriptor, sink: Sink) -> None:
    try:
        repository.resolve(str(meant.digest))
    except RemoteNotFound:
        sink(Note("warning", f"the registry deleted the manifest with its tag: {pinned}"))
    else:
        sink(Note("info", f"the manifest is still there: {pinned}"))
