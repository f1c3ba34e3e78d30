"""``package-lock.json`` and ``npm-shrinkwrap.json``, lockfileVersion 2 and 3 (npm docs, "package-lock.json").

A package is where it is installed: ``node_modules/a/node_modules/b``. What a bundler takes of one is not in it.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from registry.digest import Digest
from wasmbuild.sbom.locks.package import Package
from wasmbuild.sbom.locks.reading import VERSION, Text, as_json, count
from wasmbuild.sbom.names import key_of, safe

__all__ = ["LOCK", "SHRINKWRAP", "read"]

LOCK = "package-lock.json"
SHRINKWRAP = "npm-shrinkwrap.json"

_FOLDER = "node_modules/"
_NAME = re.compile(r"(?:@[A-Za-z0-9~_][A-Za-z0-9~._-]{0,99}/)?[A-Za-z0-9~_][A-Za-z0-9~._-]{0,213}", re.ASCII)
_VERSIONS = (2, 3)
_LONGEST = 4096
_DEEPEST = 40
"""Packages within packages; each is looked into for each name that the innermost asks for."""
_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")
_ALGORITHMS = {"sha256": 32, "sha512": 64}


def read(lock: Text) -> tuple[Package, ...]:
    """The packages. Raises InvalidProject."""
    document = as_json(lock)
    version, entries = document.get("lockfileVersion"), document.get("packages")
    if version not in _VERSIONS or not isinstance(entries, dict):
        raise lock.invalid_at('"lockfileVersion"', f"lockfileVersion {str(version)[:20]} is not read, only 2 and 3")
    count(lock.file, list(entries))
    return tuple(_packages(lock, entries))


def _packages(lock: Text, entries: Mapping[str, Any]) -> Iterator[Package]:
    places = {place: _entry(lock, place, value) for place, value in entries.items()}
    real = {place: each for place, each in places.items() if place and each.get("link") is not True}
    keys = {place: _key(lock, place, each) for place, each in real.items()}
    for place, each in places.items():  # a link is what it leads to
        if place and place not in real:
            keys[place] = keys.get(str(each.get("resolved", "")), "")
    direct = set(_needed("", places.get("", {}), keys, dev=True))
    for place, each in real.items():
        yield Package(
            "npm",
            _name(lock, place, each),
            _version(lock, place, each),
            lock.file,
            _source(place, each),
            archives=tuple(_archives(each.get("integrity"))),
            license=_license(each.get("license")),
            build=each.get("dev") is True or each.get("devOptional") is True,
            direct=keys[place] in direct or _FOLDER not in place,
            needs=tuple(sorted(set(_needed(place, each, keys)) - {keys[place]})),
        )


def _entry(lock: Text, place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(lock, place, "is not an object")
    if len(place) > _LONGEST or place.count(_FOLDER) > _DEEPEST:
        raise _wrong(lock, place, "is too long")
    return value


def _name(lock: Text, place: str, entry: Mapping[str, Any]) -> str:
    name = entry.get("name") or place.rpartition(_FOLDER)[2]
    if _FOLDER not in place and not entry.get("name"):  # a workspace is called as its folder
        name = place.rpartition("/")[2]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(lock, place, "has no name that npm would take")
    return name


def _version(lock: Text, place: str, entry: Mapping[str, Any]) -> str:
    version = entry.get("version", "")
    if version == "" and _FOLDER not in place:
        return ""
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise _wrong(lock, place, "has no version")
    return version


def _key(lock: Text, place: str, entry: Mapping[str, Any]) -> str:
    return key_of("npm", _source(place, entry), _name(lock, place, entry), _version(lock, place, entry))


def _source(place: str, entry: Mapping[str, Any]) -> str:
    """Empty for what comes from a registry; where that is may be left out, and is the user's to configure."""
    if _FOLDER not in place:
        return "local"
    resolved = entry.get("resolved")
    if not isinstance(resolved, str):
        return ""
    scheme = resolved.partition(":")[0]
    if scheme.startswith("git"):
        return "git"
    if scheme == "file":
        return "local"
    return "" if "/-/" in resolved else "url"


def _license(value: object) -> str:
    return safe(value) if isinstance(value, str) and value != "UNLICENSED" else ""


def _archives(value: object) -> Iterator[Digest]:
    """Subresource Integrity, section 3.5: base64 by algorithm; the strongest that we know comes last."""
    found: dict[str, Digest] = {}
    for part in value.split() if isinstance(value, str) else ():
        algorithm, _, text = part.partition("?")[0].partition("-")
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if _ALGORITHMS.get(algorithm) == len(data):
            found[algorithm] = Digest(algorithm, data.hex())
    yield from sorted(found.values())


def _needed(place: str, entry: Mapping[str, Any], keys: Mapping[str, str], *, dev: bool = False) -> Iterator[str]:
    """The keys of what Node finds for the names that a package asks for; what is not installed is passed over."""
    folders = tuple(_above(place))
    for field in (*_NEEDS, *(("devDependencies",) if dev else ())):
        wanted = entry.get(field)
        for name in wanted if isinstance(wanted, dict) else ():
            key = next((keys[folder + name] for folder in folders if folder + name in keys), "")
            if key:
                yield key


def _above(place: str) -> Iterator[str]:
    """Where Node looks for what a package asks for: in it, and beside each above it ("Loading from node_modules")."""
    folder = place
    while folder:
        yield f"{folder}/{_FOLDER}"
        folder = folder.rpartition("/" + _FOLDER.rstrip("/"))[0] if f"/{_FOLDER}" in folder else ""
    yield _FOLDER


def _wrong(lock: Text, place: str, problem: str) -> Exception:
    return lock.invalid_at(f'"{place}"', f"{safe(place)[:80]} {problem}")
