"""What a change of a module's imports and exports demands of its version; the rules are in ``docs/compare.md``.

Types match as the core specification says ("Validation", "Matching"): of functions, globals, tags and the
elements of tables only equal ones are taken to. Limits may grow tighter for what is exported, and wider for
what is imported. Components are ``wasmbuild.wasm.compare.compat``'s.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wasmbuild.wasm.anatomy import Extern, Part
from wasmbuild.wasm.compare.compat import asking, levels_of
from wasmbuild.wasm.compare.steps import Change, Step
from wasmbuild.wasm.model import Import
from wasmbuild.wasm.world import PREVIEW1_MODULES

__all__ = ["module_changes"]

_LIMITED = re.compile(
    r"\((?P<word>memory|table)(?P<index> i64| i32)? (?P<low>\d{1,20})(?: (?P<high>\d{1,20}))?(?P<rest>\D.*)"
)
_WASI_MEMORY = "memory"


def module_changes(old: Part, new: Part) -> tuple[Change, ...]:
    """Every difference between the imports and exports of two modules; what breaks comes first."""
    changes = [*_exports(old, new), *_imports(old.imports, new.imports)]
    return tuple(sorted(changes, key=lambda change: change.order))


def _exports(old: Part, new: Part) -> Iterator[Change]:
    before, after = _named(old.exports), _named(new.exports)
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if now is None and was is not None:
            yield Change("export", str(was), "removed", Step.MAJOR, "what used it finds it no more", _type(was), "")
        elif was is None and now is not None:
            yield Change("export", str(now), "added", Step.MINOR, "", "", _type(now))
        elif was is not None and now is not None and _type(was) != _type(now):
            step, why = _export_step(was, now, for_wasi=_asks_wasi(new))
            yield Change("export", str(now), "changed", step, why, _type(was), _type(now))


def _imports(old: Sequence[Extern], new: Sequence[Extern]) -> Iterator[Change]:
    before, after = _named(old), _named(new)
    levels = levels_of(map(_import, old))
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if now is None and was is not None:
            yield Change("import", str(was), "removed", Step.PATCH, "it asks for less", _type(was), "")
        elif was is None and now is not None:
            yield Change("import", str(now), "added", *asking(_import(now), levels), "", _type(now))
        elif was is not None and now is not None and _type(was) != _type(now):
            step, why = _import_step(was, now)
            yield Change("import", str(now), "changed", step, why, _type(was), _type(now))


def _export_step(old: Extern, new: Extern, *, for_wasi: bool) -> tuple[Step, str]:
    was, now = _Limited.parse(old.type), _Limited.parse(new.type)
    if was is None or now is None or was.rest != now.rest:
        return Step.MAJOR, "its type changed"
    if for_wasi and new.name == _WASI_MEMORY:
        return Step.PATCH, "the memory that WASI wants to see, of whatever size"
    if now.within(was):
        return Step.PATCH, "whoever took its limits takes the tighter ones"
    return Step.MAJOR, "its limits are wider than before"


def _import_step(old: Extern, new: Extern) -> tuple[Step, str]:
    was, now = _Limited.parse(old.type), _Limited.parse(new.type)
    if was is None or now is None or was.rest != now.rest:
        return Step.MAJOR, "its type changed"
    if was.within(now):
        return Step.PATCH, "it takes whatever it took before"
    return Step.MAJOR, "its limits are tighter than before"


@dataclass(frozen=True, slots=True)
class _Limited:
    """The limits of a memory or a table, and the words around them."""

    low: int
    high: int | None
    rest: tuple[str, str, str]

    @classmethod
    def parse(cls, text: str) -> "_Limited | None":
        """Read a type in words; None for what has no limits."""
        found = _LIMITED.fullmatch(text)
        if found is None:
            return None
        high = None if found["high"] is None else int(found["high"])
        return cls(int(found["low"]), high, (found["word"], (found["index"] or "").strip(), found["rest"]))

    def within(self, other: "_Limited") -> bool:
        """Whether what has these limits may stand where the others are wanted (core spec, "Matching", limits)."""
        return self.low >= other.low and (other.high is None or (self.high is not None and self.high <= other.high))


def _named(externs: Iterable[Extern]) -> dict[tuple[str | None, str, int], Extern]:
    """By module and name, and the how many-th of that name: a module may import one twice."""
    found: dict[tuple[str | None, str, int], Extern] = {}
    counts: dict[tuple[str | None, str], int] = {}
    for each in externs:
        at = counts.get((each.module, each.name), 0)
        counts[each.module, each.name] = at + 1
        found[each.module, each.name, at] = each
    return found


def _type(extern: Extern) -> str:
    return extern.type or extern.kind


def _import(extern: Extern) -> Import:
    return Import(extern.module, extern.name, extern.kind)


def _asks_wasi(part: Part) -> bool:
    return any(each.module in PREVIEW1_MODULES for each in part.imports)
