"""Ignore files: which entries of a folder ``.gitignore`` and ``.wasmbuildignore`` leave out (gitignore(5)).

``pathspec`` knows what a line means; here the lines of a folder become two expressions, one for names
and one for paths, in which the last line is tried first. They are asked about each entry on the way
down, so what they say of a folder above an entry has been followed already. Not here: ignore files
above the project and those of the user, because another machine has others.
"""

import errno
import os
import re
import stat
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wasmbuild.errors import InvalidProject

__all__ = ["IGNORE_FILES", "MAX_IGNORE_FILE", "IgnoreRules", "parse_rules", "read_rules"]

IGNORE_FILES = (".gitignore", ".wasmbuildignore")
"""In the order in which they are read: a later line beats an earlier one."""

MAX_IGNORE_FILE = 64 * 1024
"""Bytes of an ignore file that we read."""

_MAX_ANY_FOLDERS = 4
_STAR, _SIGN = "[^/]*", "[^/]"
_FOLDER_END = "(?P<ps_d>/)"
_POSIX_CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:space:]": " \t",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class _Lines:
    """Some lines as one expression: group ``n`` belongs to ``numbers[n - 1]``, the last line comes first."""

    expression: re.Pattern[str]
    numbers: tuple[int, ...]

    def last(self, text: str) -> int:
        """The number of the last line that matches; -1 for none."""
        match = self.expression.match(text)
        return self.numbers[match.lastindex - 1] if match and match.lastindex else -1


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """What the ignore files of one folder say, in ``size`` characters.

    ``negated`` are the numbers of lines that begin with ``!``.
    """

    size: int
    names: _Lines | None
    paths: _Lines | None
    negated: frozenset[int]

    def verdict(self, path: str, name: str) -> bool | None:
        """Whether an entry is left out; None when nothing is said of it.

        ``path`` is relative to the folder of the rules, ``name`` is its last part; both end in ``/`` for folders.
        """
        last = self.names.last(name) if self.names else -1
        if self.paths:
            last = max(last, self.paths.last(path))
        return None if last < 0 else last not in self.negated


def read_rules(folder: str, names: Collection[str]) -> IgnoreRules | None:
    """The rules of a folder, which has the ignore files ``names``; None when they say nothing.

    Raises InvalidProject for a file that is too large or has a line that we refuse, and OSError.
    """
    lines: list[str] = []
    for name in IGNORE_FILES:
        if name in names:
            lines.extend(_read(folder, name).split("\n"))
    return parse_rules(lines) if lines else None


def parse_rules(lines: Sequence[str]) -> IgnoreRules | None:
    """The rules that some lines make; None when they say nothing. Raises InvalidProject."""
    names: dict[int, str] = {}
    paths: dict[int, str] = {}
    negated: set[int] = set()
    for number, line in enumerate(lines):
        text = line.removesuffix("\r")
        by_name = "/" not in _body(text).removesuffix("/")
        shape = _shape(text, by_name=by_name)
        if shape is None:
            continue
        (names if by_name else paths)[number] = shape
        if text.startswith("!"):
            negated.add(number)
    if not names and not paths:
        return None
    return IgnoreRules(sum(map(len, lines)), _combined(names), _combined(paths), frozenset(negated))


def _read(folder: str, name: str) -> str:
    try:
        handle = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            return ""  # a link, which git does not follow either, or a socket
        raise
    try:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
        data = _up_to(handle, MAX_IGNORE_FILE + 1) if regular else b""
    finally:
        os.close(handle)
    if len(data) > MAX_IGNORE_FILE:
        raise InvalidProject(f"{name} is larger than {MAX_IGNORE_FILE} bytes")
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))


def _up_to(handle: int, limit: int) -> bytes:
    data = b""
    while len(data) < limit and (more := os.read(handle, limit - len(data))):
        data += more
    return data


def _body(line: str) -> str:
    return line.removeprefix("!")


def _shape(line: str, *, by_name: bool) -> str | None:
    """A line as an expression without groups; None when it can never match."""
    from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415  (few folders have ignore files)
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    if line.startswith("#") or not line.strip(" /"):
        return None
    for name, signs in _POSIX_CLASSES.items():
        line = line.replace(name, signs)
    if by_name:
        body = _body(line).rstrip(" ")
        line = "/" + (body if body.strip("*/") else body.replace("**", "*"))
    elif line.endswith("/**/"):
        line = f"{line}*/"  # what is below a folder, and not that folder itself
    if line.split("/").count("**") > _MAX_ANY_FOLDERS:
        raise InvalidProject(f"an ignore file has a line with more than {_MAX_ANY_FOLDERS} times **", cause=line[:80])
    try:
        text, _ = GitIgnoreSpecPattern.pattern_to_regex(line)
    except GitIgnorePatternError:
        return None
    return None if text is None else _linear(_of_itself(text))


def _of_itself(text: str) -> str:
    """The expression for an entry alone, where that of pathspec is also for what is below it."""
    text = text.replace(_FOLDER_END, r"(?:/\Z)")
    anchored = text if text.startswith("^") else f"^.*{text}"
    return f"{anchored}." if text.endswith("/") else anchored


def _linear(text: str) -> str:
    """The same expression, in which a ``*`` with another one after it in a name never tries a second place.

    The first place where what follows fits leaves most to the rest, and nested wildcards would
    otherwise take exponential time.
    """
    first, *rest = text.split(_STAR)
    if not rest:
        return text
    *middle, last = rest
    inner = "".join(f"{_STAR}{run}" if "/" in run.replace(_SIGN, "") else f"(?>[^/]*?{run})" for run in middle)
    return f"{first}{inner}{_STAR}{last}"


def _combined(shapes: Mapping[int, str]) -> _Lines | None:
    numbers = sorted(shapes, reverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a bracket in brackets is a bracket
        try:
            return _Lines(_compiled(shapes[number] for number in numbers), tuple(numbers)) if numbers else None
        except re.error:  # a range such as [z-a]
            valid = {number: shape for number, shape in shapes.items() if _compiles(shape)}
            return _combined(valid)


def _compiled(shapes: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"({shape})" for shape in shapes), re.DOTALL)


def _compiles(shape: str) -> bool:
    try:
        re.compile(shape)
    except re.error:
        return False
    return True
