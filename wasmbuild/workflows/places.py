"""Places: where artifacts are, in a registry or in an OCI image layout, behind one way of naming them.

``host/repository[:tag][@digest]``, ``oci:FOLDER[:tag][@digest]`` or ``oci-archive:FILE[:tag][@digest]``.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from registry.client.registries import Registries
from registry.content import Store
from registry.digest import Digest
from registry.errors import InvalidDigest, InvalidReference
from registry.model import Descriptor
from registry.reference import Reference, valid_tag
from registry.stores.layout import LayoutStore
from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.workflows.locals import local_place
from wasmbuild.workflows.remote import resolved

__all__ = ["Name", "Place", "changing", "checked_tags", "reading", "set_tags", "writing"]

Kind = Literal["oci", "oci-archive", "registry"]
_LOCAL = ("oci:", "oci-archive:")


@dataclass(frozen=True, slots=True)
class Name:
    """What a person wrote for a place; nothing has been opened yet. ``path`` is None for a registry."""

    kind: Kind
    where: str
    tag: str | None
    digest: Digest | None
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "Name":
        """Read the name of a place. Raises InvalidReference."""
        if text.startswith("oci:"):
            return _local("oci", text)
        if text.startswith("oci-archive:"):
            return _local("oci-archive", text)
        if text.startswith((".", "/", "~")):
            raise InvalidReference(
                f"{text[:120]!r} is not a place",
                cause="it looks like a path",
                hint=f"for a folder: oci:{text[:120]}\nfor a tar file: oci-archive:{text[:120]}",
            )
        reference, local = Reference.parse(text), local_place(text)
        if local is not None:
            raise _not_clear(text, local, reference)
        return cls("registry", reference.name, reference.tag, reference.digest)

    def open(self, registries: Registries, *, create: bool = False) -> Store:
        """The store; ``create`` makes a layout where there is none.

        Raises InvalidDocument for what is no layout, and UsageFailed for an archive to be written,
        for which there is :func:`writing`.
        """
        if self.path is None:
            return registries.repository(Reference.parse(self.where))
        if self.kind == "oci":
            return LayoutStore.create(self.path) if create else LayoutStore(self.path)
        if create:
            raise UsageFailed(f"{self.where} is an archive, which cannot be changed in place")
        from registry.stores.archive import ArchiveStore  # noqa: PLC0415 - few have archives

        return ArchiveStore(self.path)


@dataclass(frozen=True, slots=True)
class Place:
    """A store, what people call it, and which of its artifacts is meant."""

    store: Store
    name: str
    tag: str | None
    digest: Digest | None

    @classmethod
    def destination(cls, text: str, registries: Registries) -> "Place":
        """A place to write to: a layout is made where there is none.

        Raises what the client raises, StorageFailed, and UsageFailed for an archive (see :func:`writing`).
        """
        name = Name.parse(text)
        return cls(name.open(registries, create=True), name.where, name.tag, name.digest)

    def resolve(self) -> Descriptor:
        """What is meant, right now.

        Raises ContentNotFound.
        """
        return resolved(self.store, self.name, self.tag, self.digest)

    def pinned(self, descriptor: Descriptor) -> str:
        """The same place, with an artifact named by digest."""
        return f"{self.name}@{descriptor.digest}"


@runtime_checkable
class _TagsAtOnce(Protocol):
    """A store that can set several tags in one go."""

    def tag_all(self, descriptor: Descriptor, names: Iterable[str]) -> None:
        """Let several tags mean this document."""


@contextmanager
def reading(name: Name, registries: Registries) -> Iterator[Place]:
    """A place to read from, for the length of a block.

    Raises InvalidDocument for what is no layout, and ContentNotFound.
    """
    store = name.open(registries)
    with store if isinstance(store, AbstractContextManager) else nullcontext():
        yield Place(store, name.where, name.tag, name.digest)


@contextmanager
def writing(name: Name, registries: Registries) -> Iterator[Place]:
    """A place to write to: an archive is written when the block ends well, with what it had before.

    Raises what the client raises, StorageFailed, and InvalidDocument for a file that is no archive.
    """
    if name.kind == "oci-archive" and name.path is not None:
        from registry.stores.archiving import archive_for_writing  # noqa: PLC0415 - few have archives

        with archive_for_writing(name.path) as staging:
            yield Place(staging, name.where, name.tag, name.digest)
        return
    store = name.open(registries, create=True)
    with store.gathering() if isinstance(store, LayoutStore) else nullcontext():
        yield Place(store, name.where, name.tag, name.digest)


@contextmanager
def changing(name: Name, registries: Registries) -> Iterator[Place]:
    """A place to add to what it has already: what is no layout is not made one, and an archive is written anew.

    Raises ContentNotFound when what is meant is not there, and what :func:`writing` raises.
    """
    with reading(name, registries) as place:
        if name.kind != "oci-archive":
            yield place
            return
        place.resolve()  # what is not there is missing in the archive, and not in what replaces it
    with writing(name, registries) as place:
        yield place


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that a person gave, each once, in their order. Raises UsageFailed for what is none."""
    wanted = tuple(dict.fromkeys(tags))
    for tag in wanted:
        if not valid_tag(tag):
            raise UsageFailed(
                f"{tag[:80]!r} is not a tag",
                cause="a tag is 1 to 128 letters, digits, '_', '.' and '-', and begins with none of the last two",
            )
    return wanted


def set_tags(place: Place, descriptor: Descriptor, tags: Sequence[str], sink: Sink) -> None:
    """Let tags mean a document, in one request where the store can do that."""
    if not tags:
        return
    with step(sink, "tag", f"{place.name}:{', '.join(tags)}"):
        if isinstance(place.store, _TagsAtOnce):
            place.store.tag_all(descriptor, tags)
            return
        for tag in tags:
            place.store.tag(descriptor, tag)


def _local(kind: Kind, text: str) -> Name:
    rest = text.removeprefix(f"{kind}:")
    rest, digest = _split_digest(text, rest)
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, ""
    elif not valid_tag(tag):
        raise _malformed(text, kind, f"the tag {tag[:80]!r} must be 1 to 128 letters, digits, '_', '.' and '-'")
    if not path or "\0" in path:
        raise _malformed(text, kind, "there is no path in it")
    return Name(kind, f"{kind}:{Path(path)}", tag or None, digest, Path(path))


def _split_digest(text: str, rest: str) -> tuple[str, Digest | None]:
    """A folder may have an @ in its name, but what looks like a digest must be one."""
    head, at, tail = rest.rpartition("@")
    if not at or ":" not in tail or "/" in tail:
        return rest, None
    try:
        return head, Digest.parse(tail)
    except InvalidDigest as error:
        raise InvalidReference(f"{text[:120]!r} is not a place", cause=str(error)) from error


def _not_clear(text: str, local: str, reference: Reference) -> InvalidReference:
    """What a word is that names no registry, and is the name of something here."""
    kind = "a folder" if local.startswith("oci:") else "a file"
    way = printable(local, 140)
    if kind == "a file" and not text.endswith(".tar"):
        way = f"wasmbuild push HOST/REPOSITORY:TAG {pasted(text)}"
    return InvalidReference(
        f"{text[:120]!r} may be a repository or what is here",
        cause=f"it names no registry, and {kind} of that name is here",
        hint=f"for the {kind[2:]}: {way}\nfor the repository: {reference}",
    )


def _malformed(text: str, kind: Kind, cause: str) -> InvalidReference:
    shape = "FOLDER" if kind == "oci" else "FILE"
    hint = f"write it as {kind}:{shape}:TAG"
    return InvalidReference(f"{text[:120]!r} is not a place", cause=cause, hint=hint)
