"""Scopes: what a client asks the token endpoint for, and what a token says it is for.

``type:name:action,action``, where the name may hold colons (distribution's "Docker Registry v2
authentication", "token scope").
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from registry.reference import valid_repository
from registry.server.access.gate import Gate
from registry.server.access.principals import EVERYTHING, Action, Grant, Principal
from registry.server.refusal import Refusal

__all__ = ["CATALOG_GRANT", "Scope", "granted", "grants_of", "parse_scopes", "scopes_text"]

_MAX_SCOPES = 100
_MAX_TEXT = 400
_SCOPE = re.compile(r"([a-z0-9]{1,50})(?:\([a-z0-9]{1,50}\))?:([^\s:][^\s]{0,299}):([a-z0-9_*,-]{0,100})")
_MEANS: dict[str, frozenset[Action]] = {
    "pull": frozenset({Action.PULL}),
    "push": frozenset({Action.PUSH, Action.OVERWRITE}),
    "delete": frozenset({Action.DELETE}),
    "*": EVERYTHING,
}

CATALOG_GRANT = Grant("_catalog", frozenset({Action.PULL}))
"""That a token is for the list of repositories. No repository has that name."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Actions on one thing, in the words of clients."""

    kind: str
    name: str
    actions: tuple[str, ...]


def parse_scopes(texts: Iterable[str]) -> tuple[Scope, ...]:
    """What is asked for: each text holds scopes between spaces. Raises Refusal (400)."""
    words = [word for text in texts for word in text.split()]
    if len(words) > _MAX_SCOPES:
        raise Refusal(400, "UNSUPPORTED", f"more than {_MAX_SCOPES} scopes at once")
    return tuple(dict.fromkeys(map(_parse, words)))


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Scopes as they are written."""
    return " ".join(f"{each.kind}:{each.name}:{','.join(each.actions)}" for each in scopes)


def _parse(word: str) -> Scope:
    match = _SCOPE.fullmatch(word) if len(word) <= _MAX_TEXT else None
    if match is None:
        raise Refusal(400, "UNSUPPORTED", "this is not a scope", details=(word[:100],))
    return Scope(match[1], match[2], tuple(dict.fromkeys(filter(None, match[3].split(",")))))


def granted(connection: Connection, gate: Gate, principal: Principal, asked: Iterable[Scope]) -> tuple[Scope, ...]:
    """As much of what is asked for as the principal may do; nothing of the rest is an error."""
    found = (_granted(connection, gate, principal, scope) for scope in asked)
    return tuple(scope for scope in found if scope is not None and scope.actions)


def _granted(connection: Connection, gate: Gate, principal: Principal, scope: Scope) -> Scope | None:
    if scope.kind == "registry":
        return Scope("registry", "catalog", ("*",)) if scope.name == "catalog" and "*" in scope.actions else None
    if scope.kind != "repository" or not valid_repository(scope.name):
        return None
    allowed = gate.allowed(connection, principal, scope.name)
    asked = scope.actions
    if "*" in asked and allowed != EVERYTHING:
        asked = ("pull", "push", "delete")
    return Scope("repository", scope.name, tuple(action for action in asked if _may(action, allowed)))


def _may(action: str, allowed: frozenset[Action]) -> bool:
    if action == "push":
        return Action.PUSH in allowed  # whether tags may be moved as well is asked when one is
    return action in _MEANS and allowed >= _MEANS[action]


def grants_of(scopes: Iterable[Scope]) -> tuple[Grant, ...]:
    """What a token with these scopes is narrowed to."""
    grants: list[Grant] = []
    for scope in scopes:
        if scope.kind == "registry":
            grants.append(CATALOG_GRANT)
        elif valid_repository(scope.name):
            actions = (_MEANS.get(action, frozenset()) for action in scope.actions)
            grants.append(Grant(scope.name, frozenset[Action]().union(*actions)))
    return tuple(grants)
