"""Which functions of two files are the same one, and how their sizes differ.

By name, where the file has names. Of the others, as many as are equally large in both files are set aside,
for a function keeps its size when it moves; what is left is taken by index. Not here: what else differs
(``wasmbuild.wasm.compare.diff``).
"""

from collections import Counter
from collections.abc import Iterator

from wasmbuild.wasm.anatomy import Anatomy, Part
from wasmbuild.wasm.sizes import label

__all__ = ["function_moves"]


def function_moves(old: Anatomy, new: Anatomy) -> Iterator[tuple[str, int, int]]:
    """Functions whose size differs: their name, and the bytes of their body before and after, 0 for none.

    Modules are compared with those at the same place in the file.
    """
    before, after = ({part.path: part for part in anatomy.modules()} for anatomy in (old, new))
    single = len(before) <= 1 and len(after) <= 1
    for path in sorted(before.keys() | after.keys()):
        where = "" if single or not path else f"{'.'.join(map(str, path))}: "
        for name, was, now in _differing(before.get(path), after.get(path)):
            yield f"{where}{name}", was, now


def _differing(old: Part | None, new: Part | None) -> Iterator[tuple[str, int, int]]:
    (named_before, others_before), (named_after, others_after) = _sizes(old), _sizes(new)
    common = Counter(others_before.values()) & Counter(others_after.values())
    before = named_before + _left(others_before, common)
    after = named_after + _left(others_after, common)
    for name in sorted(before.keys() | after.keys()):
        if before[name] != after[name]:
            yield name, before[name], after[name]


def _sizes(part: Part | None) -> tuple[Counter[str], dict[str, int]]:
    """Functions by name, those of one name together; and the others by their index."""
    named: Counter[str] = Counter()
    others: dict[str, int] = {}
    for function in part.functions if part else ():
        if function.name:
            named[label(function)] += function.size
        else:
            others[label(function)] = function.size
    return named, others


def _left(others: dict[str, int], common: Counter[int]) -> Counter[str]:
    """Those that remain when as many of each size are taken away as both files have."""
    remaining = Counter(common)
    found: Counter[str] = Counter()
    for name, size in others.items():
        if remaining[size]:
            remaining[size] -= 1
        else:
            found[name] = size
    return found
