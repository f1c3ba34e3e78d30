"""Since: which targets have changed after a revision of git, so that only these are built.

What git knows is asked of git: files that differ from the revision, and those that it does not know yet. No
program that a repository names is started for it: no hook, no monitor, and no filter of its own settings.
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
from wasmbuild.workflows.git import QUIET, SAFE, inherited

__all__ = ["MAX_CHANGED", "changed_files", "ignored_inputs", "touches", "with_dependents"]

MAX_CHANGED = 1_000_000
"""Files that git may name."""

_SECONDS = 120
_MAX_BYTES = 256 * 1024 * 1024
_CHANGED = re.compile(r"[ABCDMTUX]\t(.+)")
_UNKNOWN = re.compile(r"\? (.+)")
_UNWATCHED = re.compile(r"[a-zS] (.+)")
"""A file that git was told to take for unchanged (``update-index --assume-unchanged``, ``--skip-worktree``)."""

_REVISION = re.compile(r"[0-9a-f]{40,64}")
_DIFF = ("diff", "--name-status", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty", "--submodule=short")
_IGNORED = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-t")
_TRACKED = ("ls-files", "-v")
_FILTERS = ("config", "--includes", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$")
_SUBMODULES = ("config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
_WORKTREE = ("config", "--local", "--type=bool", "--get", "extensions.worktreeConfig")
_NOTHING_FOUND = 1
_DEEPEST = 8
"""Submodules within submodules that are looked at."""


def changed_files(root: Path, revision: str, environment: Mapping[str, str]) -> frozenset[Path]:
    """The files that differ from a revision: changed, added, removed or not known to git; absolute paths.

    Those that git was told not to look at may differ, and are among them. Of a submodule, and of another repository
    inside this one, git names the folder alone.
    Raises UsageFailed when ``root`` is in no repository, there is no such revision, or there is no git.
    """
    return _changed(root, revision, environment, _DEEPEST)


def ignored_inputs(
    root: Path, projects: Iterable[tuple[Path, Iterable[str]]], environment: Mapping[str, str]
) -> frozenset[Path]:
    """The inputs of projects, by folder, that git was told not to see, and that are in no commit therefore.

    Raises UsageFailed as :func:`changed_files` does.
    """
    top = Path(os.path.realpath(_one_line(root, ("rev-parse", "--show-toplevel"), environment)))
    ignored = {top / path for path in _paths(_lines(top, _IGNORED, environment), _UNKNOWN)}
    found = (path for folder, inputs in projects for path in _named_by_git(Path(os.path.realpath(folder)), inputs))
    return frozenset(path for path in found if not ignored.isdisjoint((path, *path.parents)))


def _changed(root: Path, revision: str, environment: Mapping[str, str], deeper: int) -> frozenset[Path]:
    top = Path(os.path.realpath(_one_line(root, ("rev-parse", "--show-toplevel"), environment)))
    commit = _one_line(
        root, ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"), environment, _REVISION
    )
    differing = _lines(top, (*_DIFF, commit, "--"), {**environment, **_without_filters(top, environment)})
    unknown = _lines(top, ("ls-files", "--others", "--exclude-standard", "-t"), environment)
    unwatched = _paths(_lines(top, _TRACKED, environment, only=_UNWATCHED), _UNWATCHED)
    found = {*_paths(differing, _CHANGED), *_paths(unknown, _UNKNOWN)}
    found |= {path for path in unwatched if os.path.lexists(top / path)}
    inside = {path for path in _submodules(top, environment) if _is_changed(top / path, environment, deeper)}
    return frozenset(top / path for path in found | inside)


def _without_filters(top: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that turn off the filters of a repository's own settings; those of the user are the user's."""
    # Without the extension, a working tree beside others has no settings of its own, and git fails when asked.
    scopes = ("--local", "--worktree") if "true" in _found(top, _WORKTREE, environment) else ("--local",)
    names = {name for scope in scopes for name in _found(top, (_FILTERS[0], scope, *_FILTERS[1:]), environment)}
    before = environment.get("GIT_CONFIG_COUNT", "0")
    first = int(before) if before.isdecimal() else 0
    settings = {"GIT_CONFIG_COUNT": str(first + len(names))}
    for number, name in enumerate(sorted(names), first):
        settings[f"GIT_CONFIG_KEY_{number}"] = name
        settings[f"GIT_CONFIG_VALUE_{number}"] = "false" if name.endswith(".required") else ""
    return settings


def _submodules(top: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The submodules that are there: git would look into them with whatever filters they name."""
    for line in _found(top, _SUBMODULES, environment) if (top / ".gitmodules").is_file() else ():
        path = line.partition(".path ")[2]
        folder = top / path
        if path and (folder / ".git").exists() and top in Path(os.path.realpath(folder)).parents:
            yield path


def _is_changed(folder: Path, environment: Mapping[str, str], deeper: int) -> bool:
    own = inherited(environment)
    try:
        return deeper == 0 or bool(_changed(folder, "HEAD", own, deeper - 1))
    except UsageFailed:
        return True


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


def _found(root: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What is in settings, which may be nothing."""
    return _lines(root, arguments, environment, (0, _NOTHING_FOUND))


def _lines(
    root: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    expected: Sequence[int] = (0,),
    only: re.Pattern[str] | None = None,
) -> list[str]:
    """What git says, of that perhaps ``only`` some lines; raises UsageFailed in its own words."""
    lines: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, ToolOutput) and (only is None or only.fullmatch(event.line)):
            if len(lines) >= MAX_CHANGED:
                raise UsageFailed(f"git names more than {MAX_CHANGED} files", hint="build without --since")
            lines.append(event.line)

    try:
        completed = run(
            ["git", *SAFE, "-C", str(root), *arguments],
            cwd=Path("/"),
            env={**environment, **QUIET},
            sink=keep,
            timeout_seconds=_SECONDS,
            tool="git",
            limits=Limits(output=_MAX_BYTES),
        )
    except ToolFailed as error:
        raise UsageFailed("--since needs git, which cannot be asked", cause=error.cause or error.what) from error
    if completed.exit_code not in expected:
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
