"""The interpreter that runs us, for commands that start it: where it is, and what it needs to find us.

These are folders of the machine that keep their own paths inside a sandbox. Not here: the rest of the
file system (``plan``).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["interpreter_folders", "is_wanted", "with_modules"]

_SYSTEM = ("/usr", "/bin", "/lib")
_OURS = ("wasmbuild", "registry")
_USED = ("wasmtime", "pip")
"""Packages of others that commands in our interpreter use, with what is said of their release."""

_INSTALLED = ("site-packages", "dist-packages")


def is_wanted(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a command names the interpreter anywhere."""
    return bool(sys.executable) and any(sys.executable in word for word in (*argv, *env.values()))


def with_modules(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the interpreter finds what it needs, wherever that was imported from."""
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
    packages = [Path(sys.modules[name].__path__[0]) for name in _OURS]
    used = [Path(spec.origin).parent for name in _USED if (spec := find_spec(name)) and spec.origin]
    packages += [package for package in used if not _is_below(str(package), (sys.prefix, sys.base_prefix))]
    return list(dict.fromkeys(package.parent for package in packages))


def _shown(parent: Path) -> list[Path]:
    """All of a folder of installed packages; of any other, which may be somebody's project, only what is used."""
    if parent.name in _INSTALLED:
        return [parent]
    packages = [folder for name in (*_OURS, *_USED) if (folder := parent / name).is_dir()]
    return packages + [folder for name in _USED for folder in parent.glob(f"{name}-*.dist-info")]


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
