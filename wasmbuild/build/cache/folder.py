"""FolderStore: content and names in a folder, for a cache on this machine or on a disk that is shared.

``cas/sha256/aa/HEX`` is content, ``ac/NAME`` the descriptor of a manifest: the paths of the HTTP store
(``docs/build-cache.md``). Processes need no lock: everything is put in place whole, and what is the same
has the same name. When a file was last used is its time of modification. Not here: what is removed when
there is too much of it (``housekeeping``).
"""

import contextlib
import errno
import os
import stat
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from registry.content import CHUNK, Opener, VerifyingReader, verifying
from registry.digest import Digest
from registry.errors import ContentNotFound, Failure, InvalidDocument, StorageFailed
from registry.files import storage_errors
from registry.model import Descriptor
from registry.reference import valid_tag
from registry.strictjson import canonical_json, load_json
from wasmbuild.build.cache.arriving import arriving

__all__ = ["ACTIONS", "CONTENT", "NAMES", "SCRATCH", "FolderStore", "fault_of"]

ACTIONS = "actions"
"""The folder of this machine's action cache, in the user's cache."""

CONTENT, NAMES, SCRATCH = "cas", "ac", "partial"
"""The folders in it: content, names, and what is not whole yet."""

MAX_POINTER = 4096
"""Bytes of a file that holds a descriptor."""


class FolderStore:
    """A folder, which is made when something is kept; a ``private`` one is for its owner alone."""

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self.root = root
        self._mode = 0o700 if private else 0o777
        self._file_mode = 0o600 if private else 0o644

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether a file of that digest and size is here; it then counts as used."""
        path = self._path(descriptor.digest)
        try:
            found = path.lstat()
        except OSError:
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_size != descriptor.size:
            return False
        with contextlib.suppress(OSError):
            os.utime(path, follow_symlinks=False)
        return True

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content. Raises ContentNotFound, StorageFailed; InvalidDocument for what is no file."""
        return VerifyingReader(self._open(self._path(descriptor.digest), str(descriptor.digest)), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Take the content in, verified. Raises DigestMismatch, SizeMismatch, StorageFailed."""
        if self.exists(descriptor):
            return
        with verifying(body(), descriptor) as reader, self._arriving(self._path(descriptor.digest)) as file:
            for chunk in reader:
                file.write(chunk)

    def resolve(self, name: str, /) -> Descriptor:
        """The manifest behind a name. Raises ContentNotFound, and InvalidDocument for what is no pointer."""
        with contextlib.closing(self._open(self._pointer(name), name)) as file:
            data = file.read(MAX_POINTER + 1)
        if len(data) > MAX_POINTER:
            raise InvalidDocument(f"{name} in {self.root} is too long")
        return Descriptor.from_json(load_json(data, f"{name} in {self.root}"), f"{name} in {self.root}")

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the name mean this manifest. Raises ContentNotFound when that is not here, StorageFailed."""
        if not self.exists(descriptor):
            raise ContentNotFound(f"{self.root} has no {descriptor.digest}")
        with self._arriving(self._pointer(name)) as file:
            file.write(canonical_json(descriptor.plain().to_json()))

    def drop(self, name: str, *contents: Descriptor) -> None:
        """Forget a name, and what of its manifest and of the contents does not match its digest."""
        with contextlib.suppress(Failure):
            contents = (self.resolve(name), *contents)
        with contextlib.suppress(OSError):
            self._pointer(name).unlink()
        for descriptor in contents:
            with contextlib.suppress(OSError, ContentNotFound, StorageFailed):
                if self._is_damaged(descriptor.digest):
                    self._path(descriptor.digest).unlink()

    def _is_damaged(self, digest: Digest) -> bool:
        # What a wrong result says of the size of good content is no reason to lose that.
        hasher = digest.hasher()
        try:
            with contextlib.closing(self._open(self._path(digest), str(digest))) as file:
                while chunk := file.read(CHUNK):
                    hasher.update(chunk)
        except InvalidDocument:
            return True
        return hasher.hexdigest() != digest.encoded

    def _arriving(self, final: Path) -> AbstractContextManager[BinaryIO]:
        with storage_errors(f"{self.root} could not be made"):
            self.root.mkdir(mode=self._mode, parents=True, exist_ok=True)
        return arriving(final, scratch=self.root / SCRATCH, mode=self._file_mode)

    def _path(self, digest: Digest) -> Path:
        return self.root / CONTENT / digest.algorithm / digest.encoded[:2] / digest.encoded

    def _pointer(self, name: str) -> Path:
        if not valid_tag(name):
            raise ContentNotFound(f"{name[:80]!r} cannot be a name")
        return self.root / NAMES / name

    def _open(self, path: Path, shown: str) -> FileIO:
        try:
            # A symbolic link that somebody put here could name any file of ours.
            file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
        except FileNotFoundError:
            raise ContentNotFound(f"{self.root} has no {shown}") from None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
                raise InvalidDocument(f"{shown} in {self.root} is not a file", cause=error.strerror) from error
            raise StorageFailed(f"{self.root} cannot be read", cause=error.strerror) from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise InvalidDocument(f"{shown} in {self.root} is not a file")
        self._touch(file.fileno())
        return file

    def _touch(self, file: int) -> None:
        """Note that a file is used."""
        with contextlib.suppress(OSError):
            os.utime(file)


def fault_of(root: Path) -> str | None:
    """Why a folder cannot be the cache of one's own: somebody else could put results there. None when it can."""
    try:
        found = root.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror
    if not stat.S_ISDIR(found.st_mode):
        return "it is not a folder"
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        return "others than you can write to it"
    return None
