"""``Cargo.lock``, versions 1 to 4 (The Cargo Book, "Cargo.toml vs Cargo.lock"; cargo's ``resolver/encode.rs``).

It has the crates of every platform, and those that only building or testing needs, and does not tell which.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from registry.digest import Digest
from wasmbuild.sbom.locks.package import Package
from wasmbuild.sbom.locks.reading import VERSION, Text, as_table, checked, count, sha256
from wasmbuild.sbom.names import key_of
from wasmbuild.tables import Table

__all__ = ["LOCK", "read"]

LOCK = "Cargo.lock"

_NAME = re.compile(r"[^\W\d-][\w-]{0,127}|_[\w-]{0,127}")
_PUBLIC = re.compile(r"registry\+https://[a-z.]+/rust-lang/crates\.io-index")
"""How every lock names the public registry, wherever that really is."""


def read(lock: Text) -> tuple[Package, ...]:
    """The crates. Raises InvalidProject."""
    root = as_table(lock)
    tables = root.tables("package")
    count(lock.file, tables)
    old = root.table("metadata")
    keys = [_key(each) for each in tables]
    named = _named(tables, keys)
    needs = [tuple(sorted(set(_needed(each, named)))) for each in tables]
    wanted = {key for each in needs for key in each}
    return tuple(
        Package(
            "cargo",
            each.required_text("name"),
            each.required_text("version"),
            lock.file,
            _source(each),
            archives=_archives(each, old),
            direct=key not in wanted,
            needs=tuple(other for other in needed if other != key),
        )
        for each, key, needed in zip(tables, keys, needs, strict=True)
    )


def _key(table: Table) -> str:
    return key_of("crate", _source(table), checked(table, "name", _NAME), checked(table, "version", VERSION))


def _source(table: Table) -> str:
    """In the words of ``.dep-v0``."""
    text = table.text("source")
    if text is None:
        return "local"
    if _PUBLIC.fullmatch(text):
        return "crates.io"
    return "git" if text.startswith("git+") else "registry"


def _named(tables: Sequence[Table], keys: Sequence[str]) -> dict[str, str]:
    """The keys by what dependencies are called: name alone, with version, with source; of several the first."""
    named: dict[str, str] = {}
    for each, key in zip(tables, keys, strict=True):
        words = [each.text("name"), each.text("version"), f"({each.text('source')})"]
        for length in (1, 2, 3):
            named.setdefault(" ".join(str(word) for word in words[:length]), key)
    return named


def _needed(table: Table, named: Mapping[str, str]) -> Iterator[str]:
    """The keys of what a crate depends on."""
    for text in table.texts("dependencies"):
        if text not in named:
            raise table.invalid("dependencies", f"names {text[:80]!r}, which is not in it")
        yield named[text]


def _archives(table: Table, old: Table) -> tuple[Digest, ...]:
    name, version, source = (table.text(key) or "" for key in ("name", "version", "source"))
    text = table.text("checksum") or old.values.get(f"checksum {name} {version} ({source})")
    found = sha256(text) if isinstance(text, str) else None
    return (found,) if found else ()
