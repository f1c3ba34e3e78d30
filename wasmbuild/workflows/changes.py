"""Changes: what is not as it was when a target was built last, action by action.

Pure: it compares descriptions. Not here: how two of them are compared (``wasmbuild.build.cache.explain``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmbuild.build.cache.explain import Difference, explain, sentences
from wasmbuild.build.chain import Described

__all__ = ["Change", "changes", "reasons"]

_MAX_REASONS = 50


@dataclass(frozen=True, slots=True)
class Change:
    """What changed of one action; no differences: there was none of that name before, or is none now."""

    action: str
    differences: tuple[Difference, ...]
    new: bool = False
    gone: bool = False


def changes(before: Mapping[str, Any], after: Mapping[str, Described]) -> tuple[Change, ...]:
    """How the actions of a chain differ from those that were described before, by name.

    That an action reads what another one gives is no difference of its own.
    """
    found = []
    for name, described in after.items():
        old = before.get(name)
        if not isinstance(old, dict):
            found.append(Change(name, (), new=True))
            continue
        own = tuple(each for each in explain(old, described.description) if each.path[0] != "after")
        if own:
            found.append(Change(name, own))
    found.extend(Change(name, (), gone=True) for name in before if name not in after)
    return tuple(found)


def reasons(found: Sequence[Change]) -> tuple[str, ...]:
    """The same in sentences, one for each difference; what several actions share is said once."""
    lines: dict[str, None] = {}
    for each in found:
        if each.new or each.gone:
            lines[f"action {each.action}: {'added' if each.new else 'removed'}"] = None
        lines.update(dict.fromkeys(sentences(each.differences)))
    said = list(lines)
    more = len(said) - _MAX_REASONS
    return (*said[:_MAX_REASONS], *([f"{more} more"] if more > 0 else []))
