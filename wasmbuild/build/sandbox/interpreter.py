"""The interpreter that runs us, for commands that start it: where it is, and what it needs to find us.

These are folders of the machine that keep their own paths inside a sandbox. Not here: the rest of the
file system (``plan``).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

__all__ = ["interpreter_folders", "is_wanted", "with_modules"]

_SYSTEM = ("/usr", "/bin", "/lib")
_INSTALLED = ("site-packages", "dist-packages")


def is_wanted(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a command names the interpreter anywhere."""
    return bool(sys.executable) and any(sys.executable in word for word in (*argv, *env.values()))


def with_modules(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the interpreter finds our packages, wherever they were imported from."""
    found = [str(folder) for folder in _parents() if not folder.is_relative_to(sys.prefix)]
    return {**({"PYTHONPATH": os.pathsep.join(found)} if found else {}), **env}


@cache
def interpreter_folders() -> tuple[str, ...]:
    """What a sandbox shows of the machine for it, outermost folders only."""
    prefixes = {path for prefix in (sys.prefix, sys.base_prefix) for path in (prefix, os.path.realpath(prefix))}
    packages = {str(folder) for parent in _parents() for folder in _shown(parent)}
    wanted = sorted(path for path in prefixes | packages if path != "/")
    return tuple(path for path in wanted if not _is_below(path, (*_SYSTEM, *(each for each in wanted if each != path))))


def _parents() -> list[Path]:
    packages = (Path(sys.modules[name].__path__[0]) for name in ("wasmbuild", "registry"))
    return list(dict.fromkeys(package.parent for package in packages))


def _shown(parent: Path) -> list[Path]:
    """All of a folder of installed packages; of any other, which may be somebody's project, only ours."""
    return [parent] if parent.name in _INSTALLED else [parent / "wasmbuild", parent / "registry"]


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
