"""A store in an OCI image layout directory (image-spec 1.1, image-layout.md).

``index.json`` lists what has a tag or a subject. Other content is found by its digest. Several
processes may write at once: a lock guards ``index.json``, and content is put in place whole.
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from registry.content import Opener, VerifyingReader, read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, InvalidDocument, SizeMismatch
from registry.files import replacing, storage_errors, write_atomically
from registry.graph import describe_referrer, read_document
from registry.model import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFEST,
    OCI_INDEX,
    Descriptor,
    Index,
    canonical_json,
    is_document,
    load_json,
    parse_document,
)

__all__ = ["REF_NAME", "LayoutStore"]

REF_NAME = "org.opencontainers.image.ref.name"
_LAYOUT = canonical_json({"imageLayoutVersion": "1.0.0"})
_LAYOUT_FILE = "oci-layout"
_INDEX_FILE = "index.json"
_UNKNOWN_TYPE = "application/octet-stream"


class LayoutStore:
    """Content, tags and referrers in a folder that every OCI tool can read."""

    def __init__(self, root: Path) -> None:
        """Open a layout.

        Raises InvalidDocument when the folder is not one.
        """
        self.root = root
        data = _read_file(root / _LAYOUT_FILE, f"{root} is not an OCI image layout")
        version = load_json(data, f"{root / _LAYOUT_FILE}")
        if not isinstance(version, dict) or version.get("imageLayoutVersion") != "1.0.0":
            raise InvalidDocument(f"{root} is an OCI image layout of an unknown version")

    @classmethod
    def create(cls, root: Path) -> "LayoutStore":
        """Open a layout, after making it where there is none."""
        with storage_errors(f"{root} could not be made an OCI image layout"):
            (root / "blobs").mkdir(parents=True, exist_ok=True)
        if not (root / _INDEX_FILE).exists():
            write_atomically(root / _INDEX_FILE, Index(manifests=()).encode())
        if not (root / _LAYOUT_FILE).exists():
            write_atomically(root / _LAYOUT_FILE, _LAYOUT)
        return cls(root)

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether a file of that digest and size is here."""
        path = self._path(descriptor.digest)
        return path.is_file() and path.stat().st_size == descriptor.size

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound.
        """
        return VerifyingReader(self._open(descriptor.digest), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Take the content in, verified; a document with a subject is listed as a referrer."""
        if not is_document(descriptor.media_type):
            if not self.exists(descriptor):
                self._write(descriptor, body)
            return
        with VerifyingReader(body(), descriptor) as reader:
            data = reader.read()
        document = parse_document(data, descriptor.media_type)
        if not self.exists(descriptor):
            self._write(descriptor, lambda: io.BytesIO(data))
        if document.subject is not None:
            self._edit(lambda entries: _with(entries, describe_referrer(descriptor, document)))

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest.

        Raises ContentNotFound.
        """
        if ":" in name:
            return self._by_digest(Digest.parse(name))
        for entry in self._entries():
            if entry.annotations.get(REF_NAME) == name:
                return entry.plain()
        raise ContentNotFound(f"{self.root} has no tag {name}", hint=_tags_hint(self.tags()))

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the name mean this document.

        Raises ContentNotFound when the document is not here.
        """
        known = self._by_digest(descriptor.digest)
        entry = replace(known, annotations={REF_NAME: name})
        self._edit(lambda entries: [*(old for old in entries if old.annotations.get(REF_NAME) != name), entry])

    def tags(self) -> list[str]:
        """All tags, sorted."""
        return sorted(tag for entry in self._entries() if (tag := entry.annotations.get(REF_NAME)))

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """The listed documents whose subject this is, by digest."""
        found = {}
        for entry in self._entries():
            if is_document(entry.media_type):
                document = read_document(self, entry)[1]
                if document.subject is not None and document.subject.digest == subject.digest:
                    found[entry.digest] = describe_referrer(entry, document)
        ordered = [found[digest] for digest in sorted(found)]
        return [entry for entry in ordered if artifact_type in (None, entry.artifact_type)]

    def heal(self, descriptor: Descriptor) -> bool:
        """Remove the content if it is damaged, so that it can come again; whether it was."""
        if not self.exists(descriptor):
            return False
        try:
            with self.fetch(descriptor) as reader:
                for _ in reader:
                    pass
        except (DigestMismatch, SizeMismatch):
            with storage_errors(f"{descriptor.digest} could not be removed"):
                self._path(descriptor.digest).unlink(missing_ok=True)
            return True
        return False

    def path_of(self, digest: Digest) -> Path:
        """Where the content is.

        Raises ContentNotFound.
        """
        path = self._path(digest)
        if not path.is_file():
            raise ContentNotFound(f"{self.root} has no {digest}")
        return path

    def _path(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.algorithm / digest.encoded

    def _open(self, digest: Digest) -> BinaryIO:
        path = self._path(digest)
        try:
            # A symbolic link in a layout that somebody gave us could name any file of ours.
            return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except FileNotFoundError:
            raise ContentNotFound(f"{self.root} has no {digest}") from None
        except OSError as error:
            raise InvalidDocument(f"{path} is not a file of a layout", cause=error.strerror) from error

    def _write(self, descriptor: Descriptor, body: Opener) -> None:
        path = self._path(descriptor.digest)
        with storage_errors(f"{path.parent} could not be made"):
            path.parent.mkdir(parents=True, exist_ok=True)
        with VerifyingReader(body(), descriptor) as reader, replacing(path, scratch=self.root) as file:
            for chunk in reader:
                file.write(chunk)

    def _by_digest(self, digest: Digest) -> Descriptor:
        for entry in self._entries():
            if entry.digest == digest:
                return entry.plain()
        path = self.path_of(digest)
        size = path.stat().st_size
        data = read_all(self, Descriptor(_UNKNOWN_TYPE, digest, size))
        value = load_json(data, str(digest))
        media_type = value.get("mediaType") if isinstance(value, dict) else None
        if media_type not in MANIFEST_TYPES | INDEX_TYPES:
            raise ContentNotFound(f"{digest} is not a manifest or an index")
        return Descriptor(media_type, digest, size)

    def _entries(self) -> list[Descriptor]:
        data = _read_file(self.root / _INDEX_FILE, f"{self.root} has no {_INDEX_FILE}")
        return list(parse_document(data, OCI_INDEX).successors)

    def _edit(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        from filelock import FileLock  # noqa: PLC0415 - only writers need it

        with FileLock(self.root / ".index.lock"):
            before = self._entries()
            after = change(before)
            if after != before:
                write_atomically(self.root / _INDEX_FILE, Index(manifests=tuple(after)).encode())


def _with(entries: list[Descriptor], entry: Descriptor) -> list[Descriptor]:
    return entries if any(known.digest == entry.digest for known in entries) else [*entries, entry]


def _read_file(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise InvalidDocument(what, cause=f"{path.name}: {error.strerror}") from error
    if len(data) > MAX_MANIFEST:
        raise InvalidDocument(what, cause=f"{path.name} is larger than {MAX_MANIFEST} bytes")
    return data


def _tags_hint(tags: list[str]) -> str | None:
    return f"its tags are {', '.join(tags[:10])}" if tags else None
