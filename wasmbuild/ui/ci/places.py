"""Which file of the checkout a compiler means, that ran in a folder of its own and saw other paths."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from wasmbuild.errors import Failure
from wasmbuild.ui.ci.problems import Problem, problems_in

__all__ = ["Places", "placed"]

_SANDBOX = "/wasmbuild/work/"
"""What a compiler in a sandbox sees where the sources are (``wasmbuild.build.places``)."""
_TOOLS = ("/wasmbuild/", "/rustc/", "/usr/")
"""Where tools and other people's libraries have their own files, as a compiler sees them."""
_ENTRIES = 5000
_PROBLEMS = 50
_DEPTH = 8
_PASSED_OVER = frozenset({"node_modules", "target", "dist", "vendor", "__pycache__"})


class Places:
    """The files of a checkout: ``workspace`` is its folder, and a path is looked for in ``folders`` in their order.

    Where none of them has it, a file below the first one is taken whose path ends so, if that is only one.
    """

    def __init__(self, workspace: Path, folders: Sequence[Path]) -> None:
        self._checkout = Path(os.path.realpath(workspace))
        self._folders = folders

    def of(self, path: str) -> str | None:
        """The path of the file from the checkout, with ``/``; None where none is found."""
        said = PurePosixPath(path.removeprefix(_SANDBOX))
        for folder in self._folders:
            if (found := self._within(folder / said)) is not None:
                return found
        if _elsewhere(str(said)):
            return None
        parts = tuple(part for part in said.parts if part not in {"/", "..", "."})[-_DEPTH:]
        for begin in range(len(parts)):
            ends = [each for each in self._below if each.parts[begin - len(parts) :] == parts[begin:]]
            if ends:
                return self._within(ends[0]) if len(ends) == 1 else None
        return None

    def _within(self, path: Path) -> str | None:
        """The path from the checkout, if it is a file in it; links out of it lead nowhere."""
        try:
            real = Path(os.path.realpath(path))
            return real.relative_to(self._checkout).as_posix() if real.is_file() else None
        except (OSError, ValueError):
            return None

    @cached_property
    def _below(self) -> list[Path]:
        return list(islice(_files(self._folders[0]), _ENTRIES)) if self._folders else []


def _elsewhere(path: str) -> bool:
    """Whether it is a file of a tool or a library, of which ours may have the name; copies of ours are in ``work``."""
    if not path.startswith("/"):
        return False
    try:
        return path.startswith(_TOOLS) or (os.path.lexists(path) and "work" not in PurePosixPath(path).parts)
    except ValueError:
        return True


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _PASSED_OVER)
        yield from (Path(parent, name) for name in files)


def placed(failure: Failure, places: Places, hide: Callable[[str], str] = str) -> Iterator[tuple[Problem, str]]:
    """The problems in a failure's words whose files are found, each once; errors before warnings.

    ``hide`` takes out of the words what nobody shall see, before anything is cut off from them.
    """
    said = hide("\n".join(part for part in (failure.what, failure.cause) if part))
    problems = list(dict.fromkeys(problems_in(said)))[:_PROBLEMS]
    for problem in sorted(problems, key=lambda each: each.level):
        path = places.of(problem.path)
        if path is not None:
            yield problem, path
