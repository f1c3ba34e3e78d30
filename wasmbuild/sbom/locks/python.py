"""Python's locks: ``pylock.toml`` (PEP 751), ``uv.lock``, and ``requirements.txt`` with hashes.

Of several archives of a package it is not known which was taken, but for the one that runs anywhere: only
that can be put into a component.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from registry.digest import Digest
from wasmbuild.sbom.locks.package import Package
from wasmbuild.sbom.locks.reading import VERSION, Text, as_table, checked, count, sha256
from wasmbuild.sbom.names import key_of
from wasmbuild.tables import Table

__all__ = ["PYLOCK", "REQUIREMENTS", "UV", "read_pylock", "read_requirements", "read_uv"]

PYLOCK = "pylock.toml"
UV = "uv.lock"
REQUIREMENTS = "requirements.txt"

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_ANYWHERE = "-none-any.whl"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*+)\s*+(?:\[[^\]]*+\])?\s*+==\s*+([^\s;#\\]++)", re.ASCII)
_HASH = re.compile(r"--hash[= ]sha256:([0-9a-f]{64})(?![0-9a-f])")
_REMARK = re.compile(r"(?:^|\s)#.*")
_MOST_VERSIONS = 100
_LOCAL = frozenset({"directory", "editable", "virtual", "path"})


def read_pylock(lock: Text) -> tuple[Package, ...]:
    """The packages of a ``pylock.toml``. Raises InvalidProject."""
    tables = as_table(lock).tables("packages")
    count(lock.file, tables)
    keys = [_pylock_key(each) for each in tables]
    by_name = _by_name(tables, keys)
    found = []
    for each, key in zip(tables, keys, strict=True):
        needs = {other for wanted in each.tables("dependencies") for other in _fitting(wanted, by_name)} - {key}
        wheels = [(_file_name(wheel), _sha256_in(wheel)) for wheel in each.tables("wheels")]
        others = [_sha256_in(each.table(name)) for name in ("sdist", "archive") if name in each.values]
        found.append(
            _package(lock, each, _pylock_source(each), archives=_taken(wheels, others), needs=tuple(sorted(needs)))
        )
    return _with_direct(found)


def read_uv(lock: Text) -> tuple[Package, ...]:
    """The packages of a ``uv.lock``; those that only a group for development needs are for building. As above."""
    tables = as_table(lock).tables("package")
    count(lock.file, tables)
    keys = [key_of("python", _uv_source(each), _name(each), _version(each)) for each in tables]
    by_name = _by_name(tables, keys)
    needs = {
        key: {other for wanted in _uv_wanted(each) for other in _fitting(wanted, by_name)} - {key}
        for key, each in zip(keys, tables, strict=True)
    }
    roots = {key for key, each in zip(keys, tables, strict=True) if _uv_source(each) == "local"}
    running = _reached(roots, needs)
    found = []
    for each, key in zip(tables, keys, strict=True):
        wheels = [(_file_name(wheel), _prefixed(wheel)) for wheel in each.tables("wheels")]
        others = [_prefixed(each.table("sdist"))] if "sdist" in each.values else []
        found.append(
            _package(
                lock,
                each,
                _uv_source(each),
                archives=_taken(wheels, others),
                needs=tuple(sorted(needs[key])),
                build=bool(roots) and key not in running,
            )
        )
    return _with_direct(found)


def read_requirements(lock: Text) -> tuple[Package, ...]:
    """The packages of a ``requirements.txt`` in which there are hashes; without any it is no lock. As above."""
    lines = list(_logical(lock.lines()))
    if not any("--hash=sha256:" in line for _, line in lines):
        return ()
    found = []
    for number, line in lines:
        if line.startswith("-"):
            continue
        named = _REQUIREMENT.match(line)
        if named is None or not _NAME.fullmatch(named[1]) or not VERSION.fullmatch(named[2]):
            raise lock.invalid(number, f"{line[:60]!r} names no package in one version")
        hashes = [Digest("sha256", each) for each in _HASH.findall(line)]
        archives = tuple(hashes) if len(set(hashes)) == 1 else ()
        found.append(Package("pypi", _normal(named[1]), named[2], lock.file, archives=archives[:1], direct=True))
    count(lock.file, found)
    return tuple(found)


def _package(
    lock: Text, table: Table, source: str, *, archives: tuple[Digest, ...], needs: tuple[str, ...], build: bool = False
) -> Package:
    return Package(
        "pypi", _name(table), _version(table), lock.file, source, archives=archives, needs=needs, build=build
    )


def _with_direct(packages: Sequence[Package]) -> tuple[Package, ...]:
    """The same, those that no other one needs as what the project asks for."""
    from dataclasses import replace  # noqa: PLC0415

    wanted = {key for each in packages for key in each.needs}
    return tuple(replace(each, direct=each.key not in wanted) for each in packages)


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(table: Table) -> str:
    return _normal(checked(table, "name", _NAME))


def _version(table: Table) -> str:
    return checked(table, "version", VERSION) if "version" in table.values else ""


def _pylock_key(table: Table) -> str:
    return key_of("python", _pylock_source(table), _name(table), _version(table))


def _pylock_source(table: Table) -> str:
    named = (("vcs", "git"), ("directory", "local"), ("archive", "url"))
    return next((source for key, source in named if key in table.values), "")


def _uv_source(table: Table) -> str:
    said = table.table("source").values
    if _LOCAL.intersection(said):
        return "local"
    return next((name for name in ("git", "url") if name in said), "")


def _uv_wanted(table: Table) -> Iterator[Table]:
    yield from table.tables("dependencies")
    extras = table.table("optional-dependencies")
    for name in extras.values:
        yield from extras.tables(name)


def _by_name(tables: Iterable[Table], keys: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for each, key in zip(tables, keys, strict=True):
        found.setdefault(_name(each), []).append((_version(each), key))
    return found


def _fitting(wanted: Table, by_name: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    version, among = _version(wanted), by_name.get(_name(wanted), ())
    if len(among) > _MOST_VERSIONS:
        raise wanted.invalid(None, f"means a package that is in {len(among)} versions")
    for each, key in among:
        if version in {"", each}:
            yield key


def _reached(roots: Iterable[str], needs: Mapping[str, Iterable[str]]) -> frozenset[str]:
    found, todo = set(roots), list(roots)
    while todo:
        more = set(needs[todo.pop()]) - found
        found |= more
        todo += more
    return frozenset(found)


def _taken(wheels: Sequence[tuple[str, Digest | None]], others: Sequence[Digest | None]) -> tuple[Digest, ...]:
    """The archive that can be told: the wheel for any machine, or the only one there is."""
    anywhere = {digest for name, digest in wheels if digest and name.endswith(_ANYWHERE)}
    every = {digest for _, digest in wheels if digest} or {digest for digest in others if digest}
    for known in (anywhere, every):
        if len(known) == 1:
            return tuple(known)
    return ()


def _file_name(wheel: Table) -> str:
    named = wheel.text("name") or wheel.text("filename") or wheel.text("path") or wheel.text("url") or ""
    return named.partition("#")[0].rpartition("/")[2]


def _sha256_in(archive: Table) -> Digest | None:
    return sha256(archive.table("hashes").text("sha256") or "")


def _prefixed(archive: Table) -> Digest | None:
    algorithm, _, text = (archive.text("hash") or "").partition(":")
    return sha256(text) if algorithm == "sha256" else None


def _logical(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines that are joined by a backslash as one, with the number of the first; without remarks."""
    start, kept = 0, ""
    for number, line in enumerate(lines, 1):
        text = _REMARK.sub("", line).rstrip()
        start = start if kept else number
        kept += text.removesuffix("\\").strip() + " " if text.endswith("\\") else text.strip()
        if not text.endswith("\\"):
            if kept.strip():
                yield start, kept.strip()
            kept = ""
    if kept.strip():
        yield start, kept.strip()
