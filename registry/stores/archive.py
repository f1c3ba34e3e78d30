"""An OCI image layout as one tar file (``oci-archive``), read where it is: nothing is extracted.

It is what ``skopeo copy … oci-archive:``, ``podman save --format oci-archive``, ``oras backup`` and, since
version 25, ``docker save`` write. Archives are written in ``registry.stores.archiving``.
"""

import os
import re
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from registry.content import Opener, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentNotFound, InvalidDocument, StorageFailed
from registry.files import open_regular, storage_errors
from registry.model import MAX_MANIFEST, Descriptor
from registry.stores.listed import INDEX_FILE, LAYOUT_FILE, ListedStore, Listing, check_version
from registry.stores.sections import Section
from registry.stores.tarindex import Member, find_members

__all__ = ["ArchiveStore"]

_DOCKER_FILE = "manifest.json"
_WANTED = re.compile(r"oci-layout|index\.json|manifest\.json|blobs/(?:sha256/[0-9a-f]{64}|sha512/[0-9a-f]{128})")


class ArchiveStore(ListedStore):
    """Content, tags and referrers in a tar file; it can only be read."""

    def __init__(self, path: Path) -> None:
        """Open an archive, which stays open until it is closed.

        Raises InvalidDocument when it is not an archive of a layout; ContentTooLarge, StorageFailed.
        """
        super().__init__(str(path))
        self.path = path
        self._file = _open(path)
        try:
            with storage_errors(f"{path} could not be read"):
                self._members = find_members(self._file, _WANTED)
            check_version(self._small(LAYOUT_FILE), str(path))
            self._listing = Listing.parse(self._small(INDEX_FILE))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; readers that are open stay so."""
        self._file.close()

    def listing(self) -> Listing:
        """What ``index.json`` says."""
        return self._listing

    def size_of(self, digest: Digest) -> int | None:
        """How many bytes the member of a digest has; None when there is no such member."""
        member = self._members.get(_name(digest))
        return member.size if member else None

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound.
        """
        member = self._members.get(_name(descriptor.digest))
        if member is None:
            raise ContentNotFound(f"{self.path} has no {descriptor.digest}")
        return VerifyingReader(self._section(member), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> NoReturn:  # noqa: ARG002 - the shape of a store
        """Archives are written whole: raises StorageFailed."""
        self._refuse(f"{descriptor.digest} cannot be put into {self.path}")

    def tag(self, descriptor: Descriptor, name: str, /) -> NoReturn:  # noqa: ARG002
        """Archives are written whole: raises StorageFailed."""
        self._refuse(f"{name} cannot be a tag in {self.path}")

    def _refuse(self, what: str) -> NoReturn:
        raise StorageFailed(what, cause="an archive that is open for reading does not change")

    def _small(self, name: str) -> bytes:
        what = f"{self.path} is not an archive of an OCI image layout"
        member = self._members.get(name)
        if member is None:
            old = _DOCKER_FILE in self._members
            raise InvalidDocument(
                what,
                cause=f"it has no {name}, but a {_DOCKER_FILE} as Docker wrote before version 25" if old else None,
                hint=f"skopeo copy docker-archive:{self.path} oci-archive:NEW.tar" if old else None,
            )
        if member.size > MAX_MANIFEST:
            raise InvalidDocument(what, cause=f"{name} is larger than {MAX_MANIFEST} bytes")
        reader = self._section(member)
        try:
            return reader.read()
        finally:
            reader.close()

    def _section(self, member: Member) -> Section:
        # A handle of its own: a number that is closed while another thread reads may be another file's next.
        try:
            file = FileIO(self.path, opener=lambda name, flags: os.dup(self._file.fileno()))  # noqa: ARG005
        except (OSError, ValueError) as error:
            raise StorageFailed(f"{self.path} could not be read", cause=str(error)) from error
        return Section(file, member.start, member.size)


def _name(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.encoded}"


def _open(path: Path) -> FileIO:
    try:
        with open_regular(path) as file:
            return FileIO(path, opener=lambda name, flags: os.dup(file.fileno()))  # noqa: ARG005
    except FileNotFoundError:
        raise ContentNotFound(f"there is no file {path}") from None
    except OSError as error:
        raise StorageFailed(f"{path} could not be opened", cause=error.strerror) from error
