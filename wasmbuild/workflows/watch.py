"""Watch: do something again whenever a file of a project changes, until somebody interrupts it.

What counts are the files that a build would look at (``wasmbuild.build.tree``), and not what builds write.
Not here: what is done (``build``).
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from threading import Event

from wasmbuild.build.ignore import IGNORE_FILES
from wasmbuild.build.tree import IGNORED_FOLDERS, SourceTree
from wasmbuild.errors import ExtraMissing, Failure, UsageFailed
from wasmbuild.lock import LOCK_FILE
from wasmbuild.project import PROJECT_FILE

__all__ = ["DEBOUNCE", "watch"]

DEBOUNCE = 200
"""Milliseconds without a change after which the changes before are one."""

_WAIT = 200
"""Milliseconds after which it is looked whether to stop."""

_Identity = tuple[int, int, int]
_Snapshot = Mapping[str, _Identity | None]


def watch(
    root: Path, work: Callable[[], None], failed: Callable[[Failure], None], *, stop: Event | None = None
) -> None:
    """Do ``work`` now, and again after each change below ``root``, until ``stop`` is set or a KeyboardInterrupt.

    ``failed`` is told of a Failure, which ends nothing. What ``work`` itself writes is no change, unless
    somebody else changes the same file while it runs. Raises ExtraMissing, and the UsageFailed of the first
    time: what was asked for does not become right by waiting.
    """
    changes = _changes(root.absolute(), stop)
    next(changes, None)  # from here on, nothing is missed
    seen = _snapshot(root)
    _attempt(work, failed, first=True)
    written = _lock(root)
    for changed in changes:
        now = _snapshot(root) if changed else {}
        if changed and now != {**seen, **written}:
            seen = now
            _attempt(work, failed)
            written = _lock(root)


def _attempt(work: Callable[[], None], failed: Callable[[Failure], None], *, first: bool = False) -> None:
    try:
        work()
    except Failure as failure:
        if first and isinstance(failure, UsageFailed):
            raise
        failed(failure)


def _changes(root: Path, stop: Event | None) -> Iterator[Collection[object]]:
    """What has changed since it was asked before; often nothing. Raises ExtraMissing, at once."""
    try:
        from watchfiles import watch as changes  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ExtraMissing(
            "watching needs a package that is not installed", cause=str(error), hint="pip install 'wasmbuild[watch]'"
        ) from error
    return changes(
        root,
        watch_filter=lambda _, path: _may_matter(Path(path), root),
        debounce=10 * DEBOUNCE,
        step=DEBOUNCE,
        stop_event=stop,
        rust_timeout=_WAIT,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )


def _may_matter(path: Path, root: Path) -> bool:
    """Whether a change is worth a look at the whole tree."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        return True
    if any(part in IGNORED_FOLDERS or part.startswith(".") for part in parts[:-1]):
        return False
    return not parts or not parts[-1].startswith(".") or parts[-1] in IGNORE_FILES


def _snapshot(root: Path) -> _Snapshot:
    """What ``stat`` says of every file that matters; of the project's own alone where the rest cannot be listed."""
    files: Collection[str] = ()
    with contextlib.suppress(Failure):
        files = SourceTree.of(root).files
    return {path: _identity(root / path) for path in {*files, PROJECT_FILE, LOCK_FILE}}


def _lock(root: Path) -> _Snapshot:
    """The lock as a build has just left it."""
    return {LOCK_FILE: _identity(root / LOCK_FILE)}


def _identity(path: Path) -> _Identity | None:
    try:
        said = path.stat()
    except OSError:
        return None
    return said.st_ino, said.st_size, said.st_mtime_ns
