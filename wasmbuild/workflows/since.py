"""Since: which targets have changed after a revision of git, so that only these are built.

What git knows is asked of git: files that differ from the revision, and those that it does not know yet.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wasmbuild.build.ignore import IGNORE_FILES
from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import run
from wasmbuild.build.tree import IGNORED_FOLDERS
from wasmbuild.errors import ToolFailed, UsageFailed
from wasmbuild.events import Event, ToolOutput
from wasmbuild.project import PROJECT_FILE

__all__ = ["MAX_CHANGED", "changed_files", "touches", "with_dependents"]

MAX_CHANGED = 1_000_000
"""Files that git may name."""

_SECONDS = 120
_MAX_BYTES = 256 * 1024 * 1024
_CHANGED = re.compile(r"[ABCDMTUX]\t(.+)")
_UNKNOWN = re.compile(r"\? (.+)")
_REVISION = re.compile(r"[0-9a-f]{40,64}")
# A repository may name programs that git would start; none is needed here.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=true")
_DIFF = ("diff", "--name-status", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--submodule=short")


def changed_files(root: Path, revision: str, environment: Mapping[str, str]) -> frozenset[Path]:
    """The files that differ from a revision: changed, added, removed or not known to git; absolute paths.

    Of a submodule, and of another repository inside this one, git names the folder alone.
    Raises UsageFailed when ``root`` is in no repository, there is no such revision, or there is no git.
    """
    top = Path(os.path.realpath(_one_line(root, ("rev-parse", "--show-toplevel"), environment)))
    commit = _one_line(
        root, ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"), environment, _REVISION
    )
    differing = _lines(top, (*_DIFF, commit, "--"), environment)
    unknown = _lines(top, ("ls-files", "--others", "--exclude-standard", "-t"), environment)
    found = {*_paths(differing, _CHANGED), *_paths(unknown, _UNKNOWN)}
    return frozenset(top / path for path in found)


def touches(changed: Iterable[Path], root: Path, inputs: Iterable[str], lock: Path) -> bool:
    """Whether some changes may matter for a target of the project in ``root`` with these inputs; ``lock`` is its lock.

    A file that is gone may have been an input. A folder that changed has changed as a whole.
    """
    real = Path(os.path.realpath(root))
    own = {real / PROJECT_FILE, Path(os.path.realpath(lock)), *_named_by_git(real, inputs)}
    folders = {path.parent for path in own}
    own |= folders.union(*(folder.parents for folder in folders))
    return any(path in own or (path.is_relative_to(real) and _may_matter(path, real)) for path in changed)


def _named_by_git(root: Path, inputs: Iterable[str]) -> Iterator[Path]:
    """The inputs as they are called, and as they are called where links lead."""
    folders: dict[str, str] = {}
    for path in inputs:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = os.path.realpath(root / folder)
        there = Path(folders[folder], name)
        yield root / path
        yield Path(os.path.realpath(there)) if there.is_symlink() else there


def _may_matter(path: Path, root: Path) -> bool:
    if path.name in IGNORE_FILES:
        return True
    parts = path.relative_to(root).parts
    may_be_gone = path.is_dir() or not os.path.lexists(path)  # in a folder, any file
    return may_be_gone and not any(part in IGNORED_FOLDERS or part.startswith(".") for part in parts)


def with_dependents(changed: Iterable[str], needs: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Some targets, those that depend on them, and all that these need to be built; labels."""
    found = set(changed)
    _grow(found, lambda label, others: any(need in others for need in needs[label]), needs)
    return _closed(found, needs)


def _grow(found: set[str], belongs: Callable[[str, set[str]], bool], labels: Iterable[str]) -> None:
    more = True
    while more:
        added = {label for label in labels if label not in found and belongs(label, found)}
        found |= added
        more = bool(added)


def _closed(found: set[str], needs: Mapping[str, Sequence[str]]) -> frozenset[str]:
    waiting, closed = list(found), set[str]()
    while waiting:
        label = waiting.pop()
        if label not in closed:
            closed.add(label)
            waiting.extend(needs[label])
    return frozenset(closed)


def _one_line(
    root: Path, arguments: Sequence[str], environment: Mapping[str, str], shape: re.Pattern[str] | None = None
) -> str:
    lines = _lines(root, arguments, environment)
    found = [line for line in lines if shape is None or shape.fullmatch(line)]
    if not found:
        raise UsageFailed("git gave an answer that nobody understands", cause="\n".join(lines[:5]) or None)
    return found[-1]


def _lines(root: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What git says; raises UsageFailed in its own words."""
    lines: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, ToolOutput):
            if len(lines) >= MAX_CHANGED:
                raise UsageFailed(f"git names more than {MAX_CHANGED} files", hint="build without --since")
            lines.append(event.line)

    try:
        completed = run(
            [*_GIT, "-C", str(root), *arguments],
            cwd=Path("/"),
            env=environment,
            sink=keep,
            timeout_seconds=_SECONDS,
            tool="git",
            limits=Limits(output=_MAX_BYTES),
        )
    except ToolFailed as error:
        raise UsageFailed("--since needs git, which cannot be asked", cause=error.cause or error.what) from error
    if completed.exit_code != 0:
        raise UsageFailed("git cannot say what has changed", cause="\n".join(completed.tail[-5:]) or None)
    return lines


def _paths(lines: Iterable[str], shape: re.Pattern[str]) -> Iterator[str]:
    for line in lines:
        match = shape.fullmatch(line)
        if match is not None:
            yield _unquoted(match[1])


def _unquoted(path: str) -> str:
    """A path as git writes it (``core.quotePath``): in quotes, every unusual byte is an octal escape."""
    if not path.startswith('"'):
        return path
    return os.fsdecode(path[1:-1].encode("ascii", "replace").decode("unicode_escape").encode("latin-1"))
