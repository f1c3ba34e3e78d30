"""``blob``: one blob out of a store and into one, streamed and verified. Its meaning is not known here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from registry.client.registries import Registries
from registry.content import Fetcher
from registry.copying import copy
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch
from registry.model import OCTETS, Descriptor
from registry.stores.listed import ListedStore
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, Transfer
from wasmbuild.workflows.files import Contents, described, steady
from wasmbuild.workflows.places import Name, Place, reading
from wasmbuild.workflows.remote import observed

__all__ = ["Blob", "found_blob", "put_blob"]


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that a store has."""

    reference: str
    descriptor: Descriptor
    store: Fetcher

    def chunks(self, sink: Sink, *, end: Literal["done", "streamed"] = "done") -> Iterator[bytes]:
        """The bytes, piece by piece: a promise until the last one came, and verified then; ``end`` is told.

        Raises DigestMismatch and SizeMismatch, and what the store raises.
        """
        name = f"{self.descriptor.digest.algorithm}:{self.descriptor.digest.encoded[:12]}"
        done, total = 0, self.descriptor.size
        sink(Transfer(name, "begun", 0, total))
        with self.store.fetch(self.descriptor) as reader:
            for chunk in reader:
                done += len(chunk)
                sink(Transfer(name, "moving", done, total))
                yield chunk
        sink(Transfer(name, end, total, total))

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        return {"reference": self.reference, "descriptor": self.descriptor.to_json()}


@contextmanager
def found_blob(text: str, registries: Registries) -> Iterator[Blob]:
    """The blob that ``REPOSITORY@DIGEST`` or ``oci:FOLDER@DIGEST`` names, to be read in a block.

    Raises UsageFailed without a digest; ContentNotFound, and what the client raises.
    """
    name = Name.parse(text)
    if name.digest is None:
        raise UsageFailed(f"{text} names no digest", hint=f"write it as {name.where}@sha256:<64 hex digits>")
    with reading(name, registries) as place:
        descriptor = _describe(place, name.digest)
        yield Blob(place.pinned(descriptor), descriptor, place.store)


@runtime_checkable
class _Describing(Protocol):
    """A repository: it is asked how large a blob is."""

    def describe_blob(self, digest: Digest) -> Descriptor:
        """Its descriptor."""


def _describe(place: Place, digest: Digest) -> Descriptor:
    store = place.store
    if isinstance(store, _Describing):
        return store.describe_blob(digest)
    size = store.size_of(digest) if isinstance(store, ListedStore) else None
    if size is None:
        raise ContentNotFound(f"{place.name} has no blob {digest}")
    return Descriptor(OCTETS, digest, size)


def put_blob(text: str, path: Path, *, registries: Registries, sink: Sink) -> Blob:
    """Put a file into a place as a blob, unless that has it.

    Raises UsageFailed for a place with a tag, and for what is no regular file; DigestMismatch when
    the place names another digest, or the file changes meanwhile.
    """
    place = Place.destination(text, registries)
    if place.tag is not None:
        raise UsageFailed(f"{text} names a tag, and blobs have none", hint=f"wasmbuild blob put {place.name} FILE")
    content = described(path, OCTETS, algorithm=place.digest.algorithm if place.digest else "sha256")
    descriptor = content.descriptor
    if place.digest not in (None, descriptor.digest):
        raise DigestMismatch(f"the content is not {place.digest}", cause=f"its bytes are {descriptor.digest}")
    with steady():
        copy(Contents({descriptor.digest: content.opener}), place.store, descriptor, hooks=observed(sink))
    return Blob(place.pinned(descriptor), descriptor, place.store)
