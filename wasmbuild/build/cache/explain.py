"""Explain: why an action is another one than before, as the differences between the two descriptions.

A description is what ``wasmbuild.build.action.describe`` makes, or what a cache says was made: any JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from registry.words import printable

__all__ = ["Difference", "explain", "sentences"]

_MAX_WORDS = 2000
"""Words of a command that are compared one by one; of a longer one, all that is said is that it changed."""
_SHOWN = 20
"""Differences of one field that are shown."""
_WIDTH = 60
_NOUNS = {
    "inputs": "input",
    "files": "file of ours",
    "env": "variable",
    "tools": "tool",
    "after": "earlier action",
    "argv": "word of the command",
    "outputs": "output",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as before: where it is in the description, and both values as text.

    None means that it was not there, or is not there any more. Of lists, the place is a number, the one
    before if it went and the one after otherwise.
    """

    path: tuple[str, ...]
    before: str | None
    after: str | None


def explain(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """All differences, in the order of the fields after, then those that went; none when both are the same."""
    return tuple(_objects((), before, after))


def sentences(differences: Sequence[Difference]) -> list[str]:
    """The differences as lines for a person; of one field, the first twenty."""
    lines, counts = list[str](), dict[str, int]()
    for difference in differences:
        field = difference.path[0]
        counts[field] = counts.get(field, 0) + 1
        if counts[field] <= _SHOWN:
            lines.append(_sentence(difference))
    return lines + [
        f"{printable(field, _WIDTH)}: {count - _SHOWN} more" for field, count in counts.items() if count > _SHOWN
    ]


def _sentence(difference: Difference) -> str:
    field, rest = difference.path[0], "/".join(difference.path[1:])
    noun = _NOUNS.get(field, field)
    name = f"{noun} {rest}" if rest else noun
    return f"{printable(name, 200)}: {_change(field, difference)}"


def _change(field: str, difference: Difference) -> str:
    before, after = difference.before, difference.after
    if field == "files" or (before is not None and after is not None and max(len(before), len(after)) > 1000):
        return "added" if before is None else "removed" if after is None else "changed"
    if before is None:
        return f"added{_of(field, after)}"
    if after is None:
        return f"removed{_of(field, before)}"
    if field == "inputs" and before.removesuffix(" x") == after.removesuffix(" x"):
        return "may be run now" if after.endswith(" x") else "may not be run any more"
    return f"changed ({_short(before)} -> {_short(after)})"


def _of(field: str, value: str | None) -> str:
    return "" if field == "inputs" or value is None else f" ({_short(value)})"


def _short(text: str) -> str:
    algorithm, colon, encoded = text.partition(":")
    if colon and algorithm == "sha256" and len(encoded) >= 64:
        return f"sha256:{encoded[:12]}"
    return printable(text, _WIDTH) or "nothing"


def _objects(path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    found = list[Difference]()
    for name in (*after, *(name for name in before if name not in after)):
        place = (*path, str(name))
        if name not in before:
            found.append(Difference(place, None, _text(after[name])))
        elif name not in after:
            found.append(Difference(place, _text(before[name]), None))
        else:
            found += _values(place, before[name], after[name])
    return found


def _values(path: tuple[str, ...], before: Any, after: Any) -> list[Difference]:  # noqa: ANN401 - JSON
    if _exact(before) == _exact(after):
        return []
    if isinstance(before, dict) and isinstance(after, dict) and len(path) == 1:
        return _objects(path, before, after)
    if isinstance(before, list) and isinstance(after, list) and max(len(before), len(after)) <= _MAX_WORDS:
        return _lists(path, before, after)
    return [_changed(path, before, after)]


def _lists(path: tuple[str, ...], before: list[Any], after: list[Any]) -> list[Difference]:
    old, new = [_exact(value) for value in before], [_exact(value) for value in after]
    found = list[Difference]()
    for kind, start, end, begin, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        common = min(end - start, stop - begin)
        found += [_changed((*path, str(begin + n)), before[start + n], after[begin + n]) for n in range(common)]
        found += [Difference((*path, str(n)), _text(before[n]), None) for n in range(start + common, end)]
        found += [Difference((*path, str(n)), None, _text(after[n])) for n in range(begin + common, stop)]
    return found


def _changed(path: tuple[str, ...], before: Any, after: Any) -> Difference:  # noqa: ANN401 - JSON
    if isinstance(before, str) and isinstance(after, str):
        return Difference(path, before, after)
    return Difference(path, _exact(before), _exact(after))


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) else _exact(value)


def _exact(value: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
