"""Gathering: the inventory of a wasm file, from its bytes, through all that is nested in it.

Everything is the file's word but kinds, sizes and digests. Bounded: a file that says too much is refused,
because an SBOM that leaves out something in silence is worse than none. Not here: how lock files are read (``locks``).
"""

import hashlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from registry.digest import Digest
from wasmbuild.sbom.collecting import MAX_ENTRIES, Collection
from wasmbuild.sbom.inventory import About, Inventory, Item, ItemKind, RelationKind
from wasmbuild.sbom.locked import take_packages
from wasmbuild.sbom.names import Interface, crate_purl, key_of, safe
from wasmbuild.wasm.binary import Nested, read_all
from wasmbuild.wasm.customs.dependencies import Dependency
from wasmbuild.wasm.customs.producers import Producer
from wasmbuild.wasm.customs.sections import Customs, read_all_customs
from wasmbuild.wasm.model import WasmBinary
from wasmbuild.wasm.world import role

if TYPE_CHECKING:
    from wasmbuild.sbom.locks import Package

__all__ = ["MAX_ENTRIES", "MAX_HASHED_DEPTH", "Known", "gather"]

MAX_HASHED_DEPTH = 4
"""How deep a nested component still gets a digest: each level reads the same bytes again. Modules all do."""

_LIBRARIES = frozenset({"library", "reactor"})
_PREFIX = "wasmbuild:wasm:"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file from elsewhere: a name for one that has none, and the purl of its artifact.

    ``packages`` are those of the lock files that it was built with.
    """

    name: str
    purl: str | None = None
    packages: "tuple[Package, ...]" = ()


def gather(wasm: bytes | mmap.mmap, known: Known, digest: Callable[[int, int], Digest] | None = None) -> Inventory:
    """Read a file and all that is nested in it; ``digest`` gives the SHA-256 of a part, by its offset and size.

    Raises InvalidWasm, also for more than ``MAX_ENTRIES``.
    """
    hashing = digest or partial(_hashed, wasm)
    found = read_all(wasm)
    customs = read_all_customs(wasm, (each.binary.sections for each in found))
    gathering = Collection()
    for nested, says in zip(found, customs, strict=True):
        _take_part(gathering, nested, says, _digest(hashing, nested))
    take_packages(gathering, _place(()), known.packages)
    root = gathering.items.pop(_place(()))
    root = replace(root, name=root.name or safe(known.name), purl=known.purl)
    assert root.digest is not None
    items = sorted(gathering.finished(), key=lambda item: item.key)
    return Inventory(gathering.with_facts(root), root.digest, tuple(items), tuple(sorted(gathering.relations)))


def _place(path: tuple[int, ...]) -> str:
    return "/".join(["wasm", *map(str, path)])


def _digest(hashing: Callable[[int, int], Digest], nested: Nested) -> Digest | None:
    if nested.binary.kind == "component" and len(nested.path) > MAX_HASHED_DEPTH:
        return None
    return hashing(nested.offset, nested.binary.size)


def _hashed(data: bytes | mmap.mmap, start: int, size: int) -> Digest:
    with memoryview(data) as view, view[start : start + size] as part:
        return Digest("sha256", hashlib.sha256(part).hexdigest())


def _take_part(gathering: Collection, nested: Nested, customs: Customs, digest: Digest | None) -> None:
    binary, path = nested.binary, nested.path
    texts = {name: safe(text) for name, text in customs.fields}
    about = {name: text for name, text in texts.items() if name in About.__slots__}
    number = ".".join(map(str, path))
    key = gathering.add(
        Item(
            _place(path),
            binary.kind,
            safe(customs.name or "") or (f"{binary.kind} {number}" if path else ""),
            texts.get("version", ""),
            digest=digest,
            runs=not path and role(binary) not in _LIBRARIES,
            about=About(**about),
        )
    )
    if path:
        gathering.relate(_place(path[:-1]), "contains", key)
        gathering.tell(key, f"{_PREFIX}path", number)
    gathering.tell(key, f"{_PREFIX}kind", binary.kind)
    gathering.tell(key, f"{_PREFIX}size", str(binary.size))
    _tell_customs(gathering, key, customs)
    _take_crates(gathering, key, customs.dependencies)
    for producer in customs.producers.entries:
        _take_producer(gathering, key, producer)
    _take_interfaces(gathering, key, binary)


def _tell_customs(gathering: Collection, key: str, customs: Customs) -> None:
    revision = dict(customs.fields).get("revision")
    if revision:
        gathering.tell(key, f"{_PREFIX}revision", revision)
    if customs.build_id:
        gathering.tell(key, f"{_PREFIX}build-id", customs.build_id)
    for library in customs.shared_library.needed if customs.shared_library else ():
        gathering.tell(key, f"{_PREFIX}needs", library)
    for each in customs.unreadable:
        gathering.tell(key, f"{_PREFIX}unreadable", f"{each.name}: {each.why}")


def _take_crates(gathering: Collection, part: str, crates: tuple[Dependency, ...]) -> None:
    keys = [_take_crate(gathering, crate) for crate in crates]
    needed = {place for crate in crates for place in crate.dependencies}
    direct = {place for place, crate in enumerate(crates) if crate.root or place not in needed}
    for place in direct or range(len(crates)):  # of a list that is nothing but circles, all are
        gathering.relate(part, "depends", keys[place])
    for key, crate in zip(keys, crates, strict=True):
        for other in set(crate.dependencies):
            if keys[other] != key:
                gathering.relate(key, "depends", keys[other])


def _take_crate(gathering: Collection, crate: Dependency) -> str:
    name, version, source = safe(crate.name), safe(crate.version), safe(crate.source)
    key = key_of("crate", source, name, version)
    gathering.add(Item(key, "crate", name, version, purl=crate_purl(name, version, source), build=crate.build))
    gathering.tell(key, "wasmbuild:cargo:source", source)
    return key


def _take_producer(gathering: Collection, part: str, producer: Producer) -> None:
    name, version = safe(producer.name), safe(producer.version)
    kinds: dict[str, ItemKind] = {"processed-by": "tool", "sdk": "sdk"}
    kind = kinds.get(producer.field)
    if kind is None or not name:
        gathering.tell(part, f"wasmbuild:producers:{safe(producer.field)}", f"{name} {version}".strip())
        return
    key = gathering.add(Item(key_of(kind, name, version), kind, name, version, build=kind == "tool"))
    gathering.relate(part, "built-by" if kind == "tool" else "depends", key)


def _take_interfaces(gathering: Collection, part: str, binary: WasmBinary) -> None:
    if binary.kind == "module":
        for module in {each.module for each in binary.imports if each.module is not None}:
            gathering.tell(part, f"{_PREFIX}imports", module)
        return
    for name in binary.import_names:
        _take_interface(gathering, part, name, "imports", "depends")
    for name in binary.export_names:
        _take_interface(gathering, part, name, "exports", "implements")


def _take_interface(gathering: Collection, part: str, name: str, way: str, kind: RelationKind) -> None:
    interface = Interface.parse(name)
    if interface is None:
        gathering.tell(part, f"{_PREFIX}{way}", name)
        return
    key = key_of("wit", interface.namespace, interface.package, interface.version)
    gathering.add(Item(key, "wit", interface.package, interface.version, interface.namespace))
    gathering.tell(key, f"wasmbuild:wit:{way}", interface.name)
    gathering.relate(part, kind, key)
