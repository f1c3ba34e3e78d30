"""Folders that stay on this machine: what was fetched by hash, or takes long to make, and can be made again.

Each is named by the key of the action that makes it, is made once for all projects, gets its name when
it is complete, and is read-only from then on.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from wasmbuild.build.action import ActionKey
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.staging import seal
from wasmbuild.caches import Caches
from wasmbuild.events import Note, Sink

__all__ = ["KeptFolders"]


class KeptFolders:
    """The kept folders of a user."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    @contextlib.contextmanager
    def folder(self, name: str, key: ActionKey, make: Callable[[Path], object], sink: Sink) -> Iterator[Path]:
        """The folder of a key, which ``make`` fills when it is not there yet.

        Raises what ``make`` raises, and OSError.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415  most builds keep no folder

        final = self._caches.folder("kept") / f"{name}-{key.digest.encoded[:32]}"
        if not final.is_dir():
            lock = FileLock(f"{final}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                sink(Note("info", f"waiting for another wasmbuild, which does the same ({name})"))
                lock.acquire()
            try:
                if not final.is_dir():
                    self._make(final, make)
            finally:
                lock.release()
        os.utime(final)
        yield final

    def _make(self, final: Path, make: Callable[[Path], object]) -> None:
        with draft_folder(final.parent) as draft:
            made = draft / "made"
            made.mkdir()
            make(made)
            seal(made)
            made.chmod(0o755)  # who is not root may not move a folder that cannot be written to
            made.rename(final)
            final.chmod(0o555)
