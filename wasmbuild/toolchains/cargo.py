"""What ``Cargo.toml`` and ``Cargo.lock`` say that decides how cargo is called.

Read as data, within bounds: cargo itself checks the rest. Not here: the commands (``rust``).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.selection import parent

__all__ = ["CargoPackage", "Source", "lock_sources", "read_package"]

MANIFEST = "Cargo.toml"
LOCK = "Cargo.lock"
_PUBLIC = re.compile(r"registry\+https://[a-z.]+/rust-lang/crates\.io-index")
"""How every lock names the public registry, wherever that really is."""

_DEPENDENCIES = ("dependencies", "build-dependencies", "dev-dependencies")


@dataclass(frozen=True, slots=True)
class Source:
    """Where packages of a lock come from: cargo's name for it, and the keys that describe it in its configuration."""

    name: str
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CargoPackage:
    """The package that is built: its manifest, and either a program in it or its library."""

    manifest: str
    name: str
    program: str | None
    library: str | None
    lock: str | None
    sources: tuple[Source, ...]


def read_package(tree: SourceTree, target: Target) -> CargoPackage | None:
    """The package that a target means; None when there is no ``Cargo.toml`` at all.

    Raises InvalidProject when it is malformed, or when it is not clear which one.
    """
    manifest = _manifest(tree, target)
    if manifest is None:
        return None
    table = _table(tree, manifest)
    package = _sub(table, "package")
    name = _text(package.get("name"))
    if name is None:
        raise InvalidProject(f"{manifest} has no package in it", hint='name one: entry = "crates/hello/Cargo.toml"')
    folder = parent(manifest)
    lock = _above(tree, folder, LOCK)
    if lock is None and _needs_lock(tree, manifest):
        raise InvalidProject(
            f"{name} has dependencies, but no {LOCK}",
            cause="without it two builds may get different ones; a .gitignore hides it as well",
            hint="cargo generate-lockfile",
        )
    library, program = None, None
    if target.kind == "library":
        library = _library(tree, folder, table, name)
    else:
        program = _program(tree, target, folder, table, name)
    return CargoPackage(manifest, name, program, library, lock, lock_sources(tree.text(lock) or "") if lock else ())


def lock_sources(text: str) -> tuple[Source, ...]:
    """The places that packages of a ``Cargo.lock`` come from, sorted by name. Raises InvalidProject."""
    packages = _parsed(LOCK, text).get("package", [])
    listed = packages if isinstance(packages, list) else []
    names = {_text(each.get("source")) for each in listed if isinstance(each, dict)}
    return tuple(_source(name) for name in sorted(name for name in names if name))


def _source(name: str) -> Source:
    kind, _, rest = name.partition("+")
    if _PUBLIC.fullmatch(name):
        return Source("crates-io", ())
    if kind in {"registry", "sparse"}:
        address = name if kind == "sparse" else rest
        return Source(name, (("registry", address),))
    if kind != "git":
        raise InvalidProject(f"{LOCK}: a package comes from {name[:80]!r}, which is no registry and no git repository")
    from urllib.parse import parse_qsl, urlsplit  # noqa: PLC0415  (few locks name a repository)

    parts = urlsplit(rest)
    address = parts._replace(query="", fragment="").geturl()
    chosen = tuple((key, value) for key, value in parse_qsl(parts.query) if key in {"branch", "tag", "rev"})
    return Source(name.partition("#")[0], (("git", address), *chosen))


def _manifest(tree: SourceTree, target: Target) -> str | None:
    """The manifest that ``entry`` names or lies below, else the project's own, else the one that fits."""
    if target.entry is not None:
        if not tree.has(target.entry):
            raise InvalidProject(f"{target.name}: entry {target.entry!r} is not a file of the project")
        return target.entry if target.entry.endswith(MANIFEST) else _above(tree, parent(target.entry), MANIFEST)
    if not tree.has(MANIFEST):
        return None
    if "package" in _table(tree, MANIFEST):
        return MANIFEST
    members = [path for path in tree.ending(f"/{MANIFEST}") if _has_kind(tree, path, target)]
    fitting = [path for path in members if _text(_sub(_table(tree, path), "package").get("name")) == target.name]
    if len(fitting) == 1 or len(members) == 1:
        return (fitting if len(fitting) == 1 else members)[0]
    raise InvalidProject(
        f"{target.name}: it is not clear which package of the Cargo workspace to build",
        cause=f"there are {len(members)}: {', '.join(members[:10])}" if members else f"none has a {target.kind} in it",
        hint=f'say so in the target: entry = "{members[0] if members else "crates/hello/Cargo.toml"}"',
    )


def _has_kind(tree: SourceTree, manifest: str, target: Target) -> bool:
    folder, table = parent(manifest), _table(tree, manifest)
    if "package" not in table:
        return False
    if target.kind == "library":
        return "lib" in table or tree.has(_join(folder, "src/lib.rs"))
    return bool(dict(_programs(tree, folder, table, "")))


def _program(tree: SourceTree, target: Target, folder: str, table: Mapping[str, object], name: str) -> str:
    found = dict(_programs(tree, folder, table, name))
    by_path = {path: each for each, path in found.items()}
    if target.entry in by_path:
        return by_path[target.entry or ""]
    usual = _text(_sub(table, "package").get("default-run"))
    for wanted in (usual, target.name, name):
        if wanted in found:
            return str(wanted)
    if len(found) == 1:
        return next(iter(found))
    raise InvalidProject(
        f"{target.name}: the Cargo package {name} has {'several programs' if found else 'no program'}",
        cause=", ".join(sorted(found)[:10]) or "looked for src/main.rs, src/bin and [[bin]]",
        hint=f'say which: entry = "{min(by_path)}"' if found else 'for a library: kind = "library"',
    )


def _programs(tree: SourceTree, folder: str, table: Mapping[str, object], name: str) -> Iterator[tuple[str, str]]:
    """Names and paths of the programs, as cargo finds them (The Cargo Book, "Target auto-discovery")."""
    if tree.has(_join(folder, "src/main.rs")):
        yield name, _join(folder, "src/main.rs")
    start = _join(folder, "src/bin/")
    for path in tree.files:
        below = path.removeprefix(start) if path.startswith(start) else ""
        if below.endswith(".rs") and "/" not in below:
            yield below.removesuffix(".rs"), path
        elif below.endswith("/main.rs") and below.count("/") == 1:
            yield parent(below), path
    listed = table.get("bin", [])
    for each in listed if isinstance(listed, list) else []:
        own = _text(each.get("name")) if isinstance(each, dict) else None
        if own:
            yield own, _join(folder, _text(each.get("path")) or f"src/bin/{own}.rs")


def _library(tree: SourceTree, folder: str, table: Mapping[str, object], name: str) -> str:
    own = _sub(table, "lib")
    path = _join(folder, _text(own.get("path")) or "src/lib.rs")
    if not tree.has(path):
        raise InvalidProject(f"the Cargo package {name} has no library", cause=f"looked for {path}")
    return _text(own.get("name")) or name.replace("-", "_")


def _needs_lock(tree: SourceTree, manifest: str) -> bool:
    """Whether any dependency is not a folder of the project."""
    table = _table(tree, manifest)
    targets = [each for each in _sub(table, "target").values() if isinstance(each, dict)]
    for holder in (table, *targets):
        for key in _DEPENDENCIES:
            for wanted in _sub(holder, key).values():
                if not (isinstance(wanted, dict) and ("path" in wanted or "workspace" in wanted)):
                    return True
    return False


def _table(tree: SourceTree, path: str) -> Mapping[str, object]:
    text = tree.text(path)
    if text is None:
        raise InvalidProject(f"{path} cannot be read")
    return _parsed(path, text)


def _parsed(path: str, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidProject(f"{path} is not valid TOML", cause=str(error)[:200]) from error


def _above(tree: SourceTree, folder: str, name: str) -> str | None:
    """The file of that name in the folder, or in the closest one above it."""
    while True:
        path = _join(folder, name)
        if tree.has(path):
            return path
        if not folder:
            return None
        folder = parent(folder)


def _join(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _sub(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() else None
