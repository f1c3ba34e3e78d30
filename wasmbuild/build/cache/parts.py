"""The parts of the user's cache that can be removed, with their sizes; compilers are not among them.

What is removed comes again when it is needed, and only time is lost. Not here: tools, which are whole or
not there (``wasmbuild toolchain prune``), and what a build is writing at this moment (``drafts``).
"""

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.build.cache.folder import ACTIONS
from wasmbuild.build.cache.housekeeping import IDLE, Pruned, Use, cut, prune_before, uses
from wasmbuild.caches import Caches

__all__ = ["ACTIONS", "Part", "parts_of", "prune_all", "prune_parts"]

_NOT_OURS = frozenset({"tools", "work", "warm"})
_BY_CHILD = frozenset({"aot", "kept", "projects", "stages"})
"""Folders in which every file or folder stands for itself; of the others, which are compilers', all goes or nothing."""
_REMOVED = ".removed-"
_WARM = "warm"


@dataclass(frozen=True, slots=True)
class Part:
    """A folder in the cache, by name, and what is in it that can be removed."""

    name: str
    items: tuple[Use, ...]

    @property
    def size(self) -> int:
        """Bytes in all of it."""
        return sum(item.size for item in self.items)

    @property
    def oldest(self) -> float | None:
        """When that was last used which was not used for longest; seconds since 1970."""
        return min((item.last_used for item in self.items), default=None)

    @property
    def last_used(self) -> float | None:
        """When something of it was last used; seconds since 1970."""
        return max((item.last_used for item in self.items), default=None)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file or folder that is removed as one."""

    part: str
    path: Path
    use: Use


def parts_of(caches: Caches) -> tuple[Part, ...]:
    """All parts, by name, the action cache first."""
    found: dict[str, list[Use]] = {ACTIONS: list(uses(caches.root / ACTIONS))}
    for item in _items(caches.root):
        found.setdefault(item.part, []).append(item.use)
    return tuple(Part(name, tuple(items)) for name, items in found.items())


def prune_parts(caches: Caches, *, max_bytes: int | None = None, older_than: float | None = None) -> dict[str, Pruned]:
    """Remove what was last used ``older_than`` seconds ago, then as much as is over ``max_bytes``; what went, by part.

    What was used within the last hour stays, since a build may be at it; results of actions go at any time.
    """
    items, now = list(_items(caches.root)), time.time()
    before = float("-inf") if older_than is None else now - older_than
    if max_bytes is not None:
        before = max(before, cut([*uses(caches.root / ACTIONS), *(item.use for item in items)], max_bytes))
    idle = [item for item in items if item.use.last_used <= min(before, now - IDLE)]
    return _prune(caches, idle, before)


def prune_all(caches: Caches) -> dict[str, Pruned]:
    """Remove all of it, also what a build is using; what went, by part."""
    return _prune(caches, list(_items(caches.root)), float("inf"))


def _prune(caches: Caches, items: Iterable[_Item], before: float) -> dict[str, Pruned]:
    _remove_leftovers(caches.root)
    gone = {ACTIONS: prune_before(caches.root / ACTIONS, before)}
    for item in items:
        if _remove(item.path):
            gone[item.part] = gone.get(item.part, Pruned()) + Pruned(1, item.use.size)
    if gone.keys() - _BY_CHILD - {ACTIONS}:  # what is to be warmed up again takes its time again, and says so
        shutil.rmtree(caches.root / _WARM, ignore_errors=True)
    return {name: pruned for name, pruned in gone.items() if pruned.count or pruned.size}


def _items(root: Path) -> Iterator[_Item]:
    for folder in _children(root):
        name = folder.name
        if name in _NOT_OURS or name == ACTIONS or not folder.is_dir():
            continue
        if name not in _BY_CHILD:
            yield _Item(name, folder, _measure(folder))
            continue
        for child in _children(folder):
            if child.suffix != ".lock":
                yield _Item(name, child, _measure(child))


def _children(folder: Path) -> list[Path]:
    """What is in a folder, by name; neither links, which lead elsewhere, nor what has a hidden name."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in found if not path.name.startswith(".") and not path.is_symlink()]


def _measure(path: Path) -> Use:
    """All bytes below a path, and the latest time that something was written; files with several names count once."""
    size, latest, seen = 0, 0.0, set[tuple[int, int]]()
    for each in _walk(path):
        with contextlib.suppress(OSError):
            found = each.lstat()
            latest = max(latest, found.st_mtime)
            if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                size += found.st_size
    return Use(latest, size)


def _walk(path: Path) -> Iterator[Path]:
    yield path
    for folder, folders, files in os.walk(path):
        yield from (Path(folder, name) for name in (*folders, *files))


def _remove(path: Path) -> bool:
    """Take something away at once, for whoever looks; then remove it."""
    away = path.with_name(f"{_REMOVED}{path.name}")
    try:
        _delete(away)
        path.rename(away)
    except OSError:
        return False
    _delete(away)
    return True


def _delete(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for folder, _, _ in os.walk(path):  # kept folders are read-only
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _remove_leftovers(root: Path) -> None:
    for pattern in (f"{_REMOVED}*", f"*/{_REMOVED}*"):
        for leftover in root.glob(pattern):
            with contextlib.suppress(OSError):
                _delete(leftover)
