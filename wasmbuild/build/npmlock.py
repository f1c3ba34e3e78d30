"""NpmLock: what a ``package-lock.json`` says, parsed so strictly that npm has nothing left to decide.

Version 3 of the format, reduced to the fields that an installation needs: exact versions, a SHA-512
for each package, no address, and no dependency that is not in it. Not here: how it is installed
(``wasmbuild.build.npm``), and how it stands in TOML (``wasmbuild.toolchains.pins``).
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import canonical_json, load_json

__all__ = ["MAX_LOCK", "MAX_PACKAGES", "NpmLock", "NpmPackage", "parse_lock"]

MAX_LOCK = 512 * 1024
"""Bytes of a lock that we read."""

MAX_PACKAGES = 2000

_NAME = r"(?:@[A-Za-z0-9~][A-Za-z0-9._~-]*/)?(?!node_modules(?:/|$))[A-Za-z0-9~_][A-Za-z0-9._~-]*"
_PATH = re.compile(rf"node_modules/{_NAME}(?:/node_modules/{_NAME})*")
_NAMED = re.compile(_NAME)
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?:[-+][0-9A-Za-z.+-]{1,100})?")
_RANGE = re.compile(rf"(?:npm:{_NAME}@)?[0-9A-Za-z.*^~<>=| +-]{{0,200}}")  # neither a path nor an address
_PLATFORM = re.compile(r"!?[a-z0-9_]{1,30}")
_FILE = re.compile(r"(?:\./)?[A-Za-z0-9_@][A-Za-z0-9._@+-]*(?:/[A-Za-z0-9_@][A-Za-z0-9._@+-]*)*")
_LONGEST_PATH = 500
_EDGES = ("dependencies", "optionalDependencies", "peerDependencies")
_PLATFORMS = ("os", "cpu", "libc")


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """One package of a lock; ``path`` is where it is installed, ``node_modules/…``.

    ``os``, ``cpu`` and ``libc`` are npm's words for where it works; empty means everywhere.
    """

    path: str
    version: str
    integrity: str
    optional: bool
    os: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    libc: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NpmLock:
    """A lock: ``text`` in canonical JSON, ``requested`` names and versions, and all packages by path."""

    text: str
    requested: tuple[tuple[str, str], ...]
    packages: Mapping[str, NpmPackage]


def parse_lock(text: str) -> NpmLock:
    """Check a lock. Raises ValueError with a sentence that says what is wrong with it."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_LOCK:
        raise ValueError(f"is larger than {MAX_LOCK} bytes")
    try:
        document = load_json(data, "the lock")
    except InvalidDocument as error:
        raise ValueError("is not JSON") from error
    _only(document, "the lock", ("lockfileVersion", "packages", "requires"))
    if document.get("lockfileVersion") != 3 or document.get("requires") is not True:
        raise ValueError("is not a package-lock of version 3")
    entries = _table(document, "packages", "the lock")
    if len(entries) > MAX_PACKAGES + 1:
        raise ValueError(f"has {len(entries)} packages, at most {MAX_PACKAGES} are allowed")
    requested = _requested(entries.get(""))
    packages = {path: _package(path, entry) for path, entry in entries.items() if path}
    _check_closed(entries)
    return NpmLock(canonical_json(_in_order(document)).decode(), requested, packages)


def _in_order(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with sorted keys, so that one tree has one text."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return value


def _requested(root: object) -> tuple[tuple[str, str], ...]:
    _only(root, "the root of the lock", ("dependencies",))
    wanted = _table(root, "dependencies", "the root of the lock")
    for name, version in wanted.items():
        if not _matches(_NAMED, name) or not _matches(_VERSION, version):
            raise ValueError(f"asks for {str(name)[:60]!r}, which is not a package of an exact version")
    if not wanted:
        raise ValueError("asks for no package")
    return tuple(sorted(wanted.items()))


def _package(path: str, entry: object) -> NpmPackage:
    shown = path[:80]
    if len(path) > _LONGEST_PATH or not _matches(_PATH, path):
        raise ValueError(f"has {shown!r}, which is not a path in node_modules")
    known = ("name", "version", "integrity", "optional", "bin", "peerDependenciesMeta", *_EDGES, *_PLATFORMS)
    fields = _only(entry, shown, known)
    if not _matches(_VERSION, fields.get("version")):
        raise ValueError(f"has no exact version of {shown}")
    if not _is_sha512(fields.get("integrity")):
        raise ValueError(f"has no SHA-512 integrity of {shown}")
    if "name" in fields and not _matches(_NAMED, fields["name"]):
        raise ValueError(f"gives {shown} a name that is none")
    if fields.get("optional", True) is not True:
        raise ValueError(f"has an optional of {shown} that is not true")
    _check_edges(fields, shown)
    _check_programs(fields.get("bin", {}), shown)
    places = [_words(fields, key, shown) for key in _PLATFORMS]
    return NpmPackage(path, fields["version"], fields["integrity"], "optional" in fields, *places)


def _check_edges(fields: Mapping[str, Any], shown: str) -> None:
    for key in _EDGES:
        for name, wanted in _table(fields, key, shown).items():
            if not _matches(_NAMED, name) or not _matches(_RANGE, wanted):
                raise ValueError(f"has a package that {shown} does not get from a registry: {str(name)[:60]!r}")
    for meta in _table(fields, "peerDependenciesMeta", shown).values():
        if meta != {"optional": True}:
            raise ValueError(f"has a peerDependenciesMeta of {shown} that cannot be read")


def _check_programs(programs: object, shown: str) -> None:
    table = programs if isinstance(programs, dict) else {"program": programs}
    for name, path in table.items():
        if not _matches(_FILE, name) or not _matches(_FILE, path) or "/" in name:
            raise ValueError(f"has a program of {shown} that is not a file in it")


def _check_closed(entries: Mapping[str, Any]) -> None:
    """Whatever the lock leaves open, npm would ask the network for."""
    for path, entry in entries.items():
        free = entry.get("peerDependenciesMeta", {})
        needed = [(key, name) for key in _EDGES for name in entry.get(key, {})]
        for key, name in needed:
            left_out = key == "peerDependencies" and name in free
            if not left_out and not any(place in entries for place in _places(path, name)):
                raise ValueError(f"lacks {name}, which {path or 'the root'} needs")


def _places(path: str, name: str) -> Iterator[str]:
    """Where Node looks for a package that the one at ``path`` asks for."""
    folder = path
    while folder:
        yield f"{folder}/node_modules/{name}"
        folder = folder.rpartition("node_modules/")[0].rstrip("/")
    yield f"node_modules/{name}"


def _only(value: object, shown: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"has no table for {shown}")  # noqa: TRY004 - one error for all that a lock can be
    for key in value:
        if key not in known:
            raise ValueError(f"has {key[:60]!r} in {shown}, where only {', '.join(known)} may be")
    return value


def _table(fields: object, key: str, shown: str) -> Mapping[str, Any]:
    value = fields.get(key, {}) if isinstance(fields, dict) else None
    if not isinstance(value, dict):
        raise ValueError(f"has a {key} of {shown} that is not a table")  # noqa: TRY004
    return value


def _words(fields: Mapping[str, Any], key: str, shown: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(_matches(_PLATFORM, word) for word in value):
        raise ValueError(f"has a {key} of {shown} that cannot be read")
    return tuple(value)


def _matches(shape: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


def _is_sha512(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith("sha512-"):
        return False
    try:
        return len(base64.b64decode(value[7:], validate=True)) == 64
    except ValueError:
        return False
