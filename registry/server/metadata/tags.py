"""Tags: names that move."""

import time

from sqlalchemy import Connection, delete, insert, select, update

from registry.digest import Digest
from registry.server.metadata.repositories import repository_id
from registry.server.schema import tags

__all__ = ["remove_tag", "set_tag", "tag_names"]


def set_tag(connection: Connection, repository: int, name: str, digest: Digest) -> None:
    """Let a tag mean a manifest that the repository has."""
    values = {"digest": str(digest), "moved": time.time()}
    here = (tags.c.repository_id == repository, tags.c.name == name)
    if connection.execute(update(tags).where(*here).values(values)).rowcount == 0:
        connection.execute(insert(tags).values(repository_id=repository, name=name, **values))


def remove_tag(connection: Connection, repository: str, name: str) -> bool:
    """Delete a tag and not what it means. False: there was none."""
    key = repository_id(connection, repository)
    gone = connection.execute(delete(tags).where(tags.c.repository_id == key, tags.c.name == name))
    return gone.rowcount > 0


def tag_names(connection: Connection, repository: str, after: str, limit: int) -> list[str] | None:
    """At most ``limit`` tags that sort, by bytes, after ``after``; None: there is no such repository."""
    key = repository_id(connection, repository)
    if key is None:
        return None
    query = select(tags.c.name).where(tags.c.repository_id == key, tags.c.name > after).order_by(tags.c.name)
    return list(connection.execute(query.limit(limit)).scalars())
