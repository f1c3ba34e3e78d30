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
from wasmbuild.build.toolfolders import locked
from wasmbuild.caches import Caches
from wasmbuild.events import Sink

__all__ = ["KeptFolders"]


class KeptFolders:
    """The kept folders of a user."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def find(self, name: str, key: ActionKey) -> Path | None:
        """The folder of a key, if it is there; it may be gone the next moment."""
        folder = self._folder(name, key)
        return folder if folder.is_dir() else None

    def _folder(self, name: str, key: ActionKey) -> Path:
        return self._caches.folder("kept") / f"{name}-{key.digest.encoded[:32]}"

    @contextlib.contextmanager
    def folder(self, name: str, key: ActionKey, make: Callable[[Path], object], sink: Sink) -> Iterator[Path]:
        """The folder of a key, which ``make`` fills when it is not there yet.

        Raises what ``make`` raises, and OSError.
        """
        final = self._folder(name, key)
        if not final.is_dir():
            with locked(final, sink, f"does the same ({name})"):
                if not final.is_dir():
                    self._make(final, make)
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
