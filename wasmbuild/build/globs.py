"""Globs: which paths a pattern with ``*``, ``?`` and ``**`` names, in time that never explodes."""

import re
from collections.abc import Iterable

__all__ = ["matching"]

_FOLDER = "(?:[^/]+/)"


def matching(paths: Iterable[str], pattern: str) -> tuple[str, ...]:
    """The paths that a glob names: ``*`` and ``?`` within a name, ``**`` for any folders.

    The time grows with the lengths of pattern and path, never exponentially.
    """
    shape = _shape(pattern)
    return tuple(path for path in paths if shape.fullmatch(path))


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
