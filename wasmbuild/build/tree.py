"""SourceTree: the files of a project, listed once and within bounds.

Left out are hidden files and folders, outputs, installed dependencies, caches, and what ``.gitignore`` and
``.wasmbuildignore`` say (``wasmbuild.build.ignore``). Links to folders inside the project are followed,
but not in a circle. Not here: what is in the files (``wasmbuild.build.statcache``), and which of them
belong to a language.
"""

import os
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from registry.files import open_regular
from wasmbuild.build.globs import matching
from wasmbuild.build.ignore import IGNORE_FILES, IgnoreRules, read_rules
from wasmbuild.caches import CACHE_TAG, is_tagged
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

_Links = tuple[str, ...]
"""The real paths of the folders that have the links by which a folder was reached."""


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The files under ``root``: relative paths with ``/``, sorted by code point.

    ``left_out`` are links to folders that are not followed, because these are outside the project or
    are never looked into.
    """

    root: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path) -> Self:
        """List a folder.

        Raises InvalidProject for more than ``MAX_FILES``, for a folder that cannot be read, and for ignore
        files that are too large or have a line that we refuse.
        """
        listing = _Listing(root)
        try:
            listing.enter(os.fspath(root), "", (), ())
        except OSError as error:
            raise InvalidProject(f"{listing.where(error)} cannot be listed", cause=error.strerror) from error
        return cls(root, tuple(sorted(listing.files)), tuple(sorted(listing.left_out)))

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

    def __init__(self, root: Path) -> None:
        self.root = root
        self.label = root.name or str(root)
        self.files: list[str] = []
        self.left_out: list[str] = []
        self._found = self._ignore_bytes = 0

    def where(self, error: OSError) -> str:
        """What an error is about: a folder of the project, or the project."""
        start, path = os.path.join(self.root, ""), str(error.filename or "")  # noqa: PTH118
        return path.removeprefix(start) if path.startswith(start) and path != start else self.label

    def enter(self, folder: str, prefix: str, links: _Links, rules: _Rules) -> None:
        """List a folder, whose path below the project is ``prefix``, and those in it."""
        with os.scandir(folder) as listing:
            entries = list(listing)
        names = {entry.name for entry in entries}
        if prefix and CACHE_TAG in names and is_tagged(folder):
            return
        rules = self._with_own(folder, names, len(prefix), rules)
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if entry.is_symlink():
                self._follow(folder, entry, prefix, links, rules)
            elif entry.is_dir(follow_symlinks=False):
                self._below(entry, prefix, links, rules)
            elif entry.is_file():
                self._file(name, prefix, rules)

    def _file(self, name: str, prefix: str, rules: _Rules) -> None:
        if not _ignored(prefix + name, name, rules):
            self._count()
            self.files.append(prefix + name)

    def _below(self, entry: os.DirEntry[str], prefix: str, links: _Links, rules: _Rules) -> None:
        name, path = entry.name, prefix + entry.name
        if name in IGNORED_FOLDERS or path.count("/") >= MAX_DEPTH or _ignored(f"{path}/", f"{name}/", rules):
            return
        self._count()
        self.enter(entry.path, f"{path}/", links, rules)

    def _follow(self, folder: str, entry: os.DirEntry[str], prefix: str, links: _Links, rules: _Rules) -> None:
        """Take a link for what it leads to: a file, a folder, or nothing."""
        name, path = entry.name, prefix + entry.name
        try:
            to_folder, to_file = entry.is_dir(), entry.is_file()
        except OSError:  # it leads to itself, or to where nobody may look
            return
        if to_file:
            self._file(name, prefix, rules)
        if not to_folder or name in IGNORED_FOLDERS or _ignored(path, name, rules):
            return
        here, there = os.path.realpath(folder), os.path.realpath(entry.path)
        if self._never_seen(there):
            if not _ignored(f"{path}/", f"{name}/", rules):
                self.left_out.append(path)
        elif not any(_is_below(place, there) for place in (*links, here)):  # that would be a circle
            self._below(entry, prefix, (*links, here), rules)

    def _never_seen(self, folder: str) -> bool:
        """Whether a folder, by its real path, is none that would be looked into."""
        root = os.path.realpath(self.root)
        if not _is_below(folder, root):
            return True
        parts = folder[len(root) :].split("/")
        return any(part in IGNORED_FOLDERS or part.startswith(".") for part in parts)

    def _with_own(self, folder: str, names: set[str], start: int, rules: _Rules) -> _Rules:
        own = read_rules(folder, names.intersection(IGNORE_FILES))
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


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))  # noqa: PTH118


def _ignored(path: str, name: str, rules: _Rules) -> bool:
    for own, start in rules:
        verdict = own.verdict(path[start:], name)
        if verdict is not None:
            return verdict
    return False
