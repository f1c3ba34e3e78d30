"""What ``index.json`` of an OCI image layout says, and the questions it answers (image-spec 1.1, image-layout.md).

A folder and a tar file answer them alike. How either is read or written is not known here.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.content import VerifyingReader, read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, InvalidDigest, InvalidDocument
from registry.graph import describe_referrer, read_document
from registry.model import OCI_INDEX, OCI_MANIFEST, OCTETS, Descriptor, Index, is_document, parse_document
from registry.strictjson import canonical_json, load_json
from registry.words import printable

__all__ = ["INDEX_FILE", "LAYOUT", "LAYOUT_FILE", "REF_NAME", "ListedStore", "Listing", "check_version"]

REF_NAME = "org.opencontainers.image.ref.name"
LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT = canonical_json({"imageLayoutVersion": "1.0.0"})
_MOST_FACTS = 20_000


def check_version(data: bytes, where: str) -> None:
    """Read an ``oci-layout`` file.

    Raises InvalidDocument when it is not version 1.0.0, the only one there is.
    """
    version = load_json(data, f"{LAYOUT_FILE} of {where}")
    if not isinstance(version, dict) or version.get("imageLayoutVersion") != "1.0.0":
        raise InvalidDocument(f"{where} is an OCI image layout of an unknown version")


@dataclass(frozen=True, slots=True)
class Listing:
    """A parsed ``index.json``; where it names one thing twice, the first entry counts."""

    index: Index
    by_tag: Mapping[str, Descriptor]
    by_digest: Mapping[Digest, Descriptor]

    @classmethod
    def of(cls, index: Index) -> "Listing":
        """The listing that an index is."""
        backwards = index.manifests[::-1]
        return cls(
            index,
            {tag: entry for entry in backwards if (tag := _tag(entry))},
            {entry.digest: entry for entry in backwards},
        )

    @classmethod
    def parse(cls, data: bytes) -> "Listing":
        """Read the bytes of an ``index.json``.

        Raises InvalidDocument.
        """
        document = parse_document(data, OCI_INDEX)
        assert isinstance(document, Index)
        return cls.of(document)

    def edited(self, tags: Mapping[str, Descriptor], referrers: Mapping[Digest, Descriptor]) -> "Listing":
        """The same with these tags, and with those ``referrers`` listed that were not listed yet."""
        moved = {tag: entry for tag, entry in tags.items() if self.by_tag.get(tag) != entry}
        kept = [entry for entry in self.index.manifests if _tag(entry) not in moved]
        listed = {entry.digest for entry in kept}
        new = [entry for digest, entry in referrers.items() if digest not in listed]
        if not moved and not new:
            return self
        return Listing.of(replace(self.index, manifests=(*kept, *new, *moved.values())))


def _tag(entry: Descriptor) -> str | None:
    name = entry.annotations.get(REF_NAME)
    # Other tools have whole references here; what would do something to a terminal is nobody's tag.
    return name if name and printable(name) == name else None


@dataclass(frozen=True, slots=True)
class _Fact:
    """What a document's bytes say for ever: what it refers to, and how a referrers list shows it."""

    subject: Digest | None
    shown: Descriptor


class ListedStore(ABC):
    """Content by digest, with an ``index.json`` that has tags and documents with a subject.

    Each listed document is read once, and the answers about a listing are kept until there is another one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._facts: dict[tuple[Digest, str], _Fact] = {}
        self._referred: tuple[Listing | None, dict[Digest, list[Descriptor]]] = (None, {})
        self._reading = threading.Lock()

    @abstractmethod
    def listing(self) -> Listing:
        """What ``index.json`` says now.

        Raises InvalidDocument.
        """

    @abstractmethod
    def size_of(self, digest: Digest) -> int | None:
        """How many bytes there are under a digest, not verified; None when there is nothing."""

    @abstractmethod
    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound.
        """

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether content of that digest and size is here."""
        return self.size_of(descriptor.digest) == descriptor.size

    def entries(self) -> tuple[Descriptor, ...]:
        """What is listed, in its order, with all annotations."""
        return self.listing().index.manifests

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest.

        Raises ContentNotFound.
        """
        listing = self.listing()
        try:
            digest = Digest.parse(name)
        except InvalidDigest:
            found = listing.by_tag.get(name) or _by_end(listing, name)
            if found is None and ":" in name:
                raise
        else:
            found = listing.by_digest.get(digest)
            if found is None or not is_document(found.media_type):
                found = self._unlisted(digest)
        if found is None:
            hint = f"its tags are {', '.join(self.tags()[:10])}" if listing.by_tag else None
            raise ContentNotFound(f"{self._name} has no tag {name}", hint=hint)
        return found.plain()

    def tags(self) -> list[str]:
        """All tags, sorted; a layout that another tool wrote may have whole references for them."""
        return sorted(self.listing().by_tag)

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """The listed documents whose subject this is, by digest."""
        found = self._by_subject().get(subject.digest, [])
        return [entry for entry in found if artifact_type in (None, entry.artifact_type)]

    def _by_subject(self) -> dict[Digest, list[Descriptor]]:
        listing = self.listing()
        with self._reading:
            known, referred = self._referred
            if known is not listing:
                referred = self._find_referrers(listing)
                self._referred = (listing, referred)
            return referred

    def _find_referrers(self, listing: Listing) -> dict[Digest, list[Descriptor]]:
        found: dict[Digest, list[Descriptor]] = {}
        for digest in sorted(listing.by_digest):
            entry = listing.by_digest[digest]
            fact = self._fact(entry) if is_document(entry.media_type) else None
            if fact is not None and fact.subject is not None:
                found.setdefault(fact.subject, []).append(fact.shown)
        return found

    def _fact(self, descriptor: Descriptor) -> _Fact:
        key = (descriptor.digest, descriptor.media_type)
        fact = self._facts.get(key)
        if fact is None:
            document = read_document(self, descriptor)[1]
            subject = document.subject.digest if document.subject else None
            fact = _Fact(subject, describe_referrer(descriptor, document))
            if len(self._facts) >= _MOST_FACTS:
                self._facts.clear()
            self._facts[key] = fact
        return fact

    def _unlisted(self, digest: Digest) -> Descriptor:
        """A document that is here without being listed, as its own bytes describe it."""
        size = self.size_of(digest)
        if size is None:
            raise ContentNotFound(f"{self._name} has no {digest}")
        value = load_json(read_all(self, Descriptor(OCTETS, digest, size)), str(digest))
        media_type = _type_of(value) if isinstance(value, dict) else None
        if media_type is None or not is_document(media_type):
            raise ContentNotFound(f"{digest} is not a manifest or an index")
        return Descriptor(media_type, digest, size)


def _type_of(document: dict[str, Any]) -> str | None:
    """What a document says that it is; one of OCI's need not say it (image-spec, "mediaType")."""
    said = document.get("mediaType")
    if said is not None or document.get("schemaVersion") != 2:
        return said if isinstance(said, str) else None
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document else None


def _by_end(listing: Listing, tag: str) -> Descriptor | None:
    """The one entry that is tagged with a whole reference of this tag, as podman and skopeo write it."""
    ends = {entry.digest: entry for name, entry in listing.by_tag.items() if "/" in name and name.endswith(f":{tag}")}
    return next(iter(ends.values())) if len(ends) == 1 else None
