"""Where wasmbuild keeps what it can get again: the user's cache folder and its sub-folders.

Not here: what a project needs to stay itself (its lock, its output), which lives in the project.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "Caches"]

CACHE_VARIABLE = "WASMBUILD_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Caches:
    """The cache folder, absolute; nothing in it is created before it is needed."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())

    @classmethod
    def of_user(cls, environment: Mapping[str, str] | None = None) -> "Caches":
        """The folder that ``WASMBUILD_CACHE_DIR`` names, or the one of the platform's conventions."""
        named = (os.environ if environment is None else environment).get(CACHE_VARIABLE)
        if named:
            return cls(Path(named))
        from platformdirs import user_cache_path  # noqa: PLC0415  (siblings of this module start without it)

        return cls(user_cache_path("wasmbuild", appauthor=False))

    @property
    def tools(self) -> Path:
        """Provisioned compilers, one folder each."""
        return self.root / "tools"

    def scratch(self) -> Path:
        """A folder to work in: in the cache, or the machine's own for temporary files where that is not possible."""
        try:
            return self.writable("work")
        except OSError:
            import tempfile  # noqa: PLC0415  (seldom needed)

            return Path(tempfile.gettempdir())

    def writable(self, relative: str) -> Path:
        """A sub-folder that can be written to; OSError when it cannot be."""
        folder = self.folder(relative)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return folder

    def folder(self, relative: str) -> Path:
        """A sub-folder, created when it is not there; OSError when it cannot be."""
        path = self.root / relative
        path.mkdir(parents=True, exist_ok=True)
        return path
