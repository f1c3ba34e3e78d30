"""The ``index.json`` of a layout in a folder: parsed once each time it changes, and edited under a lock.

Other processes see an edit whole or not at all, and lose none of theirs to it.
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument
from registry.files import exclusive, open_regular, replacing
from registry.model import MAX_MANIFEST, Descriptor
from registry.stores.listed import Listing
from registry.strictjson import load_json

__all__ = ["IndexFile", "small_file"]

_MOST_ENTRIES = 10_000
"""What ``parse_document`` reads at most."""

_MARKS = (b"[", b"{", b",")
_FEW_VALUES = 100_000
"""So many values are read without a question; at most as many as there are marks."""

_Stamp = tuple[int, int, int, int]


@contextmanager
def small_file(path: Path, what: str) -> Iterator[BufferedReader]:
    """A file of a layout that is small enough to be read whole, opened.

    Raises InvalidDocument, with ``what`` as its sentence.
    """
    try:
        file = open_regular(path)
    except OSError as error:
        raise InvalidDocument(what, cause=f"{path.name}: {error.strerror}") from error
    with file:
        if os.fstat(file.fileno()).st_size > MAX_MANIFEST:
            raise InvalidDocument(what, cause=f"{path.name} is larger than {MAX_MANIFEST} bytes")
        yield file


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read, and from which file."""

    listing: Listing
    stamp: _Stamp
    release: "weakref.finalize[..., IndexFile]"


class IndexFile:
    """One ``index.json``; several threads may use it at once."""

    def __init__(self, path: Path, lock: Path) -> None:
        self._path = path
        self._lock = lock
        self._guard = threading.RLock()
        self._kept: _Kept | None = None
        self._gathering = 0
        self._tags: dict[str, Descriptor] = {}
        self._referrers: dict[Digest, Descriptor] = {}
        self._shown: tuple[Listing, Listing] | None = None

    def read(self) -> Listing:
        """What it says now, with what is gathered and not written yet.

        Raises InvalidDocument.
        """
        with self._guard:
            written = self._written()
            if not self._tags and not self._referrers:
                return written
            if self._shown is None or self._shown[0] is not written:
                self._shown = (written, written.edited(self._tags, self._referrers))
            return self._shown[1]

    def tag(self, name: str, entry: Descriptor) -> None:
        """Let a tag be this entry."""
        with self._guard:
            self._tags[name] = entry
            self._edited()

    def list_referrer(self, entry: Descriptor) -> None:
        """Let this document be listed, if it is not."""
        with self._guard:
            self._referrers[entry.digest] = entry
            self._edited()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Write the edits of the block once, at its end, however it ends."""
        with self._guard:
            self._gathering += 1
        try:
            yield
        finally:
            with self._guard:
                self._gathering -= 1
                self._edited()

    def replace(self, listing: Listing) -> None:
        """Let it say this and nothing else."""
        with self._guard, exclusive(self._lock):
            self._write(listing)

    def _edited(self) -> None:
        self._shown = None
        if self._gathering or not (self._tags or self._referrers):
            return
        try:
            with exclusive(self._lock):
                before = self._written()
                after = before.edited(self._tags, self._referrers)
                if after is not before:
                    self._write(after)
        finally:
            self._tags.clear()
            self._referrers.clear()

    def _written(self) -> Listing:
        with small_file(self._path, f"{self._path.parent} has no {self._path.name}") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            if self._kept is not None and stamp == self._kept.stamp:
                return self._kept.listing
            listing = Listing.parse(file.read(MAX_MANIFEST + 1))
            self._keep(listing, stamp, os.dup(file.fileno()))
        return listing

    def _write(self, listing: Listing) -> None:
        data = listing.index.encode()
        self._check_readable(listing, data)
        with replacing(self._path) as file:
            file.write(data)
            file.flush()
            handle = os.dup(file.fileno())
        self._keep(listing, _stamp(os.fstat(handle)), handle)

    def _check_readable(self, listing: Listing, data: bytes) -> None:
        """Refuse what nobody could read again."""
        what, hint = f"{self._path} cannot list any more", "use another layout for the rest"
        entries = len(listing.index.manifests)
        if entries > _MOST_ENTRIES or len(data) > MAX_MANIFEST:
            raise ContentTooLarge(what, cause=f"it would have {entries} entries in {len(data)} bytes", hint=hint)
        if sum(data.count(mark) for mark in _MARKS) < _FEW_VALUES:
            return
        try:
            load_json(data, self._path.name)
        except InvalidDocument as error:
            raise ContentTooLarge(what, cause=str(error), hint=hint) from error

    def _keep(self, listing: Listing, stamp: _Stamp, handle: int) -> None:
        # While the file is open, no other file can have its inode number.
        before = self._kept
        self._kept = _Kept(listing, stamp, weakref.finalize(self, os.close, handle))
        if before is not None:
            before.release()


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
