"""Which files a project has: a bounded listing, and patterns over it.

Hidden folders, outputs and installed dependencies are not looked into; links to folders are not
followed, and links to files must stay inside the project.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wasmbuild.errors import InvalidProject

__all__ = ["IGNORED_FOLDERS", "MAX_DEPTH", "MAX_FILES", "list_files", "matching", "within"]

IGNORED_FOLDERS = frozenset({"build", "dist", "node_modules", "__pycache__", "target", "venv", "zig-out"})
MAX_FILES = 20_000
MAX_DEPTH = 32


def list_files(root: Path) -> tuple[str, ...]:
    """The files under a folder, as sorted relative paths with ``/``.

    Raises InvalidProject for more than ``MAX_FILES``, or for a folder that cannot be read.
    """
    found: list[str] = []
    try:
        for path in _walk(root, "", 0):
            found.append(path)
            if len(found) > MAX_FILES:
                raise InvalidProject(
                    f"there are more than {MAX_FILES} files in {root.name or root}",
                    hint="build in the folder of one project",
                )
    except OSError as error:
        raise InvalidProject(f"{root.name or root} cannot be listed", cause=str(error.strerror)) from error
    return tuple(sorted(found))


def matching(files: Iterable[str], pattern: str) -> tuple[str, ...]:
    """The files that a glob names: ``*`` and ``?`` within a name, ``**`` for any folders.

    The time grows with the lengths of pattern and path, never exponentially.
    """
    shape = _shape(pattern)
    return tuple(path for path in files if shape.fullmatch(path))


def within(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """The same paths, each of which is a file inside the folder, with a name that is text.

    Raises InvalidProject for a link that leads out, and for a name that is not UTF-8.
    """
    home, checked = root.resolve(), tuple(paths)
    for path in checked:
        if not path.isprintable():
            raise InvalidProject(f"the file name {path!r} cannot be used", hint="rename the file")
        if not (root / path).resolve().is_relative_to(home):
            raise InvalidProject(
                f"{path} is a link out of the project", hint="copy the file into the project, or name other sources"
            )
    return checked


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                hidden = entry.name.startswith(".") or entry.name in IGNORED_FOLDERS
                if not hidden and depth < MAX_DEPTH:
                    yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", depth + 1)
            elif entry.is_file():
                yield prefix + entry.name


def _shape(pattern: str) -> re.Pattern[str]:
    """The glob as an expression: the runs of names between ``**``, each taken where it first fits.

    What follows a wildcard is atomic. The first place where a run fits leaves most to the rest, so
    trying another one never helps, and without that nested wildcards would take exponential time.
    """
    runs: list[list[str]] = [[]]
    for part in pattern.split("/"):
        if part == "**":
            runs.append([])
        elif part not in {"", "."}:
            runs[-1].append(_name_shape(part))
    first, *rest = ["/".join(run) for run in runs]
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    text = f"{first}/" if first else ""
    text += "".join(f"(?>{_FOLDER}*?{run}/)" for run in middle if run)
    return re.compile(text + (f"{_FOLDER}*{last}" if last else ".*"), re.DOTALL)


def _name_shape(part: str) -> str:
    first, *rest = ["".join("[^/]" if sign == "?" else re.escape(sign) for sign in run) for run in part.split("*")]
    if not rest:
        return first
    *middle, last = rest
    inner = "".join(f"(?>[^/]*?{run})" for run in middle if run)
    return f"(?>{first}{inner}[^/]*{last})"


_FOLDER = "(?:[^/]+/)"
