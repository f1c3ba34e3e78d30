"""Accounts: users, their passwords and their groups, as rows. For an operator's commands, and for logins.

A user without a password comes only with API tokens. Every change is one of the policy, and is seen
by whatever asks next. How passwords are checked is ``passwords``'s.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from registry.errors import InvalidConfiguration
from registry.server.access.principals import RESERVED
from registry.server.access.rules import policy_changed
from registry.server.database.statements import Statement
from registry.server.schema import memberships, users

__all__ = [
    "Account",
    "Standing",
    "add_user",
    "disable_user",
    "has_users",
    "join_group",
    "leave_group",
    "list_users",
    "password_of",
    "remove_user",
    "require_valid_user",
    "set_password",
    "standing_of",
    "valid_user",
]

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_STANDING = Statement(
    select(users.c.disabled, memberships.c.group)
    .outerjoin(memberships, memberships.c.user == users.c.name)
    .where(users.c.name == bindparam("name"))
)
_PASSWORD = Statement(select(users.c.password, users.c.disabled).where(users.c.name == bindparam("name")))
_ANY = Statement(select(users.c.name).limit(1))


@dataclass(frozen=True, slots=True)
class Standing:
    """What rules need to know of an account."""

    disabled: bool
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an operator sees it; ``created`` in seconds since the epoch. Nothing of its password."""

    name: str
    created: float
    disabled: bool
    password: bool
    groups: tuple[str, ...]


def valid_user(name: str) -> bool:
    """Whether a user can be called that."""
    return _USER.fullmatch(name) is not None and name not in RESERVED


def require_valid_user(name: str) -> None:
    """Raises InvalidConfiguration when no user can be called that."""
    if not valid_user(name):
        raise InvalidConfiguration(
            f"{name[:80]!r} is not a name for a user", hint="letters, digits and . _ @ + -, at most 128 of them"
        )


def add_user(connection: Connection, name: str, password_hash: str | None, groups: Iterable[str] = ()) -> None:
    """Add an account. ``password_hash`` is of ``passwords.hash_password``; None: it has only API tokens.

    Raises InvalidConfiguration when the name is no name or is taken.
    """
    require_valid_user(name)
    if standing_of(connection, name) is not None:
        raise InvalidConfiguration(f"there is a user {name} already", hint="choose another name")
    connection.execute(insert(users).values(name=name, password=password_hash, created=time.time(), disabled=False))
    for group in groups:
        join_group(connection, name, group)
    policy_changed(connection)


def set_password(connection: Connection, name: str, password_hash: str | None) -> None:
    """Another password, or none; refresh tokens that came of the old one end. Raises InvalidConfiguration."""
    _change(connection, name, password=password_hash)


def disable_user(connection: Connection, name: str, *, disabled: bool = True) -> None:
    """Refuse a user from now on, or no longer. Raises InvalidConfiguration."""
    _change(connection, name, disabled=disabled)


def _change(connection: Connection, name: str, **values: object) -> None:
    if not connection.execute(update(users).where(users.c.name == name).values(**values)).rowcount:
        raise _unknown(name)
    policy_changed(connection)


def remove_user(connection: Connection, name: str) -> None:
    """Remove an account, its memberships and its API tokens. Raises InvalidConfiguration."""
    if not connection.execute(delete(users).where(users.c.name == name)).rowcount:
        raise _unknown(name)
    policy_changed(connection)


def join_group(connection: Connection, name: str, group: str) -> None:
    """Let a user be in a group. Raises InvalidConfiguration."""
    found = standing_of(connection, name)
    if found is None:
        raise _unknown(name)
    if not _USER.fullmatch(group):
        raise InvalidConfiguration(f"{group[:80]!r} is not a name for a group", hint="letters, digits and . _ @ + -")
    if group not in found.groups:
        connection.execute(insert(memberships).values(user=name, group=group))
        policy_changed(connection)


def leave_group(connection: Connection, name: str, group: str) -> bool:
    """Let a user no longer be in a group. False: it was not."""
    policy_changed(connection)
    gone = delete(memberships).where(memberships.c.user == name, memberships.c.group == group)
    return connection.execute(gone).rowcount > 0


def list_users(connection: Connection) -> list[Account]:
    """All accounts, by name."""
    groups: dict[str, list[str]] = {}
    for row in connection.execute(select(memberships).order_by(memberships.c.group)):
        groups.setdefault(row.user, []).append(row.group)
    return [
        Account(row.name, row.created, bool(row.disabled), row.password is not None, tuple(groups.get(row.name, ())))
        for row in connection.execute(select(users).order_by(users.c.name))
    ]


def has_users(connection: Connection) -> bool:
    """Whether there is any account."""
    return _ANY.first(connection) is not None


def standing_of(connection: Connection, name: str) -> Standing | None:
    """An account's groups, and whether it is disabled; None: there is none."""
    rows = _STANDING.all(connection, name=name)
    if not rows:
        return None
    return Standing(bool(rows[0][0]), frozenset(group for _, group in rows if group is not None))


def password_of(connection: Connection, name: str) -> str | None:
    """The hash of an account's password; None when it has none, is disabled, or is not there."""
    row = _PASSWORD.first(connection, name=name)
    return None if row is None or row[1] else row[0]


def _unknown(name: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"there is no user {name[:80]!r}")
