"""API tokens: passwords that a program has in its user's stead, perhaps for less, perhaps for a time.

A token is ``wbt_ID_SECRET``; the secret has 256 bits, so that one round of SHA-256 is enough to keep it
by. It is shown once, to whoever asks for it.
"""

import hashlib
import re
import time
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_hex, token_urlsafe

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import standing_of
from registry.server.access.principals import Grant, Principal
from registry.server.access.rules import grants_from_json, grants_to_json
from registry.server.database.statements import Statement
from registry.server.schema import api_tokens, users

__all__ = [
    "PREFIX",
    "ApiToken",
    "FoundToken",
    "find_token",
    "issue_token",
    "list_tokens",
    "revoke_token",
    "token_grants",
    "token_used",
]

PREFIX = "wbt_"
_TOKEN = re.compile(r"wbt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_COARSE = 3600.0
_FIND = Statement(
    select(api_tokens.c.hash, api_tokens.c.user, api_tokens.c.expires, api_tokens.c.used)
    .join(users, users.c.name == api_tokens.c.user)
    .where(api_tokens.c.id == bindparam("id"), users.c.disabled.is_(False))
)
_STANDS = Statement(select(api_tokens.c.expires, api_tokens.c.grants).where(api_tokens.c.id == bindparam("id")))


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as an operator sees it: nothing of its secret. Times are seconds since the epoch.

    ``used`` is when it was last used, give or take an hour.
    """

    id: str
    user: str
    note: str
    grants: tuple[Grant, ...] | None
    created: float
    expires: float | None
    used: float | None


@dataclass(frozen=True, slots=True)
class FoundToken:
    """Whom a token stands for; ``stale``: when it was last used should be written down."""

    principal: Principal
    stale: bool


def issue_token(
    connection: Connection,
    user: str,
    *,
    note: str = "",
    grants: tuple[Grant, ...] | None = None,
    lifetime: float | None,
) -> str:
    """Make a token: its text, which is kept nowhere. ``lifetime`` in seconds; None: until it is revoked.

    Raises InvalidConfiguration when there is no such user.
    """
    if standing_of(connection, user) is None:
        raise InvalidConfiguration(f"there is no user {user[:80]!r}")
    key, secret, now = token_hex(8), token_urlsafe(32), time.time()
    connection.execute(
        insert(api_tokens).values(
            id=key,
            hash=_hash(secret),
            user=user,
            note=note[:200],
            grants=grants_to_json(grants),
            created=now,
            expires=None if lifetime is None else now + lifetime,
        )
    )
    return f"{PREFIX}{key}_{secret}"


def list_tokens(connection: Connection, user: str | None = None) -> list[ApiToken]:
    """The tokens of a user, or of all, the oldest first."""
    query = select(api_tokens).order_by(api_tokens.c.created)
    if user is not None:
        query = query.where(api_tokens.c.user == user)
    return [
        ApiToken(row.id, row.user, row.note, grants_from_json(row.grants), row.created, row.expires, row.used)
        for row in connection.execute(query)
    ]


def revoke_token(connection: Connection, key: str) -> bool:
    """End a token, by its id. False: there was none."""
    return connection.execute(delete(api_tokens).where(api_tokens.c.id == key)).rowcount > 0


def find_token(connection: Connection, text: str) -> FoundToken | None:
    """Whom a token stands for; None: it is none of ours, or has ended, or its user is disabled."""
    match = _TOKEN.fullmatch(text)
    row = _FIND.first(connection, id=match[1]) if match else None
    if row is None or match is None:
        return None
    stored, user, expires, used = row
    now = time.time()
    if not compare_digest(stored, _hash(match[2])) or (expires is not None and expires <= now):
        return None
    principal = Principal("user", user, credential=match[1])
    return FoundToken(principal, used is None or used < now - _COARSE)


def token_grants(connection: Connection, key: str) -> tuple[Grant, ...] | None:
    """What a token is narrowed to; None: to nothing less than its user. One that has ended gives nothing."""
    row = _STANDS.first(connection, id=key)
    if row is None or (row[0] is not None and row[0] <= time.time()):
        return ()
    return grants_from_json(row[1])


def token_used(connection: Connection, key: str) -> None:
    """Write down that it was used now."""
    connection.execute(update(api_tokens).where(api_tokens.c.id == key).values(used=time.time()))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
