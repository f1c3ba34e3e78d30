"""What a token that is narrowed could ever reach, for a hint to whoever makes it. Nothing here decides anything."""

import re
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection

from registry.server.access.policy import RuleGate
from registry.server.access.principals import Grant, Principal

__all__ = ["overlap", "without_effect"]

_PIECES = re.compile(r"\*\*|.", re.DOTALL)
_STARS = ("*", "**")


def without_effect(connection: Connection, gate: RuleGate, user: str, grants: Iterable[Grant]) -> list[Grant]:
    """The grants of which the rules of this moment give the user nothing, whichever the repository.

    One that is left out may be idle all the same, where a rule that says more silences another.
    """
    return [grant for grant in grants if not _has_effect(connection, gate, user, grant)]


def _has_effect(connection: Connection, gate: RuleGate, user: str, grant: Grant) -> bool:
    found = gate.explain(connection, user, grant.repositories)
    if found is None:
        return False
    if not any(character in grant.repositories for character in "*?"):
        return not grant.actions.isdisjoint(found.actions)
    principal = Principal("user", user)
    return any(
        rule.concerns(principal, found.groups)
        and not grant.actions.isdisjoint(rule.actions)
        and overlap(rule.repositories, grant.repositories)
        for rule in gate.policy(connection).rules
    )


def overlap(one: str, other: str) -> bool:
    """Whether some name is as both globs say."""
    left, right = (tuple(_PIECES.findall(glob)) for glob in (one, other))
    # Of the pairs of places, 256 times 256 at most, each is looked at once.
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at == (len(left), len(right)):
            return True
        fresh = _following(left, right, *at) - seen
        seen |= fresh
        waiting += fresh
    return False


def _following(left: tuple[str, ...], right: tuple[str, ...], i: int, j: int) -> set[tuple[int, int]]:
    """Where two globs can stand after a star is left, or after both took the same character."""
    found = set()
    if i < len(left) and left[i] in _STARS:
        found.add((i + 1, j))
    if j < len(right) and right[j] in _STARS:
        found.add((i, j + 1))
    if i < len(left) and j < len(right) and _share(left[i], right[j]):
        found.add((i + (left[i] not in _STARS), j + (right[j] not in _STARS)))
    return found


@lru_cache(4096)
def _share(one: str, other: str) -> bool:
    """Whether two pieces of globs can take the same character."""
    if "**" in (one, other):
        return True
    if one in ("*", "?"):
        return other != "/"
    return one != "/" if other in ("*", "?") else one == other
