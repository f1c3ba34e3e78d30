"""A store in an OCI image layout directory (image-spec 1.1, image-layout.md).

``index.json`` lists what has a tag or a subject. Other content is found by its digest. Several
processes may write at once: a lock guards ``index.json``, and content is put in place whole.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, FileIO
from pathlib import Path

from registry.content import Opener, VerifyingReader, verifying
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, Failure, InvalidDocument, SizeMismatch
from registry.files import exclusive, storage_errors, sync_folder, write_atomically
from registry.graph import describe_referrer
from registry.model import MAX_MANIFEST, Descriptor, Index, is_document, parse_document
from registry.stores.arrival import PARTIAL, receive, remove_abandoned
from registry.stores.indexfile import IndexFile, small_file
from registry.stores.listed import INDEX_FILE, LAYOUT, LAYOUT_FILE, REF_NAME, ListedStore, Listing, check_version
from registry.stores.sections import Section

__all__ = ["REF_NAME", "LayoutStore"]

_LOCK_FILE = ".index.lock"


class LayoutStore(ListedStore):
    """Content, tags and referrers in a folder that every OCI tool can read."""

    def __init__(self, root: Path) -> None:
        """Open a layout.

        Raises InvalidDocument when the folder is not one.
        """
        super().__init__(str(root))
        self.root = root
        with small_file(root / LAYOUT_FILE, f"{root} is not an OCI image layout") as file:
            check_version(file.read(MAX_MANIFEST), str(root))
        self._index = IndexFile(root / INDEX_FILE, root / _LOCK_FILE)
        self._swept = False
        self._gathering = 0
        self._unsynced: set[Path] = set()
        self._made: set[Path] = set()

    @classmethod
    def create(cls, root: Path) -> "LayoutStore":
        """Open a layout, after making it where there is none."""
        with storage_errors(f"{root} could not be made an OCI image layout"):
            (root / "blobs").mkdir(parents=True, exist_ok=True)
        if not ((root / INDEX_FILE).exists() and (root / LAYOUT_FILE).exists()):
            with exclusive(root / _LOCK_FILE):
                if not (root / INDEX_FILE).exists():
                    write_atomically(root / INDEX_FILE, Index(manifests=()).encode())
                if not (root / LAYOUT_FILE).exists():
                    write_atomically(root / LAYOUT_FILE, LAYOUT)
        return cls(root)

    def listing(self) -> Listing:
        """What ``index.json`` says now.

        Raises InvalidDocument.
        """
        return self._index.read()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """A block whose tags and referrers are written to ``index.json`` at once, at its end, however it ends.

        For many of them: each write of its own would be as long as all that came before. The names of
        blobs are made durable then, too, before anything lists them.
        """
        with self._index.gathering():
            self._gathering += 1
            try:
                yield
            finally:
                self._gathering -= 1
                while self._unsynced:
                    sync_folder(self._unsynced.pop())

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether a file of that digest and size is here; a document must be readable, and listed as a referrer."""
        if not super().exists(descriptor):
            return False
        return not is_document(descriptor.media_type) or self._complete(descriptor)

    def size_of(self, digest: Digest) -> int | None:
        """How many bytes the file of a digest has; None when there is no such file."""
        try:
            found = self._path(digest).stat(follow_symlinks=False)
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound.
        """
        return VerifyingReader(Section.whole(self._open(descriptor.digest)), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Take the content in, verified; a document with a subject is listed as a referrer."""
        if self.exists(descriptor):
            return
        if not is_document(descriptor.media_type):
            self._receive(descriptor, body)
            return
        with verifying(body(), descriptor) as reader:
            data = reader.read()
        document = parse_document(data, descriptor.media_type)
        self._receive(descriptor, lambda: BytesIO(data))
        if document.subject is not None:
            self._index.list_referrer(describe_referrer(descriptor, document))

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the name mean this document.

        Raises ContentNotFound when the document is not here.
        """
        known = self.resolve(str(descriptor.digest))
        self._index.tag(name, replace(known, annotations={REF_NAME: name}))

    def replace_entries(self, entries: Iterable[Descriptor]) -> None:
        """Let ``index.json`` list these and nothing else."""
        self._index.replace(Listing.of(replace(self.listing().index, manifests=tuple(entries))))

    def heal(self, descriptor: Descriptor) -> bool:
        """Remove the content if it is damaged, so that it can come again; whether it was."""
        if not super().exists(descriptor):
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
        if self.size_of(digest) is None:
            raise ContentNotFound(f"{self.root} has no {digest}")
        return self._path(digest)

    def _path(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.algorithm / digest.encoded

    def _open(self, digest: Digest) -> FileIO:
        path = self._path(digest)
        try:
            # A symbolic link in a layout that somebody gave us could name any file of ours.
            file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
        except FileNotFoundError:
            raise ContentNotFound(f"{self.root} has no {digest}") from None
        except OSError as error:
            raise InvalidDocument(f"{path} is not a file of a layout", cause=error.strerror) from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise InvalidDocument(f"{path} is not a file of a layout", cause=os.strerror(errno.EINVAL))
        return file

    def _receive(self, descriptor: Descriptor, body: Opener) -> None:
        if not self._swept:
            self._swept = True
            remove_abandoned(self.root)
        path = self._path(descriptor.digest)
        self._make(path.parent)
        name = f".{descriptor.digest.algorithm}-{descriptor.digest.encoded}{PARTIAL}"
        if self._gathering:
            self._unsynced.add(path.parent)
        receive(path, descriptor, body, partial=self.root / name, sync_name=not self._gathering)

    def _make(self, folder: Path) -> None:
        """Have a folder for blobs, durably: whoever finds it must not lose what it puts there with its name."""
        if folder in self._made and folder.is_dir():
            return
        with storage_errors(f"{folder} could not be made"):
            folder.mkdir(parents=True, exist_ok=True)
            if self._gathering:
                self._unsynced.add(folder.parent)
            else:
                sync_folder(folder.parent)
        self._made.add(folder)

    def _complete(self, descriptor: Descriptor) -> bool:
        """Whether a document can be read, and is listed if it has a subject: a broken run may have come between."""
        try:
            fact = self._fact(descriptor)
        except Failure:
            return False
        return fact.subject is None or descriptor.digest in self.listing().by_digest
