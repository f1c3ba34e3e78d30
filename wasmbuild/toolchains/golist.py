"""``go list``: which modules have packages that a build of Go compiles, asked in the way that it was built.

Not here: what ``go.mod`` and ``go.sum`` say (``wasmbuild.sbom.locks.go``), which is more.
"""

import json
from dataclasses import replace
from typing import Any

from wasmbuild.build.action import Action, Output, ToolFile
from wasmbuild.errors import ToolFailed

__all__ = ["LISTED", "listing", "read_listing"]

LISTED = "modules.json"
"""The output of the action."""

_KEPT_FLAGS = ("-tags", "-mod", "-modfile")
_MOST = 64 * 1024 * 1024


def listing(compiling: Action) -> Action | None:
    """The action that lists the modules for an action that compiles; None for one that is not ``go build``."""
    words = compiling.argv
    if "build" not in words or "-o" not in words:
        return None
    build, output = words.index("build"), words.index("-o")
    flags = tuple(word for word in words[build:output] if isinstance(word, str) and word.startswith(_KEPT_FLAGS))
    program = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.redirect", Output(LISTED), "--")
    return replace(
        compiling,
        name="list",
        argv=(*program, words[build - 1], "list", "-deps", "-json=Module,Standard", *flags, *words[output + 2 :]),
        files=(),
        outputs=(LISTED,),
        first_time=None,
    )


def read_listing(data: bytes) -> frozenset[tuple[str, str]]:
    """The modules in what was printed, one object after the other, by path and version; not the main ones.

    What replaces a module stands for it; one that is a folder has no version (go help list). Raises ToolFailed.
    """
    if len(data) > _MOST:
        raise _unreadable(f"it is longer than {_MOST} bytes")
    found: set[tuple[str, str]] = set()
    decoder, at = json.JSONDecoder(), 0
    try:
        text = data.decode().strip()
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found |= _module(value)
            while at < len(text) and text[at].isspace():
                at += 1
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)[:200]) from error
    return frozenset(found)


def _module(package: Any) -> set[tuple[str, str]]:  # noqa: ANN401  (JSON, read here)
    module = package.get("Module") if isinstance(package, dict) else None
    if not isinstance(module, dict) or module.get("Main") is True:
        return set()
    replaced = module.get("Replace")
    used = replaced if isinstance(replaced, dict) else module
    path, version = used.get("Path"), used.get("Version", "")
    if not isinstance(path, str) or not isinstance(version, str):
        raise _unreadable("a module has no path")
    return {(path, version)}


def _unreadable(cause: str) -> ToolFailed:
    return ToolFailed("go list wrote what cannot be read", cause=cause)
