"""What a change of a component's interface demands of its version; the rules are in ``docs/compare.md``.

The component is seen as its users see it: it may offer more and ask for less, and may not change the type
of anything. Types are compared by their whole structure, as components' linkers do. Names are compared up to
where their versions are compatible. Modules are ``wasmbuild.wasm.compare.compat_core``'s.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wasmbuild.wasm.capabilities import capability_of
from wasmbuild.wasm.compare.interface import World, WorldItem, track, version_of
from wasmbuild.wasm.compare.steps import Change, Side, Step
from wasmbuild.wasm.model import Import
from wasmbuild.wasm.world import PREVIEW1_MODULES

__all__ = ["asking", "component_changes", "kind_change", "levels_of"]

_GONE = "what used it finds it no more"
_LESS = "it asks for less"
_MORE = "its hosts have to provide what they did not before"
_OTHER_WASI = "it asks for another WASI than before, which its hosts may not have"


def component_changes(old: World, new: World) -> tuple[Change, ...]:
    """Every difference between two worlds; what breaks comes first."""
    levels = levels_of(_import(item.name) for item in old.imports)
    changes = [*_exports(old.exports, new.exports), *_imports(old.imports, new.imports, levels)]
    return tuple(sorted(changes, key=lambda change: change.order))


def kind_change(old: str, new: str) -> Change:
    """The one change between a module and a component: nothing that used the one can use the other."""
    return Change("export", "the file itself", "changed", Step.MAJOR, f"it was a {old}, and is a {new}", old, new)


def asking(wanted: Import, levels: frozenset[str]) -> tuple[Step, str]:
    """What a new import demands, and why, where the old ones were of these levels of WASI.

    What is not of a WASI that we know is foreign, proposals of WASI included.
    """
    if capability_of(wanted) is None:
        return Step.MAJOR, _MORE
    level = _level(wanted)
    if level is not None and levels and level not in levels:
        return Step.MAJOR, _OTHER_WASI
    return Step.MINOR, "its hosts have it, and it can do more with it"


def levels_of(wanted: Iterable[Import]) -> frozenset[str]:
    """The levels of WASI that imports are of, such as ``0.2``."""
    return frozenset(filter(None, map(_level, wanted)))


def _level(wanted: Import) -> str | None:
    if capability_of(wanted) is None:
        return None
    if wanted.module is not None:
        return PREVIEW1_MODULES.get(wanted.module)
    version = version_of(wanted.name)
    return None if version is None else f"{version[0]}.{version[1]}"


def _import(name: str) -> Import:
    return Import(None, name, "")


def _exports(old: Sequence[WorldItem], new: Sequence[WorldItem]) -> Iterator[Change]:
    before, after = _by_track(old), _by_track(new)
    for key in before.keys() | after.keys():
        if key not in after:
            yield from _whole("export", before[key], "removed", Step.MAJOR, _GONE)
        elif key not in before:
            yield from _whole("export", after[key], "added", Step.MINOR, "")
        else:
            was, now = before[key], after[key]
            yield from _members("export", was, now, removed=Step.MAJOR, added=Step.MINOR)
            if _older(now, was):
                why = "it offers an older version than before"
                yield Change("export", now.name, "changed", Step.MAJOR, why, was.name, now.name)
            elif now.name != was.name:
                yield Change("export", now.name, "changed", Step.PATCH, "a compatible version", was.name, now.name)


def _imports(old: Sequence[WorldItem], new: Sequence[WorldItem], levels: frozenset[str]) -> Iterator[Change]:
    before, after = _by_track(old), _by_track(new)
    for key in before.keys() | after.keys():
        if key not in after:
            yield from _whole("import", before[key], "removed", Step.PATCH, _LESS)
        elif key not in before:
            step, why = asking(_import(after[key].name), levels)
            yield from _whole("import", after[key], "added", step, why)
        else:
            was, now = before[key], after[key]
            added = Step.MAJOR if capability_of(_import(now.name)) is None else Step.PATCH
            yield from _members("import", was, now, removed=Step.PATCH, added=added)
            if now.name != was.name:
                yield Change("import", now.name, "changed", Step.PATCH, "a compatible version", was.name, now.name)


def _whole(side: Side, item: WorldItem, what: str, step: Step, why: str) -> Iterator[Change]:
    text = item.members[0].text if item.kind != "interface" and item.members else item.kind
    change = Change(side, item.name, "added", step, why, "", text)
    yield change if what == "added" else replace(change, what="removed", before=text, after="")


def _members(side: Side, old: WorldItem, new: WorldItem, *, removed: Step, added: Step) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change(side, new.name, "changed", Step.MAJOR, "it is something else than before", old.kind, new.kind)
        return
    before, after = ({(each.kind, each.name): each for each in item.members} for item in (old, new))
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        name = _named(new, key[1])
        if now is None and was is not None:
            yield Change(side, name, "removed", removed, _GONE if removed is Step.MAJOR else _LESS, was.text, "")
        elif was is None and now is not None:
            yield Change(side, name, "added", added, _MORE if added is Step.MAJOR else "", "", now.text)
        elif was is not None and now is not None and was.shape != now.shape:
            why = "a type that it uses changed" if was.text == now.text else "its type changed"
            yield Change(side, name, "changed", Step.MAJOR, why, was.text, now.text)


def _named(item: WorldItem, member: str) -> str:
    return f"{item.name}#{member}" if member else item.name


def _by_track(items: Iterable[WorldItem]) -> dict[str, WorldItem]:
    """Items by name up to where versions are compatible; of several such versions, what they have together."""
    found: dict[str, WorldItem] = {}
    for item in sorted(items, key=lambda each: (version_of(each.name) or (0, 0, 0), each.name)):
        key = track(item.name)
        if key in found:
            members = {(each.kind, each.name): each for each in (*found[key].members, *item.members)}
            found[key] = replace(item, members=tuple(members.values()))
        else:
            found[key] = item
    return found


def _older(new: WorldItem, old: WorldItem) -> bool:
    now, was = version_of(new.name), version_of(old.name)
    return now is not None and was is not None and now < was
