"""Housekeeping in a FolderStore: what is in it, when it was last used, and removing what was not used for longest.

Nobody who reads is disturbed: what is open stays readable, and what is gone is a miss. Content that no
result refers to may belong to one that is just being written, and goes only when it has been idle.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.content import read_all
from registry.errors import Failure
from registry.model import MAX_MANIFEST, Manifest, parse_document
from wasmbuild.build.cache.folder import CONTENT, NAMES, SCRATCH, FolderStore

__all__ = ["IDLE", "Pruned", "Use", "cut", "prune", "prune_before", "uses"]

IDLE = 3600.0
"""Seconds after which what nobody refers to belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something in a cache: when it was last used (seconds since 1970), and how many bytes go with it."""

    last_used: float
    size: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: things, and the bytes that they had."""

    count: int = 0
    size: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(self.count + other.count, self.size + other.size)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name, and the paths of all content that belongs to it; none when it cannot be read."""

    pointer: _File
    contents: frozenset[Path]


def uses(root: Path) -> tuple[Use, ...]:
    """What there is, the most recently used first; content counts for the result that used it last."""
    files = {file.path: file for file in _files(root / CONTENT, depth=3)}
    found = [
        Use(
            entry.pointer.modified,
            entry.pointer.size + sum(files.pop(path).size for path in entry.contents & files.keys()),
        )
        for entry in _entries(root)
    ]
    return (*found, *(Use(file.modified, file.size) for file in files.values()))


def cut(found: Iterable[Use], max_bytes: int) -> float:
    """The time such that what was used after it has at most ``max_bytes`` bytes; minus infinity when all has."""
    total = 0
    for use in sorted(found, key=lambda each: each.last_used, reverse=True):
        total += use.size
        if total > max_bytes:
            return use.last_used
    return float("-inf")


def prune(root: Path, *, max_bytes: int | None = None, older_than: float | None = None) -> Pruned:
    """Remove what was last used ``older_than`` seconds ago, and then as much as is over ``max_bytes``."""
    before = float("-inf") if older_than is None else time.time() - older_than
    if max_bytes is not None:
        before = max(before, cut(uses(root), max_bytes))
    return prune_before(root, before)


def prune_before(root: Path, before: float) -> Pruned:
    """Remove what was last used at a time or before it, and what no result refers to any more."""
    idle = time.time() - IDLE
    gone, kept = list[_Entry](), set[Path]()
    for entry in _entries(root):
        stale = entry.pointer.modified <= before or not entry.contents
        if stale and _remove(entry.pointer):
            gone.append(entry)
        else:
            kept |= entry.contents
    orphaned = {path for entry in gone for path in entry.contents}
    size = sum(entry.pointer.size for entry in gone)
    for file in _files(root / CONTENT, depth=3):
        needless = file.path in orphaned or file.modified < idle
        if file.path not in kept and needless and _remove(file):
            size += file.size
    for file in _files(root / SCRATCH, depth=1):
        if file.modified < idle:
            _remove(file)
    return Pruned(len(gone), size)


def _remove(file: _File) -> bool:
    """Remove a file, unless somebody has used it since it was looked at."""
    with contextlib.suppress(OSError):
        if file.path.lstat().st_mtime <= file.modified:
            file.path.unlink()
            return True
    return False


def _entries(root: Path) -> Sequence[_Entry]:
    """All names, the most recently used first."""
    pointers = sorted(_files(root / NAMES, depth=1), key=lambda file: file.modified, reverse=True)
    store = _Unseen(root)
    return [_Entry(pointer, store.contents(pointer.path.name)) for pointer in pointers]


class _Unseen(FolderStore):
    """The store, read without counting that as a use."""

    def contents(self, name: str) -> frozenset[Path]:
        try:
            manifest = self.resolve(name)
            document = parse_document(read_all(self, manifest, MAX_MANIFEST), manifest.media_type)
        except (Failure, OSError):
            return frozenset()
        if not isinstance(document, Manifest):
            return frozenset()
        return frozenset(self._path(each.digest) for each in (manifest, *document.successors))

    def _touch(self, file: int) -> None:
        """Nothing: only those who build count."""


def _files(folder: Path, *, depth: int) -> Iterator[_File]:
    """The regular files so many levels below a folder; what cannot be read is left out."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), depth=depth - 1)
            elif depth == 1:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode):
                        yield _File(Path(entry.path), found.st_size, found.st_mtime)
