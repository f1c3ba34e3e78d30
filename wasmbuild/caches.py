"""Where wasmbuild keeps what it can get again: the user's cache folder and its sub-folders.

Not here: what a project needs to stay itself (its lock, its output), which lives in the project.
"""

import errno
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE_TAG", "CACHE_VARIABLE", "Caches", "is_tagged"]

CACHE_VARIABLE = "WASMBUILD_CACHE_DIR"

CACHE_TAG = "CACHEDIR.TAG"
"""The file that says of a folder that it is a cache (https://bford.info/cachedir/)."""

_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_TAG = _SIGNATURE + b"\n# This folder is a cache of wasmbuild: what is in it can be got again.\n"
_BY_OTHERS = frozenset({"tools", "aot", "actions", "inputs"})
"""Sub-folders that may be there before anybody has asked for one here."""


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
        if sys.platform == "linux":  # what platformdirs says there; it costs as much as a run of a small guest
            base = os.environ.get("XDG_CACHE_HOME", "").strip() or Path("~/.cache").expanduser()
            return cls(Path(base) / "wasmbuild")
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
        self.tag()
        path = self.root / relative
        path.mkdir(parents=True, exist_ok=True)
        return path

    def tag(self) -> None:
        """Say of the cache that it is one, so that no project around it takes it for sources, and no backup for data.

        A folder that has other things in it is not only a cache, and stays as it is.
        """
        tag = self.root / CACHE_TAG
        if os.path.lexists(tag):
            return
        from registry.errors import StorageFailed  # noqa: PLC0415  (needed once in the life of a cache)
        from registry.files import write_atomically  # noqa: PLC0415

        with suppress(OSError, StorageFailed):  # a cache works without it
            self.root.mkdir(parents=True, exist_ok=True)
            if {name for name in os.listdir(self.root) if not name.startswith(".")} <= _BY_OTHERS:  # noqa: PTH208
                write_atomically(tag, _TAG)


def is_tagged(folder: str) -> bool:
    """Whether a folder is a cache, of wasmbuild or of others, by its tag; a tag that is a link is none."""
    try:
        handle = os.open(f"{folder}/{CACHE_TAG}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return False
    try:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
        return regular and os.read(handle, len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False
    finally:
        os.close(handle)
