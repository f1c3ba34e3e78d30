"""The bytes of blobs: a folder in which a file's name is its digest.

``DATA/blobs/<algorithm>/<first two digits>/<hex>``. A file is there whole and on the disk, or not at
all. Who may read it is decided by rows; names that users choose never become paths.
"""

import os
import threading
from io import FileIO
from pathlib import Path

from registry.digest import Digest
from registry.errors import StorageFailed

__all__ = ["BlobFolder", "Folders", "prepare_folders"]


class BlobFolder:
    """Blobs under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._making = threading.Lock()

    def path(self, digest: Digest) -> Path:
        """Where a blob is, or would be."""
        return self._root / digest.algorithm / digest.encoded[:2] / digest.encoded

    def open(self, digest: Digest) -> FileIO:
        """The bytes of a blob. Raises FileNotFoundError."""
        return self.path(digest).open("rb", buffering=0)

    def exists(self, digest: Digest) -> bool:
        """Whether the bytes are there."""
        return self.path(digest).is_file()

    def adopt(self, source: Path, digest: Digest) -> None:
        """Move a file, already synced and verified, to its final name, durably.

        What has the name already is replaced: it has the same bytes, or it is damaged.
        """
        target = self.path(digest)
        self._make_shard(target.parent)
        source.replace(target)
        _sync_folder(target.parent)

    def _make_shard(self, shard: Path) -> None:
        # Whoever finds the folder must find it on the disk: seen is not yet synced.
        with self._making:
            for folder in (shard.parent, shard):
                _make_folder(folder)


class Folders:
    """The layout of a server's data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.database = data / "registry.db"
        self.uploads = data / "uploads"
        self.blobs = BlobFolder(data / "blobs")


def prepare_folders(data: Path) -> Folders:
    """The data folder, created at need.

    Raises StorageFailed when nothing can be written there.
    """
    folders = Folders(data)
    probe = folders.uploads / f".probe-{os.getpid()}"
    try:
        data.mkdir(parents=True, exist_ok=True)
        for folder in (folders.uploads, data / "blobs"):
            _make_folder(folder)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StorageFailed(
            f"cannot write to the registry's folder {data}",
            cause=error.strerror,
            hint="choose another folder with --data, or change its owner",
        ) from error
    return folders


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
