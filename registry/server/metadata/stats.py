"""What a registry holds, in numbers. Counted each time: for a person who asks, not for every request."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from registry.server.schema import blobs, manifests, repositories, repository_blobs, tags, uploads

__all__ = ["Stats", "find_stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of things, and bytes.

    ``stored`` are the bytes of all blobs that are there, ``shared`` those that would be there in
    addition if each repository had its own. ``leased`` manifests are kept for a time, as what a
    release stages. ``condemned`` blobs are about to go, ``quarantined``
    ones are damaged.
    """

    repositories: int
    manifests: int
    tags: int
    blobs: int
    stored: int
    shared: int
    uploads: int
    condemned: int
    quarantined: int
    leased: int = 0


def find_stats(connection: Connection) -> Stats:
    """Count everything."""
    states = {
        state: (int(count), int(size))
        for state, count, size in connection.execute(
            select(blobs.c.state, func.count(), func.coalesce(func.sum(blobs.c.size), 0)).group_by(blobs.c.state)
        )
    }
    linked = connection.execute(
        select(func.coalesce(func.sum(blobs.c.size), 0)).join_from(
            repository_blobs, blobs, blobs.c.digest == repository_blobs.c.digest
        )
    ).scalar_one()
    once = connection.execute(
        select(func.coalesce(func.sum(blobs.c.size), 0)).where(
            select(1).where(repository_blobs.c.digest == blobs.c.digest).exists()
        )
    ).scalar_one()
    return Stats(
        repositories=_count(connection, repositories.c.id),
        manifests=_count(connection, manifests.c.digest),
        tags=_count(connection, tags.c.name),
        blobs=sum(count for count, _ in states.values()),
        stored=sum(size for _, size in states.values()),
        shared=int(linked) - int(once),
        uploads=_count(connection, uploads.c.id),
        condemned=sum(states.get(state, (0, 0))[0] for state in ("condemned", "deleting")),
        quarantined=states.get("quarantined", (0, 0))[0],
        leased=_leased(connection),
    )


def _leased(connection: Connection) -> int:
    running = select(func.count()).select_from(manifests).where(manifests.c.lease > time.time())
    return int(connection.execute(running).scalar_one())


def _count(connection: Connection, column: object) -> int:
    return int(connection.execute(select(func.count(column))).scalar_one())  # type: ignore[arg-type]
