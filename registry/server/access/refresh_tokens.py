"""Refresh tokens: what a client keeps instead of a password (RFC 6749, section 6), as hashes in rows.

Only a login with an account's password gets one, and it ends with that password.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from secrets import token_urlsafe

from sqlalchemy import Connection, delete, insert, select

from registry.server.schema import refresh_tokens

__all__ = ["RefreshedUser", "find_refresh_token", "issue_refresh_token", "stamp_of"]

_MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class RefreshedUser:
    """Whom a refresh token stands for, and the stamp of the password that it came of."""

    name: str
    stamp: str


def stamp_of(stored: str) -> str:
    """Says which password that is, and nothing about it; ``stored`` is its hash."""
    return hashlib.sha256(stored.encode()).hexdigest()


def issue_refresh_token(connection: Connection, user: RefreshedUser, lifetime: float) -> str:
    """Make one that lasts ``lifetime`` seconds: its text, which is kept nowhere. Those that have ended go."""
    text, now = token_urlsafe(32), time.time()
    connection.execute(delete(refresh_tokens).where(refresh_tokens.c.expires < now))
    connection.execute(
        insert(refresh_tokens).values(
            hash=_hash(text),
            principal=json.dumps([user.name, user.stamp]),
            created=now,
            expires=now + lifetime,
        )
    )
    return text


def find_refresh_token(connection: Connection, text: str) -> RefreshedUser | None:
    """Whom one stands for; None: there is none, or it has ended."""
    if len(text) > _MAX_TEXT:
        return None
    row = connection.execute(
        select(refresh_tokens.c.principal).where(
            refresh_tokens.c.hash == _hash(text), refresh_tokens.c.expires > time.time()
        )
    ).one_or_none()
    return RefreshedUser(*json.loads(row.principal)) if row is not None else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
