"""Two wasm files side by side: read, and their interfaces compared, for ``diff``, ``compat`` and ``push``.

The types of a component are WIT's, which ``wasm-tools`` reads; where it cannot be had, only names can be
compared, and whoever has to be sure refuses. What a difference means is ``wasmbuild.wasm``'s.
"""

from dataclasses import dataclass

from registry.client.registries import Registries
from registry.digest import Digest
from registry.words import printable
from wasmbuild.caches import Caches
from wasmbuild.errors import InvalidWasm
from wasmbuild.events import Sink
from wasmbuild.wasm.anatomy import Extern, Part
from wasmbuild.wasm.compare.compat import component_changes, kind_change
from wasmbuild.wasm.compare.compat_core import module_changes
from wasmbuild.wasm.compare.diff import Facts
from wasmbuild.wasm.compare.interface import World, WorldItem
from wasmbuild.wasm.compare.interface_json import read_world
from wasmbuild.wasm.compare.steps import Change
from wasmbuild.wasm.customs.sections import read_all_customs
from wasmbuild.wasm.examine import examine
from wasmbuild.workflows.opening import open_artifact
from wasmbuild.workflows.wasmtools import wit_json

__all__ = ["Bench", "Subject", "changes_between", "name_changes_between", "open_subject", "subject"]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tools and artifacts come from, and who hears of it."""

    caches: Caches
    registries: Registries
    sink: Sink
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the two files, and the name that people know it by."""

    name: str
    facts: Facts

    @property
    def outermost(self) -> Part:
        """The module or the component itself."""
        return self.facts.anatomy.outermost

    @property
    def digest(self) -> Digest:
        """That of its bytes."""
        return Digest.of(self.facts.wasm)


def subject(name: str, wasm: bytes) -> Subject:
    """Read a file. Raises InvalidWasm, with its name."""
    try:
        anatomy = examine(wasm)
    except InvalidWasm as error:
        raise InvalidWasm(f"{printable(name)}: {error.what}", cause=error.cause, hint=error.hint) from error
    made_by = frozenset[str]().union(
        *(
            map(str, each.producers.entries)
            for each in read_all_customs(wasm, (part.sections for part in anatomy.parts))
        )
    )
    return Subject(name, Facts(wasm, anatomy, made_by))


def open_subject(artifact: str, verb: str, bench: Bench) -> Subject:
    """Read a file, or the file of an artifact, verified.

    Raises UsageFailed, InvalidWasm, and what fetching raises.
    """
    opened = open_artifact(artifact, verb, caches=bench.caches, registries=bench.registries, sink=bench.sink)
    return subject(opened.name, opened.wasm)


def changes_between(old: Subject, new: Subject, bench: Bench) -> tuple[Change, ...]:
    """Every difference between two interfaces, types included; what breaks comes first.

    Raises ToolchainMissing where the types of components cannot be read, InvalidWasm, ToolFailed.
    """
    if old.facts.wasm == new.facts.wasm:
        return ()
    kinds = old.outermost.kind, new.outermost.kind
    if kinds[0] != kinds[1]:
        return (kind_change(*kinds),)
    if kinds[0] == "module":
        return module_changes(old.outermost, new.outermost)
    return component_changes(_world(old, bench), _world(new, bench))


def name_changes_between(old: Subject, new: Subject) -> tuple[Change, ...]:
    """The differences between the names that two components import and export, without any types."""
    return component_changes(_names(old.outermost), _names(new.outermost))


def _world(of: Subject, bench: Bench) -> World:
    try:
        return read_world(wit_json(of.facts.wasm, caches=bench.caches, sink=bench.sink, offline=bench.offline))
    except InvalidWasm as error:
        raise InvalidWasm(f"{printable(of.name)}: {error.what}", cause=error.cause, hint=error.hint) from error


def _names(part: Part) -> World:
    return World(tuple(map(_item, part.imports)), tuple(map(_item, part.exports)))


def _item(extern: Extern) -> WorldItem:
    return WorldItem(extern.name, "interface", ())
