"""Bytes in a folder, under their digests, so that a file is never anything but what its name says.

Order of things: the bytes are on the disk, then their name is (rename, and a sync of the folder),
then rows are. Whoever makes a blob shares the lock of its folder until the rows are committed, and
whoever deletes one has that lock alone: what was just said to be there is there.
"""

import asyncio
import fcntl
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from starlette.responses import Response

from registry.digest import ALGORITHMS, Digest
from registry.errors import InvalidDigest, StorageFailed
from registry.server import crashes
from registry.server.downloads import FileResponse
from registry.server.metadata.uploads import KnownUpload
from registry.server.ranges import Span
from registry.server.storage.format import check_format, mark_format
from registry.server.storage.protocol import Incoming, Known, UploadBusy, WrongDigest
from registry.server.storage.spool import Spool, SpoolFolder

__all__ = ["FolderStorage", "blob_path", "make_uploads", "open_folder"]

Result = TypeVar("Result")

_CHUNK = 1024 * 1024
_KNOWN_AT_ONCE = 500


class _FolderUpload:
    """A spool, whose waiting is done on threads."""

    def __init__(self, storage: "FolderStorage", upload: str, spool: Spool) -> None:
        self.id = upload
        self._storage = storage
        self._spool = spool
        self._size = self._first = spool.size
        # The batch before is being written while the next one arrives; the last waits for ``seal``, so
        # that a small blob takes one change of threads.
        self._writing: asyncio.Future[None] | None = None
        self._held: list[bytes] = []

    @property
    def size(self) -> int:
        """Bytes that have arrived so far."""
        return self._size

    async def append(self, batch: Iterable[bytes]) -> None:
        """Hash and write, soon. Raises what went wrong with what came before."""
        await self._written()
        if self._held:
            self._writing = _begun(self._spool.append, self._held)
        self._held = list(batch)
        self._size += sum(map(len, self._held))

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await _ended(writing)

    async def rewind(self, size: int) -> None:
        """Cut the file off."""
        self._held = []
        with suppress(OSError):
            await self._written()
        await _ended(_begun(self._spool.truncate, size))
        self._size = size

    async def suspend(self) -> None:
        """Close the file, which itself says how far it is."""
        try:
            await self._written()
            if self._held:
                await _ended(_begun(self._spool.append, self._held))
        except OSError:
            await self.rewind(self._first)  # what is refused as a whole does not stay in part
            raise
        finally:
            self._storage.spools.suspend(self.id, self._spool)

    def holds(self, connection: Connection) -> bool:  # noqa: ARG002
        """It has the lock of the file."""
        return True

    @asynccontextmanager
    async def seal(self, digest: Digest) -> AsyncIterator[str]:
        """Give the file its name, and hold the lock of its folder."""
        try:
            await self._written()
            with await self._adopted(digest):
                yield ""
        finally:
            # Gone when it became a blob; if not, it is of no use to anybody.
            await self.discard()

    async def _adopted(self, digest: Digest) -> "_Lock":
        adopting = _begun(self._adopt, digest)
        try:
            return await _ended(adopting)
        except asyncio.CancelledError:
            if adopting.exception() is None:
                adopting.result().close()
            raise

    def _adopt(self, digest: Digest) -> "_Lock":
        self._spool.append(self._held)
        found = self._spool.digest(digest.algorithm)
        if found != digest:
            raise WrongDigest(found)
        self._spool.sync()
        crashes.passing(crashes.Point.BYTES_SYNCED)
        return self._storage.adopt(self._spool.path, digest)

    async def discard(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            await self._written()
        self._storage.spools.discard(self.id)
        self._spool.close()


def _begun(work: Callable[..., Result], *arguments: object) -> "asyncio.Future[Result]":
    return asyncio.get_running_loop().run_in_executor(None, work, *arguments)


async def _ended(work: "asyncio.Future[Result]") -> Result:
    """Wait for a thread, come what may: one left behind would go on with a file that is closed by then."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()
        raise cancelled
    return work.result()


class FolderStorage:
    """Blobs under ``blobs``, uploads under ``uploads``; the key of a blob is its digest, and so is not needed."""

    min_chunk = 0

    def __init__(self, root: Path, patience: float) -> None:
        self.spools = SpoolFolder(root / "uploads")
        self._blobs = root / "blobs"
        self._quarantine = root / "quarantine"
        self._patience = patience
        self._making = threading.Lock()
        self._made: set[Path] = set()

    async def check(self) -> None:
        """It was, when it was opened."""

    # -- arriving -------------------------------------------------------------------------------------

    async def begin(self, upload: str, algorithm: str) -> tuple[Incoming, str]:
        """An empty file."""
        return _FolderUpload(self, upload, self.spools.create(upload, algorithm)), ""

    async def resume(self, upload: KnownUpload) -> Incoming:
        """Open its file. Raises FileNotFoundError, UploadBusy."""
        return _FolderUpload(self, upload.id, self.spools.open(upload.id, upload.algorithm))

    async def size(self, upload: KnownUpload) -> int:
        """The length of its file. Raises FileNotFoundError."""
        return self.spools.size(upload.id)

    async def idle(self, before: float) -> list[str]:
        """Files that were last written to before a time."""
        return self.spools.idle_since(before)

    async def abandon(self, upload: KnownUpload, before: float) -> bool:
        """Delete its file, unless a request has it open, or had lately."""
        try:
            if self.spools.grew(upload.id) >= before:
                return False
            spool = self.spools.open(upload.id, upload.algorithm)
        except UploadBusy:
            return False
        except FileNotFoundError:
            return True
        self.spools.discard(upload.id)
        spool.close()
        return True

    def adopt(self, source: Path, digest: Digest) -> "_Lock":
        """Move a file, already synced and verified, to its final name, durably: the lock that holds it there.

        What has the name already is replaced: it has the same bytes, or it is damaged.
        """
        target = self.path(digest)
        self._make_shard(target.parent)
        lock = _Lock(target.parent, fcntl.LOCK_SH)
        try:
            source.replace(target)
            crashes.passing(crashes.Point.BLOB_NAMED)
            lock.sync()
            crashes.passing(crashes.Point.BLOB_SAFE)
        except BaseException:
            lock.close()
            raise
        return lock

    def _make_shard(self, shard: Path) -> None:
        # Whoever finds the folder must find it on the disk: seen is not yet synced.
        with self._making:
            for folder in (shard.parent, shard):
                if folder not in self._made or not folder.is_dir():
                    _make_folder(folder)
                    self._made.add(folder)

    # -- being there ----------------------------------------------------------------------------------

    def path(self, digest: Digest) -> Path:
        """Where a blob is, or would be."""
        return blob_path(self._blobs, digest)

    async def response(
        self,
        digest: Digest,
        key: str,  # noqa: ARG002
        size: int,
        span: Span | None,
        headers: Mapping[str, str],
        method: str,  # noqa: ARG002
    ) -> Response:
        """The file. Raises FileNotFoundError, also when it is not as long as it was: a push mends that."""
        file = FileIO(self.path(digest))
        if os.fstat(file.fileno()).st_size != size:
            file.close()
            raise FileNotFoundError(digest.encoded)
        status = 200 if span is None else 206
        return FileResponse(file, span or Span(0, size), status, headers, self._patience)

    async def exists(self, digest: Digest, key: str) -> bool:  # noqa: ARG002
        """Whether there is a file."""
        return self.path(digest).is_file()

    async def chunks(self, digest: Digest, key: str) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Read the file."""
        with FileIO(self.path(digest)) as file:
            while data := await asyncio.to_thread(file.read, _CHUNK):
                yield data

    # -- going ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def removing(self, digest: Digest, key: str) -> AsyncIterator[None]:  # noqa: ARG002
        """Have the folder's lock alone."""
        with _alone(self.path(digest).parent):
            yield

    async def remove(self, digest: Digest, key: str) -> None:  # noqa: ARG002
        """Delete the file."""
        self.path(digest).unlink(missing_ok=True)

    async def quarantine(self, digest: Digest, key: str) -> None:  # noqa: ARG002
        """Move the file to ``quarantine``."""
        _make_folder(self._quarantine)
        self.path(digest).replace(self._quarantine / f"{digest.algorithm}-{digest.encoded}")
        _sync_folder(self._quarantine)

    async def orphans(self, known: Known) -> AsyncIterator[tuple[Digest, str]]:
        """Files without a row, one folder after another; each folder is locked while it is asked about."""
        for shard in sorted(self._blobs.glob("*/*")):
            try:
                with _alone(shard):
                    names = [_digest(shard.parent.name, path.name) for path in shard.iterdir()]
                    digests = [digest for digest in names if digest is not None]
                    for start in range(0, len(digests), _KNOWN_AT_ONCE):
                        batch = digests[start : start + _KNOWN_AT_ONCE]
                        rows = await known(batch)
                        for digest in batch:
                            if digest not in rows:
                                yield digest, ""
            except UploadBusy:
                continue  # somebody is making a blob there: the next time, then

    async def close(self) -> None:
        """Nothing is held."""


def blob_path(blobs: Path, digest: Digest) -> Path:
    """Where a folder of blobs has one, or would have it: few in each folder."""
    return blobs / digest.algorithm / digest.encoded[:2] / digest.encoded


def _digest(algorithm: str, encoded: str) -> Digest | None:
    try:
        return Digest.parse(f"{algorithm}:{encoded}")
    except InvalidDigest:
        return None  # a person's file; not ours to judge


def open_folder(root: Path, patience: float) -> FolderStorage:
    """The folder, in which uploads have theirs already (``make_uploads``); the rest is created at need.

    Raises StorageFailed when nothing can be written there.
    """
    with _writing(root):
        for folder in (root / "blobs", *(root / "blobs" / name for name in ALGORITHMS)):
            _make_folder(folder)
    return FolderStorage(root, patience)


def make_uploads(root: Path) -> None:
    """The folder for what arrives, created at need, for its owner alone: rules say who may read blobs.

    Raises StorageFailed when nothing can be written there, when it is a backup, and when it is of another
    version.
    """
    # A backup has its blobs in the same places, and collection would take them away.
    if (root / "backup.json").exists():
        raise StorageFailed(
            f"{root} is a backup", hint="name another folder with --data, and restore the backup into it"
        )
    probe = root / "uploads" / f".probe-{os.getpid()}"
    with _writing(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_format(root)
        _make_folder(probe.parent)
        probe.touch()
        probe.unlink()
    mark_format(root)


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"cannot write to the registry's folder {root}",
            cause=error.strerror,
            hint="choose another folder with --data, or change its owner",
        ) from error


class _Lock:
    """A lock of a folder, held until it is closed or the process ends."""

    def __init__(self, folder: Path, kind: int) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, kind)
        except BaseException:
            self.close()
            raise

    def sync(self) -> None:
        """Wait until the folder is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        self.close()


def _alone(folder: Path) -> _Lock:
    """Raises UploadBusy while others have it."""
    try:
        return _Lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UploadBusy(folder.name) from error


def _make_folder(folder: Path) -> None:
    # Synced even when it is there: another process may just have made it.
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
