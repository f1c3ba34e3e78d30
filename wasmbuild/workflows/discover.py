"""``discover``: what refers to an artifact, and to that, as a tree.

What a list claims is shown only when the manifest itself says so. cosign's older tags are looked
at, too, and believed: nothing in them names the artifact before they are verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from registry.digest import Digest
from registry.errors import (
    ContentNotFound,
    ContentTooLarge,
    DigestMismatch,
    InvalidDocument,
    RegistryRefused,
    SizeMismatch,
    UnexpectedAnswer,
)
from registry.graph import Limits, read_document
from registry.model import CREATED, Descriptor, Index, Manifest
from registry.workers import Workers
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.kinds import COSIGN_SUFFIXES, referrer_in_words
from wasmbuild.workflows.places import Place

__all__ = ["LIMITS", "Discovered", "Found", "discover"]

LIMITS = Limits(depth=8, nodes=1000)
"""How deep a tree is followed, and how many listed manifests are read for it."""

_BROKEN = (ContentNotFound, ContentTooLarge, DigestMismatch, InvalidDocument, SizeMismatch)


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest that refers to another; ``tag`` is cosign's, where that is what connects them.

    ``size`` is bytes of its layers, ``created`` what it says of itself, not verified.
    """

    reference: str
    descriptor: Descriptor
    document: Manifest | Index
    tag: str | None
    referrers: tuple["Found", ...] = ()

    @property
    def words(self) -> str:
        """What it is."""
        if self.tag is not None:
            suffix = next(suffix for suffix in COSIGN_SUFFIXES if self.tag.endswith(suffix))
            return f"{COSIGN_SUFFIXES[suffix]} (tag {suffix})"
        return referrer_in_words(self.document)

    @property
    def size(self) -> int:
        """Bytes of its layers; of the manifests that an index lists."""
        layers = self.document.layers if isinstance(self.document, Manifest) else self.document.manifests
        return sum(layer.size for layer in layers)

    @property
    def created(self) -> str | None:
        """When it was made, as it says itself."""
        return self.document.annotations.get(CREATED)

    def to_json(self) -> dict[str, Any]:
        """The node and all below it."""
        return {
            "reference": self.reference,
            "descriptor": self.descriptor.to_json(),
            "artifactType": self.document.kind,
            "kind": self.words,
            "tag": self.tag,
            "created": self.created,
            "layersSize": self.size,
            "annotations": dict(sorted(self.document.annotations.items())),
            "referrers": [each.to_json() for each in self.referrers],
        }


@dataclass(frozen=True, slots=True)
class Discovered:
    """An artifact and what refers to it; not ``complete`` when there is more than was looked at."""

    reference: str
    descriptor: Descriptor
    referrers: tuple[Found, ...]
    complete: bool

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "reference": self.reference,
            "descriptor": self.descriptor.to_json(),
            "complete": self.complete,
            "referrers": [each.to_json() for each in self.referrers],
        }


def discover(place: Place, *, artifact_type: str | None = None, concurrency: int = 4, sink: Sink) -> Discovered:
    """Find what refers to what a place means now; of the direct ones, those of ``artifact_type``.

    Raises ContentNotFound, and whatever a registry answers other than a list of referrers.
    """
    descriptor = place.resolve()
    walk = _Walk(place, _cosign_tags(place, sink), artifact_type, concurrency, sink)
    walk.run(descriptor)
    if not walk.complete:
        sink(Note("warning", "more refers to this than is shown"))
    return Discovered(place.pinned(descriptor), descriptor, walk.tree(descriptor.digest), walk.complete)


def _cosign_tags(place: Place, sink: Sink) -> frozenset[str]:
    try:
        return frozenset(tag for tag in place.store.tags() if tag.endswith(tuple(COSIGN_SUFFIXES)))
    except (RegistryRefused, ContentNotFound, ContentTooLarge, UnexpectedAnswer) as failure:
        sink(Note("warning", f"what cosign keeps under tags is not shown: {failure}"))
        return frozenset()


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found beside one manifest; ``doubts`` say in words what was left out."""

    found: tuple[Found, ...]
    doubts: tuple[str, ...]
    read: int
    cut: bool


class _Walk:
    """One tree on its way: manifests are looked at side by side, and handled in the calling thread."""

    def __init__(
        self, place: Place, tags: frozenset[str], artifact_type: str | None, concurrency: int, sink: Sink
    ) -> None:
        self._place = place
        self._tags = tags
        self._artifact_type = artifact_type
        self._workers = Workers(concurrency)
        self._sink = sink
        self._below: dict[Digest, tuple[Found, ...]] = {}
        self._read = 0
        self.complete = True

    def run(self, root: Descriptor) -> None:
        self._ask(root, 1)
        self._workers.run()

    def tree(self, subject: Digest) -> tuple[Found, ...]:
        """What was found below a manifest, by kind, time and digest; below cosign's tags there is nothing."""
        nodes = sorted(self._below.get(subject, ()), key=lambda node: (node.words, node.created or "", node.reference))
        return tuple(
            Found(node.reference, node.descriptor, node.document, node.tag, self.tree(node.descriptor.digest))
            if node.tag is None
            else node
            for node in nodes
        )

    def _ask(self, subject: Descriptor, depth: int) -> None:
        self._workers.add(partial(self._look, subject), partial(self._looked, subject, depth))

    def _look(self, subject: Descriptor) -> _Look:
        return _look(self._place, subject, self._tags, max(LIMITS.nodes - self._read, 0))

    def _looked(self, subject: Descriptor, depth: int, look: _Look) -> None:
        for text in look.doubts:
            self._sink(Note("warning", text))
        self._read += look.read
        if look.cut or (look.found and depth > LIMITS.depth):
            self.complete = False
        if depth > LIMITS.depth:
            return
        found = look.found
        if depth == 1 and self._artifact_type is not None:
            found = tuple(node for node in found if node.document.kind == self._artifact_type)
        self._below[subject.digest] = found
        for node in found:
            if node.tag is None:
                self._ask(node.descriptor, depth + 1)


def _look(place: Place, subject: Descriptor, tags: frozenset[str], most: int) -> _Look:
    """Ask what refers to a manifest, and read at most so many of those."""
    store = place.store
    listed = list({entry.digest: entry.plain() for entry in store.referrers(subject)}.values())
    found: list[Found] = []
    doubts: list[str] = []
    for entry in listed[:most]:
        node = _judged(place, entry, subject.digest, doubts)
        found += [node] if node else []
    names = [tag for tag in _companion_tags(subject.digest) if tag in tags]
    by_tag = [_node(place, tag, f"the tag {tag} is listed", doubts) for tag in names]
    found += [node for node in by_tag if node is not None]
    read = min(len(listed), most) + len(by_tag)
    return _Look(tuple(found), tuple(doubts), read, cut=len(listed) > most)


def _companion_tags(digest: Digest) -> Iterable[str]:
    return (f"{digest.algorithm}-{digest.encoded}{suffix}" for suffix in COSIGN_SUFFIXES)


def _judged(place: Place, entry: Descriptor, subject: Digest, doubts: list[str]) -> Found | None:
    """A listed referrer, if it is one."""
    node = _node(place, entry, f"{entry.digest} is listed as a referrer", doubts)
    if node is None:
        return None
    named = node.document.subject
    if named is None or named.digest != subject:
        doubts.append(f"{entry.digest} is listed as a referrer of {subject}, and does not refer to it")
        return None
    return node


def _node(place: Place, named: Descriptor | str, claim: str, doubts: list[str]) -> Found | None:
    """What a descriptor or a tag names, if it can be read."""
    try:
        descriptor = place.store.resolve(named) if isinstance(named, str) else named
        document = read_document(place.store, descriptor)[1]
    except _BROKEN as failure:
        doubts.append(f"{claim}, and cannot be read: {failure}")
        return None
    return Found(place.pinned(descriptor), descriptor, document, named if isinstance(named, str) else None)
