"""``manifest`` and ``tag``: the exact bytes of a manifest or an index, out of a store and into one, and its tags.

What is below a manifest does not move with it: that is ``copy``'s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from registry.client.registries import Registries
from registry.content import read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch
from registry.graph import push_bytes
from registry.model import INDEX_TYPES, MANIFEST_TYPES, Descriptor, describe, parse_document
from registry.stores.listed import ListedStore
from registry.strictjson import load_json
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.workflows.places import Name, Place, changing, checked_tags, reading, set_tags

__all__ = ["Document", "Stored", "get_document", "put_document", "tag_document"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index: where it is, what it is, and its bytes."""

    reference: str
    descriptor: Descriptor
    data: bytes

    def to_json(self) -> dict[str, Any]:
        """The document of the command, with what the bytes say.

        Raises InvalidDocument when they are not JSON.
        """
        document = load_json(self.data, "the manifest")
        return {"reference": self.reference, "descriptor": self.descriptor.to_json(), "document": document}


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest that a store has now, and the tags that it was given."""

    reference: str
    descriptor: Descriptor
    tags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {"reference": self.reference, "descriptor": self.descriptor.to_json(), "tags": list(self.tags)}


def get_document(text: str, registries: Registries) -> Document:
    """What a place means now, as it is there.

    Raises ContentNotFound, DigestMismatch, and what the client raises.
    """
    with reading(Name.parse(text), registries) as place:
        descriptor = place.resolve()
        return Document(place.pinned(descriptor), descriptor, read_all(place.store, descriptor))


def put_document(
    text: str, data: bytes, *, media_type: str | None, tags: Sequence[str], registries: Registries, sink: Sink
) -> Stored:
    """Put bytes that are a manifest or an index into a place, and let tags mean them.

    Raises UsageFailed when nothing says of which type they are; InvalidDocument; DigestMismatch when
    the place names another digest; ContentNotFound when a layout lacks what the manifest needs.
    """
    document = parse_document(data, _media_type(data, media_type))
    wanted = checked_tags(tags)
    place = Place.destination(text, registries)
    descriptor = _described(document.media_type, data, place.digest)
    if isinstance(place.store, ListedStore):  # a registry looks for itself, and says what is missing
        _check_whole(place.store, document.successors)
    with step(sink, "push", f"{place.name}@{descriptor.digest.algorithm}:{descriptor.digest.encoded[:12]}"):
        push_bytes(place.store, descriptor, data)
    names = tuple(dict.fromkeys([place.tag, *wanted] if place.tag else wanted))
    set_tags(place, descriptor, names, sink)
    return Stored(place.pinned(descriptor), descriptor, names)


def tag_document(text: str, tags: Iterable[str], *, registries: Registries, sink: Sink) -> Stored:
    """Let tags mean what a place means now; those that it has stay.

    Raises UsageFailed for what is no tag, before anything is opened; ContentNotFound, and what the
    client raises.
    """
    name, wanted = Name.parse(text), checked_tags(tags)
    with changing(name, registries) as place:
        descriptor = place.resolve()
        set_tags(place, descriptor, wanted, sink)
    return Stored(place.pinned(descriptor), descriptor, wanted)


def _media_type(data: bytes, given: str | None) -> str:
    value = load_json(data, "the manifest")
    said = value.get("mediaType") if isinstance(value, dict) else None
    media_type = given or said
    if not isinstance(media_type, str):
        raise UsageFailed(
            "the manifest does not say of which type it is",
            cause="it has no mediaType",
            hint=f"name it: --media-type {min(MANIFEST_TYPES | INDEX_TYPES, key=_preference)}",
        )
    return media_type


def _preference(media_type: str) -> tuple[bool, bool]:
    return "docker" in media_type, media_type in INDEX_TYPES


def _described(media_type: str, data: bytes, expected: Digest | None) -> Descriptor:
    descriptor = describe(media_type, data, expected.algorithm if expected else "sha256")
    if expected not in (None, descriptor.digest):
        raise DigestMismatch(
            f"the manifest is not {expected}",
            cause=f"its bytes are {descriptor.digest}",
            hint="nothing may be added to it, not even the end of a line",
        )
    return descriptor


def _check_whole(store: ListedStore, needed: Iterable[Descriptor]) -> None:
    missing = [str(content.digest) for content in needed if not store.exists(content)]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise ContentNotFound(
            "the layout lacks what the manifest needs", cause=", ".join(missing[:_SHOWN]) + more, hint="put that first"
        )
