"""What lock files add to the inventory of a file.

The file is believed before any lock: of a file that names its crates (``.dep-v0``), ``Cargo.lock`` adds digests
to these, and no others; so it is with a component, which names the WIT packages that it uses. What only a lock
names may be in the file, and is marked as such.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wasmbuild.sbom.collecting import Collection
from wasmbuild.sbom.inventory import About, Item, ItemKind
from wasmbuild.sbom.names import key_of

if TYPE_CHECKING:
    from wasmbuild.sbom.locks import Ecosystem, Package

__all__ = ["take_packages"]

_TOLD: "dict[ItemKind, Ecosystem]" = {"crate": "cargo", "component": "wit"}
"""What shows that a file says all by itself of some packages."""

_CRATES_IO = "crates.io"
_CRATES_IO_TOO = "crates-io"


def take_packages(collection: Collection, root: str, packages: "Sequence[Package]") -> None:
    """Add packages; ``root`` is the key of the file itself. Raises InvalidWasm for too many."""
    told = {_TOLD[item.kind] for item in collection.items.values() if item.kind in _TOLD}
    added = [each for each in packages if not _take_known(collection, each, told)]
    keys = {each.key for each in added}
    for each in added:
        collection.add(_item(each))
        _tell(collection, each)
    for each in added:
        for other in each.needs:
            if other in keys:
                collection.relate(each.key, "depends", other)
    # Whatever no path leads to hangs on the file: of packages that need each other in a circle, all do.
    reached = _reached(added)
    for each in added:
        if each.direct or each.key not in reached:
            collection.relate(root, "depends", each.key)


def _take_known(collection: Collection, package: "Package", told: "Container[Ecosystem]") -> bool:
    """Whether the file has told of a package by itself, or of all of its kind, and then what the lock adds to that."""
    key = package.key
    if key not in collection.items and package.source == _CRATES_IO:
        key = key_of(package.kind, _CRATES_IO_TOO, package.name, package.version)
    item = collection.items.get(key)
    if item is None:
        return package.ecosystem in told
    archives = tuple(sorted({*item.archives, *package.archives}))
    collection.items[key] = replace(item, archives=archives, found=_found(item, package))
    return True


def _item(package: "Package") -> Item:
    group, _, name = package.name.rpartition("/") if package.ecosystem == "npm" else ("", "", package.name)
    if package.ecosystem == "wit":
        group, _, name = package.name.partition(":")
    return Item(
        package.key,
        package.kind,
        name,
        package.version,
        group=group,
        purl=package.purl,
        archives=package.archives,
        build=package.build,
        perhaps=not package.build and not package.certain,
        found=(package.file,),
        about=About(licenses=package.license),
    )


def _tell(collection: Collection, package: "Package") -> None:
    if package.ecosystem == "cargo":
        collection.tell(package.key, "wasmbuild:cargo:source", package.source)
    elif package.source:
        collection.tell(package.key, "wasmbuild:lock:source", package.source)
    if package.sum:
        collection.tell(package.key, "wasmbuild:go:sum", package.sum)


def _found(item: Item, package: "Package") -> tuple[str, ...]:
    return tuple(sorted({*item.found, package.file}))


def _reached(packages: "Sequence[Package]") -> set[str]:
    """The keys to which a path leads from what the project itself names."""
    needs = {each.key: each.needs for each in packages}
    todo = [each.key for each in packages if each.direct]
    found = set(todo)
    while todo:
        more = {key for key in needs.get(todo.pop(), ()) if key not in found}
        found |= more
        todo += more
    return found
