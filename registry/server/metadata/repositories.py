"""Repositories: their names, and how much each holds."""

import time

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert  # what it writes, SQLite understands as well

from registry.server.database.statements import Statement
from registry.server.schema import repositories

__all__ = ["claim_repository", "count_bytes", "create_repository", "repository_names"]

_CLAIM = Statement(select(repositories.c.id).where(repositories.c.name == bindparam("name")).with_for_update())
_CREATE = Statement(
    insert(repositories).values(name=bindparam("name"), created=bindparam("now"), bytes=0).on_conflict_do_nothing()
)
_COUNT = Statement(
    update(repositories)
    .where(repositories.c.id == bindparam("repository"))
    .values(bytes=repositories.c.bytes + bindparam("more"))
)
_NAMES = Statement(
    select(repositories.c.name)
    .where(repositories.c.name > bindparam("after"))
    .order_by(repositories.c.name)
    .limit(bindparam("limit"))
)


def claim_repository(connection: Connection, name: str) -> int | None:
    """The key of a repository that nobody else changes until the transaction ends; None: there is none."""
    row = _CLAIM.first(connection, name=name)
    return row[0] if row else None


def create_repository(connection: Connection, name: str) -> int:
    """As ``claim_repository``, but it is created at need."""
    found = claim_repository(connection, name)
    if found is None:
        _CREATE.change(connection, name=name, now=time.time())
        found = claim_repository(connection, name)
        assert found is not None
    return found


def count_bytes(connection: Connection, repository: int, more: int) -> None:
    """A repository has ``more`` bytes than before; fewer, when that is negative."""
    _COUNT.change(connection, repository=repository, more=more)


def repository_names(connection: Connection, after: str, limit: int) -> list[str]:
    """At most ``limit`` names that sort, by bytes, after ``after``."""
    return [name for (name,) in _NAMES.all(connection, after=after, limit=limit)]
