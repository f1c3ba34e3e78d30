"""A backup on the disk.

::

    FOLDER/backup.json          what the backup is; without it, or before it is there, there is none
    FOLDER/rows-<id>.db         all rows, as a database of SQLite
    FOLDER/blobs/sha256/ab/ab…  bytes, under their digests

A later backup to the same folder copies only what is new. ``backup.json`` is replaced last, so that
the one before is good until then. Everything is readable by its owner alone: the rows hold the keys
that tokens are signed with, and hashes of passwords.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from registry.digest import Digest, Hasher
from registry.errors import InvalidDigest, InvalidDocument, StorageFailed
from registry.files import storage_errors, sync_folder, write_all, write_atomically
from registry.server.storage.folder import blob_path

__all__ = ["BackupFolder", "DamagedBytes", "Summary"]

_SCHEMA_VERSION = 1
_MAX_SUMMARY = 1024 * 1024


class DamagedBytes(Exception):  # no Failure: whoever copies decides what it means
    """Bytes are not those that their digest names."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``backup.json`` says: when it was made (ISO 8601), of which schema, and how much it holds.

    ``rows`` is the name of the file of rows, ``digest`` that of its bytes. ``blobs`` are distinct
    ones, ``bytes`` theirs.
    """

    made: str
    revision: str
    rows: str
    digest: str
    repositories: int
    manifests: int
    tags: int
    blobs: int
    bytes: int


class BackupFolder:
    """One folder that is, or becomes, a backup."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._partial = root / "partial"
        self._touched: set[Path] = set()

    # -- the whole ------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the folder, for its owner alone. Raises StorageFailed when something else is in it."""
        with storage_errors(f"{self.root} cannot hold a backup"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = {path.name for path in self.root.iterdir()}
            # A registry's own folder has blobs in the same places, which are not ours to tidy.
            if names and not names & {"backup.json", "partial"}:
                raise StorageFailed(
                    f"{self.root} is not empty, and no backup",
                    hint="name a folder of its own, or one that is not there",
                )
            for folder in (self._partial, self._blobs):
                folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Nobody else writes to it meanwhile, nor reads it when ``alone``. Raises StorageFailed."""
        with storage_errors(f"{self.root} is not a backup"):
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageFailed(
                    f"the backup {self.root} is in use", cause="another command makes or restores it"
                ) from error
            yield
        finally:
            os.close(handle)

    def summary(self) -> Summary:
        """What it holds. Raises StorageFailed when there is no complete backup, InvalidDocument."""
        path = self.root / "backup.json"
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_SUMMARY + 1)
        except FileNotFoundError as error:
            raise StorageFailed(
                f"{self.root} holds no complete backup",
                cause="it has no backup.json, which is written last",
                hint="if making it was interrupted, make it again into the same folder",
            ) from error
        except OSError as error:
            raise StorageFailed(f"{path} cannot be read", cause=error.strerror) from error
        return _parsed(content, path)

    def finish(self, summary: Summary) -> None:
        """Make a backup of what was received: from here on it is one."""
        with storage_errors(f"{self.root} could not be written"):
            folders = {path for shard in self._touched for path in (shard, shard.parent, shard.parent.parent)}
            for folder in {*folders, self.root}:
                sync_folder(folder)
        document = {"schemaVersion": _SCHEMA_VERSION, **asdict(summary)}
        write_atomically(self.root / "backup.json", json.dumps(document, indent=2).encode() + b"\n", mode=0o600)

    def prune(self, rows: str, keep: "Iterator[Digest]") -> None:
        """Delete the rows of earlier backups, what was interrupted, and bytes that are not among those to keep."""
        with storage_errors(f"{self.root} could not be tidied"):
            for path in [*self._partial.iterdir(), *self.root.glob("rows-*.db")]:
                if path.name != rows:
                    path.unlink()
            kept, expected = keep, next(keep, None)
            for digest, path in self._stored():
                while expected is not None and expected < digest:
                    expected = next(kept, None)
                if digest != expected:
                    path.unlink()

    def _stored(self) -> Iterator[tuple[Digest, Path]]:
        """All bytes, sorted by digest."""
        for shard in sorted(self._blobs.glob("*/*")):
            for path in sorted(shard.iterdir()):
                with contextlib.suppress(InvalidDigest):  # a person's file; not ours to judge
                    yield Digest.parse(f"{shard.parent.name}:{path.name}"), path

    # -- rows -----------------------------------------------------------------------------------------

    def new_rows(self) -> Path:
        """An empty file for rows, which is nobody else's."""
        path = self._partial / f"rows-{uuid.uuid4().hex}.db"
        with storage_errors(f"{path} could not be written"):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return path

    def take_rows(self, written: Path) -> tuple[str, str]:
        """Put a complete file of rows into its place: its name and its digest."""
        with storage_errors(f"{written} could not be written"), written.open("rb") as file:
            os.fsync(file.fileno())
            digest = _digest_of(file)
            written.replace(self.root / written.name)
        return written.name, digest

    def rows(self, summary: Summary) -> Path:
        """The file of rows. Raises StorageFailed when it is missing or damaged."""
        path = self.root / summary.rows
        with storage_errors(f"the backup's rows {path} cannot be read"), path.open("rb") as file:
            found = _digest_of(file)
        if found != summary.digest:
            raise StorageFailed(f"the backup is damaged: {path}", cause=f"its digest is {found}, not {summary.digest}")
        return path

    # -- bytes ----------------------------------------------------------------------------------------

    def path(self, digest: Digest) -> Path:
        """Where the bytes of a digest are, or would be."""
        return blob_path(self._blobs, digest)

    def has(self, digest: Digest, size: int) -> bool:
        """Whether there are as many bytes as there should be; only reading them back tells more."""
        try:
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    async def receive(self, digest: Digest, size: int, chunks: AsyncIterator[bytes]) -> None:
        """Store bytes, once they are known to be right. Raises DamagedBytes, StorageFailed."""
        temporary, target = self._partial / uuid.uuid4().hex, self.path(digest)
        opener = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(opener, "wb", buffering=0) as file:
                hasher, written = digest.hasher(), 0
                async for chunk in chunks:
                    written += len(chunk)
                    if written > size:
                        break
                    await asyncio.to_thread(_take, file, hasher, chunk)
                if written != size or hasher.hexdigest() != digest.encoded:
                    raise DamagedBytes(str(digest))
                await asyncio.to_thread(os.fsync, file.fileno())
            self._name(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _name(self, temporary: Path, target: Path) -> None:
        if target.parent not in self._touched:
            target.parent.parent.mkdir(mode=0o700, exist_ok=True)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            self._touched.add(target.parent)
        temporary.replace(target)


def _take(file: BinaryIO, hasher: Hasher, chunk: bytes) -> None:
    hasher.update(chunk)
    write_all(file, chunk)


def _digest_of(file: BufferedReader) -> str:
    return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _parsed(content: bytes, path: Path) -> Summary:
    try:
        document: dict[str, Any] = json.loads(content) if len(content) <= _MAX_SUMMARY else {}
        version = document.pop("schemaVersion")
        summary = Summary(**document)
        beside = Path(summary.rows).name == summary.rows
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidDocument(f"{path} does not describe a backup", cause=str(error)[:200]) from error
    if version != _SCHEMA_VERSION or not beside:
        raise InvalidDocument(f"{path} does not describe a backup of a kind that this version knows")
    return summary
