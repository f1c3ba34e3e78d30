"""How a difference between two files is shown: a page for people, and the document of ``diff --format json``.

Names come out of files that nobody trusts, and are made safe for a terminal here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from registry.words import printable
from wasmbuild.wasm.capabilities import Asked
from wasmbuild.wasm.compare.diff import Moved, Pair
from wasmbuild.wasm.compare.steps import Change
from wasmbuild.workflows.diff import Compared
from wasmbuild.workflows.inspect_json import asked_to_json

__all__ = ["change_line", "change_to_json", "to_json", "to_text"]

_MOST = 60
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def to_text(compared: Compared) -> str:
    """A page for a person, in plain characters: ``+`` is new, ``-`` is gone, ``~`` changed."""
    found = compared.difference
    title = f"{printable(compared.old.name)} -> {printable(compared.new.name)}"
    if found.identical:
        return f"{title}\nidentical: {compared.old.digest}"
    lines = [title, f"size {_moved(found.size.old, found.size.new)}, {_percent(found.size)}"]
    lines += _words("kind", found.kind) + _words("role", found.role) + _words("world", found.world)
    lines += _words("wasi", found.wasi)
    lines += _group("capabilities", [*_asked("+", found.gained), *_asked("-", found.lost)])
    by_name = "" if compared.typed else " (by name alone)"
    lines += _group(f"interface{by_name}", [change_line(each) for each in found.changes])
    lines += _group("memories", _plus_minus(found.memories))
    lines += _group("features", _plus_minus(found.features))
    lines += _group("made by", _plus_minus(found.producers))
    lines += _group("sections", [_size_line(each) for each in found.sections])
    unseen = found.functions_changed - len(found.functions)
    more = [f"… and {unseen} more"] if unseen else []
    return "\n".join([*lines, *_group("functions", [_size_line(each) for each in found.functions] + more)])


def to_json(compared: Compared) -> dict[str, Any]:
    """The document of the command."""
    found = compared.difference
    return {
        "old": {"name": compared.old.name, "digest": str(compared.old.digest)},
        "new": {"name": compared.new.name, "digest": str(compared.new.digest)},
        "identical": found.identical,
        "size": _pair(found.size),
        "kind": _pair(found.kind),
        "role": _pair(found.role),
        "world": _pair(found.world),
        "wasi": _pair(found.wasi),
        "capabilities": {
            "gained": [asked_to_json(each) for each in found.gained],
            "lost": [asked_to_json(each) for each in found.lost],
        },
        "typesCompared": compared.typed,
        "changes": [change_to_json(each) for each in found.changes],
        "memories": _pair(found.memories),
        "features": _gained_lost(found.features),
        "producers": _gained_lost(found.producers),
        "sections": [_moved_json(each) for each in found.sections],
        "functions": [_moved_json(each) for each in found.functions],
        "functionsChanged": found.functions_changed,
    }


def change_line(change: Change) -> str:
    """One change of an interface, with the step that it demands."""
    types = " => ".join(printable(each, 160) for each in (change.before, change.after) if each)
    why = f": {change.why}" if change.why else ""
    return f"{_SIGNS[change.what]} {change.side} {printable(change.name, 160)} {types} [{change.step.word}{why}]"


def change_to_json(change: Change) -> dict[str, Any]:
    """The same for programs; types that are not there are empty."""
    return {
        "side": change.side,
        "name": change.name,
        "change": change.what,
        "step": change.step.word,
        "why": change.why,
        "before": change.before,
        "after": change.after,
    }


def _group(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return [title, *(f"  {line}" for line in lines[:_MOST]), *more]


def _words(title: str, pair: Pair[Any]) -> list[str]:
    if not pair.differs:
        return [] if pair.new is None else [f"{title} {printable(pair.new)}"]
    return [f"{title} {printable(pair.old or 'none')} -> {printable(pair.new or 'none')}"]


def _asked(sign: str, everything: Iterable[Asked]) -> list[str]:
    lines = []
    for each in everything:
        risk = f"{each.capability.name}, risk {each.capability.risk}" if each.capability else "foreign imports"
        names = ", ".join(str(wanted) for wanted in each.imports)
        lines.append(f"{sign} {risk}: it {each.words} ({printable(names, 300)})")
    return lines


def _plus_minus(pair: Pair[Any]) -> list[str]:
    gone = (f"- {printable(each)}" for each in sorted(pair.old) if each not in pair.new)
    came = (f"+ {printable(each)}" for each in sorted(pair.new) if each not in pair.old)
    return [*gone, *came]


def _size_line(each: Moved) -> str:
    sign = "~" if each.old and each.new else "+" if each.new else "-"
    return f"{sign} {printable(each.name, 120)} {_moved(each.old, each.new)}"


def _moved(old: int, new: int) -> str:
    return f"{old} -> {new} B ({new - old:+} B)"


def _percent(size: Pair[int]) -> str:
    return f"{round((size.new - size.old) * 100 / size.old, 1) + 0.0:+.1f}%"


def _pair(pair: Pair[Any]) -> dict[str, Any]:
    return {"old": pair.old, "new": pair.new}


def _gained_lost(pair: Pair[frozenset[str]]) -> dict[str, Any]:
    return {"gained": sorted(pair.new - pair.old), "lost": sorted(pair.old - pair.new)}


def _moved_json(each: Moved) -> dict[str, Any]:
    return {"name": each.name, "old": each.old, "new": each.new}
