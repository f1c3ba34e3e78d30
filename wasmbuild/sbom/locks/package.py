"""Package: one entry of a lock file, whichever package manager wrote that."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from registry.digest import Digest
from wasmbuild.sbom.inventory import ItemKind
from wasmbuild.sbom.names import crate_purl, key_of

__all__ = ["Ecosystem", "Package", "merged"]

Ecosystem = Literal["cargo", "golang", "npm", "pypi", "wit"]
"""Whose package it is, in the words of package URLs where these have one."""

_KINDS: dict[Ecosystem, ItemKind] = {
    "cargo": "crate",
    "golang": "go",
    "npm": "npm",
    "pypi": "python",
    "wit": "wit",
}


@dataclass(frozen=True, slots=True)
class Package:
    """What a lock says of a package. All texts are safe to show.

    ``source`` is empty for a package of the ecosystem's registry, of crates in cargo's words (``crates.io``).
    ``archives`` are digests of what is downloaded, ``sum`` Go's own. ``build`` says that only building or
    testing needs it, ``certain`` that the compiler took it, ``direct`` that the project itself names it.
    ``needs`` are keys of others in the lock.
    """

    ecosystem: Ecosystem
    name: str
    version: str
    file: str
    source: str = ""
    archives: tuple[Digest, ...] = ()
    sum: str = ""
    license: str = ""
    build: bool = False
    certain: bool = False
    direct: bool = False
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> ItemKind:
        """What it is called in an inventory."""
        return _KINDS[self.ecosystem]

    @property
    def key(self) -> str:
        """Its name in an inventory; the same crate has the same one, whoever named it."""
        if self.ecosystem == "wit":
            return key_of("wit", *self.name.split(":"), self.version)
        return key_of(self.kind, self.source, self.name, self.version)

    @property
    def purl(self) -> str | None:
        """Its package URL; None for what comes from anywhere but a registry, which need not be the one of that name."""
        if self.ecosystem == "cargo":
            return crate_purl(self.name, self.version, self.source)
        if self.source or not self.version or self.ecosystem == "wit":
            return None
        group, _, name = self.name.rpartition("/")
        if not name:
            return None
        from packageurl import PackageURL  # noqa: PLC0415

        name = re.sub(r"[-_.]+", "-", name) if self.ecosystem == "pypi" else name
        return str(PackageURL(self.ecosystem, group or None, name, self.version).to_string())


def merged(packages: Iterable[Package]) -> tuple[Package, ...]:
    """Each package once, sorted by key; what one place needs to run is not for building only."""
    found: dict[str, Package] = {}
    for each in packages:
        before = found.get(each.key)
        found[each.key] = each if before is None else _both(before, each)
    return tuple(found[key] for key in sorted(found))


def _both(one: Package, other: Package) -> Package:
    return replace(
        one,
        archives=tuple(sorted({*one.archives, *other.archives})),
        license=one.license or other.license,
        build=one.build and other.build,
        direct=one.direct or other.direct,
        needs=tuple(sorted({*one.needs, *other.needs})),
    )
