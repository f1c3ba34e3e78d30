"""Rules: who may do what to which repositories; as they are written, and as rows.

A rule is a glob over repositories, a subject, and actions. Subjects are ``everyone`` (without any
login), ``users`` (whoever is logged in as a user), ``user:NAME`` and ``group:NAME``. How rules decide
is ``policy``'s.
"""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_hex

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert  # what it writes, SQLite understands as well

from registry.errors import InvalidConfiguration
from registry.server.access.globs import Glob, parse_glob
from registry.server.access.principals import EVERYTHING, Action, Grant, Principal
from registry.server.schema import facts, rules

__all__ = [
    "POLICY",
    "Rule",
    "add_rule",
    "grants_from_json",
    "grants_to_json",
    "list_rules",
    "parse_actions",
    "parse_grant",
    "parse_repositories",
    "parse_rule",
    "policy_changed",
    "remove_rule",
]

POLICY = "policy"
"""The fact whose value is another one after every change of rules and users."""

_REPOSITORIES = re.compile(r"[a-z0-9._/*?-]{1,255}")
_SUBJECT = re.compile(r"everyone|users|(?:user|group):[^\s:]{1,128}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``id`` is the key of its row, None for one of the configuration."""

    repositories: str
    subject: str
    actions: frozenset[Action]
    id: int | None = None

    @property
    def glob(self) -> Glob:
        """Which repositories it is about."""
        return parse_glob(self.repositories)

    def concerns(self, principal: Principal, groups: Iterable[str]) -> bool:
        """Whether it is about a principal who is in these groups."""
        kind, _, name = self.subject.partition(":")
        if kind == "everyone":
            return True
        if principal.kind != "user":
            return False
        return kind == "users" or (name in groups if kind == "group" else name == principal.name)


def parse_rule(repositories: str, subject: str, actions: Iterable[str]) -> Rule:
    """A rule as it is written. Raises InvalidConfiguration."""
    if not _SUBJECT.fullmatch(subject):
        raise InvalidConfiguration(
            f"{subject[:80]!r} is not the subject of a rule",
            hint="write everyone, users, user:NAME or group:NAME",
        )
    return Rule(parse_repositories(repositories), subject, parse_actions(actions))


def parse_repositories(text: str) -> str:
    """A glob over repositories. Raises InvalidConfiguration."""
    if not _REPOSITORIES.fullmatch(text):
        raise InvalidConfiguration(
            f"{text[:80]!r} is not a glob over repositories", hint="write for example team/app, team/* or **"
        )
    return parse_glob(text).text


def parse_actions(names: Iterable[str]) -> frozenset[Action]:
    """Actions, at least one; admin is all of them. Raises InvalidConfiguration."""
    try:
        actions = frozenset(map(Action, names))
    except ValueError as error:
        raise InvalidConfiguration(str(error)[:200], hint=f"there are: {', '.join(Action)}") from error
    if not actions:
        raise InvalidConfiguration("a rule without actions", hint=f"there are: {', '.join(Action)}")
    return EVERYTHING if Action.ADMIN in actions else actions


def parse_grant(text: str) -> Grant:
    """``GLOB:ACTION,ACTION``, as people narrow a token. Raises InvalidConfiguration."""
    repositories, _, names = text.rpartition(":")
    return Grant(parse_repositories(repositories), parse_actions(names.split(",")))


def grants_to_json(grants: tuple[Grant, ...] | None) -> str:
    """As they are kept: a list of pairs, or null when nothing is narrowed."""
    return json.dumps(None if grants is None else [[grant.repositories, sorted(grant.actions)] for grant in grants])


@lru_cache(1024)
def grants_from_json(text: str) -> tuple[Grant, ...] | None:
    """The same again."""
    found = json.loads(text)
    return None if found is None else tuple(Grant(name, frozenset(map(Action, actions))) for name, actions in found)


def policy_changed(connection: Connection) -> None:
    """Say, in the transaction that changes rules or users, that it does.

    A number could be used twice when a transaction is undone; this cannot.
    """
    version = token_hex(16)
    connection.execute(
        upsert(facts)
        .values(name=POLICY, value=version)
        .on_conflict_do_update(index_elements=["name"], set_={"value": version})
    )


def add_rule(connection: Connection, rule: Rule) -> int:
    """Keep a rule: its key."""
    actions = ",".join(sorted(rule.actions))
    added = connection.execute(
        insert(rules).values(repositories=rule.repositories, subject=rule.subject, actions=actions, created=time.time())
    )
    policy_changed(connection)
    key: int = added.inserted_primary_key[0]  # type: ignore[index]
    return key


def remove_rule(connection: Connection, key: int) -> bool:
    """Forget a rule. False: there was none."""
    policy_changed(connection)
    return connection.execute(delete(rules).where(rules.c.id == key)).rowcount > 0


def list_rules(connection: Connection) -> list[Rule]:
    """The rules of the database, in the order in which they were made."""
    rows = connection.execute(select(rules).order_by(rules.c.id))
    return [Rule(row.repositories, row.subject, parse_actions(row.actions.split(",")), row.id) for row in rows]
