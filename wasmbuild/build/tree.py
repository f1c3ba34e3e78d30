"""SourceTree: the files of a project, listed once and within bounds.

Left out are hidden files and folders, outputs, installed dependencies, and what ``.gitignore`` and
``.wasmbuildignore`` say (``wasmbuild.build.ignore``). Links to folders are not followed. Not here: what is
in the files (``wasmbuild.build.statcache``), and which of them belong to a language.
"""

import os
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from registry.files import open_regular
from wasmbuild.build.globs import matching
from wasmbuild.build.ignore import IGNORE_FILES, IgnoreRules, read_rules
from wasmbuild.errors import InvalidProject

__all__ = [
    "IGNORED_FOLDERS",
    "MAX_DEPTH",
    "MAX_FILES",
    "MAX_IGNORE_BYTES",
    "MAX_TEXT",
    "SourceTree",
    "leads_out",
]

IGNORED_FOLDERS = frozenset({"build", "dist", "node_modules", "__pycache__", "target", "venv", "zig-out"})
"""Folders that are never looked into, wherever they are."""

MAX_FILES = 100_000
"""Files, and folders that are looked into."""

MAX_DEPTH = 32
"""Folders below one another; what is deeper is not looked at."""

MAX_IGNORE_BYTES = 1024 * 1024
"""Bytes of all ignore files together."""

MAX_TEXT = 1024 * 1024
"""Bytes of a file that ``text`` reads."""

_Rules = tuple[tuple[IgnoreRules, int], ...]
"""Rules and the length of the path of their folder, the deepest first."""


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The files under ``root``: relative paths with ``/``, sorted by code point."""

    root: Path
    files: tuple[str, ...]

    @classmethod
    def of(cls, root: Path) -> Self:
        """List a folder.

        Raises InvalidProject for more than ``MAX_FILES``, for a folder that cannot be read, and for ignore
        files that are too large or have a line that we refuse.
        """
        listing = _Listing(root.name or str(root))
        try:
            listing.enter(os.fspath(root), "", 0, ())
        except OSError as error:
            raise InvalidProject(f"{listing.label} cannot be listed", cause=error.strerror) from error
        return cls(root, tuple(sorted(listing.files)))

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The files that a glob names: ``*`` and ``?`` within a name, ``**`` for any folders."""
        return matching(self.files, pattern)

    def ending(self, *suffixes: str) -> tuple[str, ...]:
        """The files whose paths end in one of these."""
        return tuple(path for path in self.files if path.endswith(suffixes))

    def has(self, path: str) -> bool:
        """Whether it is one of the files."""
        place = bisect_left(self.files, path)
        return place < len(self.files) and self.files[place] == path

    def text(self, path: str, limit: int = MAX_TEXT) -> str | None:
        """What is in a small file, for finding out what it is.

        None when it is not one of the files, cannot be read, is larger than ``limit`` bytes, is not UTF-8, or
        is a link out of the tree.
        """
        if not self.has(path) or leads_out(self.root, path):
            return None
        try:
            with open_regular(self.root / path) as file:
                data = file.read(limit + 1)
            return None if len(data) > limit else data.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def leads_out(root: Path, path: str) -> bool:
    """Whether a path below a folder names, by way of links, something that is not in it."""
    inside = os.path.realpath(root)
    return not os.path.realpath(os.path.join(inside, path)).startswith(os.path.join(inside, ""))  # noqa: PTH118


class _Listing:
    """What was found so far, within bounds that hold for the whole tree."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.files: list[str] = []
        self._found = self._ignore_bytes = 0

    def enter(self, folder: str, prefix: str, depth: int, rules: _Rules) -> None:
        """List a folder, whose path below the project is ``prefix``, and those in it."""
        with os.scandir(folder) as listing:
            entries = list(listing)
        rules = self._with_own(folder, entries, len(prefix), rules)
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            path = prefix + name
            if entry.is_dir(follow_symlinks=False):
                if name not in IGNORED_FOLDERS and depth < MAX_DEPTH and not _ignored(f"{path}/", f"{name}/", rules):
                    self._count()
                    self.enter(entry.path, f"{path}/", depth + 1, rules)
            elif entry.is_file() and not _ignored(path, name, rules):
                self._count()
                self.files.append(path)

    def _with_own(self, folder: str, entries: list[os.DirEntry[str]], start: int, rules: _Rules) -> _Rules:
        own = read_rules(folder, {entry.name for entry in entries}.intersection(IGNORE_FILES))
        if own is None:
            return rules
        self._ignore_bytes += own.size
        if self._ignore_bytes > MAX_IGNORE_BYTES:
            raise InvalidProject(f"the ignore files in {self.label} have more than {MAX_IGNORE_BYTES} bytes")
        return ((own, start), *rules)

    def _count(self) -> None:
        self._found += 1
        if self._found > MAX_FILES:
            raise InvalidProject(
                f"there are more than {MAX_FILES} files and folders in {self.label}",
                hint="build in the folder of one project, or name folders in .wasmbuildignore",
            )


def _ignored(path: str, name: str, rules: _Rules) -> bool:
    for own, start in rules:
        verdict = own.verdict(path[start:], name)
        if verdict is not None:
            return verdict
    return False
