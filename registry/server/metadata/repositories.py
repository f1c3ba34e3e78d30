"""Repositories: their names."""

import time

from sqlalchemy import Connection, insert, select

from registry.server.schema import repositories

__all__ = ["ensure_repository", "repository_id", "repository_names"]


def repository_id(connection: Connection, name: str) -> int | None:
    """The key of a repository, None when there is none."""
    return connection.execute(select(repositories.c.id).where(repositories.c.name == name)).scalar_one_or_none()


def ensure_repository(connection: Connection, name: str) -> int:
    """The key of a repository, which is created at need. Only for writing transactions."""
    found = repository_id(connection, name)
    if found is not None:
        return found
    connection.execute(insert(repositories).values(name=name, created=time.time()))
    key: int = connection.execute(select(repositories.c.id).where(repositories.c.name == name)).scalar_one()
    return key


def repository_names(connection: Connection, after: str, limit: int) -> list[str]:
    """At most ``limit`` names that sort, by bytes, after ``after``."""
    query = select(repositories.c.name).where(repositories.c.name > after).order_by(repositories.c.name).limit(limit)
    return list(connection.execute(query).scalars())
