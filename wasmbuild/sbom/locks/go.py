"""Go's modules: ``vendor/modules.txt``, or else ``go.mod`` with the sums of ``go.sum`` (Go Modules Reference).

``go.mod`` has all modules that a build can need since Go 1.17; the sums are of the trees of files, and no
digest of an archive. Which packages of a module are compiled is not in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wasmbuild.sbom.locks.package import Package
from wasmbuild.sbom.locks.reading import Text, count

__all__ = ["MODULES", "SUMS", "VENDORED", "read", "read_vendored"]

MODULES = "go.mod"
SUMS = "go.sum"
VENDORED = "vendor/modules.txt"

_PATH = re.compile(r"[A-Za-z0-9._~-][A-Za-z0-9._~+/-]{0,254}", re.ASCII)
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,150}", re.ASCII)
_SUM = re.compile(r"h1:[A-Za-z0-9+/]{43}=")
_INDIRECT = re.compile(r"indirect\b")
_LOCAL = "local"


@dataclass(frozen=True, slots=True)
class _Line:
    """A directive of ``go.mod``: its verb, and its words without quotes; ``remark`` is what follows ``//``."""

    number: int
    verb: str
    words: tuple[str, ...]
    remark: str


def read(modules: Text, sums: Text | None) -> tuple[Package, ...]:
    """The modules that ``go.mod`` requires, with those put in their place. Raises InvalidProject."""
    hashes = _hashes(sums) if sums else {}
    lines = list(_lines(modules))
    replaced = dict(_replacement(modules, each) for each in lines if each.verb == "replace")
    required = [each for each in lines if each.verb == "require"]
    count(modules.file, required)
    found = []
    for each in required:
        path, version = _module(modules, each.number, each.words)
        path, version = replaced.get((path, version)) or replaced.get((path, "")) or (path, version)
        direct = not _INDIRECT.match(each.remark)
        found.append(_package(modules.file, path, version, hashes.get((path, version), ""), direct=direct))
    return tuple(found)


def read_vendored(vendored: Text, sums: Text | None) -> tuple[Package, ...]:
    """The modules that have packages in ``vendor/``. Raises InvalidProject."""
    hashes = _hashes(sums) if sums else {}
    found: list[Package] = []
    lines = vendored.lines()
    for place, line in enumerate(lines):
        head, _, new = line.partition(" => ")
        words = head.split()
        if words[:1] != ["#"] or not (len(words) == 3 or (len(words) == 2 and new)):
            continue
        below = place + 1
        while below < len(lines) and lines[below].startswith("##"):
            below += 1
        used = below < len(lines) and lines[below][:1] not in {"", "#"}
        path, version = _module(vendored, place + 1, tuple(words[1:]), bare=bool(new))
        if new:
            path, version = _target(vendored, place + 1, tuple(new.split()))
        direct = any(each.startswith("## explicit") for each in lines[place + 1 : place + 2])
        if used:
            found.append(_package(vendored.file, path, version, hashes.get((path, version), ""), direct=direct))
    count(vendored.file, found)
    return tuple(found)


def _package(file: str, path: str, version: str, hashed: str, *, direct: bool) -> Package:
    return Package(
        "golang", path, version, file, source="" if version else _LOCAL, sum=hashed if version else "", direct=direct
    )


def _lines(modules: Text) -> Iterator[_Line]:
    """Every directive on a line of its own, those in parentheses with their verb (section "Lexical elements")."""
    block = ""
    for number, line in enumerate(modules.lines(), 1):
        code, _, remark = line.partition("//")
        words = [word.strip('"`') for word in code.split()]
        if block and words[:1] == [")"]:
            block = ""
        elif words and block:
            yield _Line(number, block, tuple(words), remark.strip())
        elif len(words) == 2 and words[1] == "(":
            block = words[0]
        elif words:
            yield _Line(number, words[0], tuple(words[1:]), remark.strip())


def _replacement(modules: Text, line: _Line) -> tuple[tuple[str, str], tuple[str, str]]:
    """What is replaced (without a version: all of them), and by what."""
    if "=>" not in line.words:
        raise modules.invalid(line.number, "replace has no =>")
    arrow = line.words.index("=>")
    old = _module(modules, line.number, line.words[:arrow], bare=True)
    return old, _target(modules, line.number, line.words[arrow + 1 :])


def _target(modules: Text, line: int, words: tuple[str, ...]) -> tuple[str, str]:
    """A module that replaces another; a folder has no version, and its last part is name enough."""
    if len(words) == 1 and words[0].startswith((".", "/")):
        name = words[0].rstrip("/").rpartition("/")[2]
        return (name if _PATH.fullmatch(name) and name.strip(".") else "folder"), ""
    return _module(modules, line, words)


def _module(modules: Text, line: int, words: tuple[str, ...], *, bare: bool = False) -> tuple[str, str]:
    path, version = (*words, "", "")[:2]
    if len(words) > 2 or not _PATH.fullmatch(path) or not (_VERSION.fullmatch(version) or (bare and not version)):
        raise modules.invalid(line, f"{' '.join(words)[:80]!r} is not a module and its version")
    return path, version


def _hashes(sums: Text) -> dict[tuple[str, str], str]:
    """The sums of the modules themselves, and not of their ``go.mod`` alone."""
    found = {}
    for number, line in enumerate(sums.lines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 3:
            raise sums.invalid(number, "it is not a module, a version and a sum")
        if not words[1].endswith("/go.mod") and _SUM.fullmatch(words[2]):
            found[words[0], words[1]] = words[2]
    return found
