"""What was read back, and found to be right or damaged."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, literal, select, tuple_, update

from registry.server.database.statements import Statement
from registry.server.metadata.collecting import claim_by_id
from registry.server.metadata.repositories import count_bytes
from registry.server.schema import blobs, manifests

__all__ = [
    "Checked",
    "KeptManifest",
    "kept_manifests",
    "quarantine_blob",
    "quarantine_manifest",
    "still_there",
    "unchecked_blobs",
    "was_checked",
]

_CHECKED = Statement(
    update(blobs)
    .where(blobs.c.digest == bindparam("name"), blobs.c.key == bindparam("place"), blobs.c.state == "live")
    .values(checked=bindparam("now"))
)
_QUARANTINE = Statement(
    update(blobs)
    .where(blobs.c.digest == bindparam("name"), blobs.c.key == bindparam("place"), blobs.c.state == "live")
    .values(state="quarantined", changed=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A blob, and when (seconds since the epoch) it was last read back."""

    checked: float
    digest: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class KeptManifest:
    """A manifest as it is in its row."""

    repository: int
    digest: str
    content: bytes


def unchecked_blobs(connection: Connection, before: float, after: Checked | None, limit: int) -> list[Checked]:
    """At most ``limit`` blobs that were last checked before a time, the longest ago first."""
    order: list[Column[Any]] = [blobs.c.checked, blobs.c.digest]
    query = (
        select(*order, blobs.c.key, blobs.c.size)
        .where(blobs.c.state == "live", blobs.c.checked <= before)
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(literal(after.checked), literal(after.digest)))
    return [Checked(row.checked, row.digest, row.key, row.size) for row in connection.execute(query)]


def was_checked(connection: Connection, blob: Checked, now: float) -> None:
    """The bytes of a blob are right."""
    _CHECKED.change(connection, name=blob.digest, place=blob.key, now=now)


def still_there(connection: Connection, blob: Checked) -> bool:
    """Whether the row still says that the bytes are at the same place."""
    query = select(blobs.c.size).where(blobs.c.digest == blob.digest, blobs.c.key == blob.key, blobs.c.state == "live")
    return connection.execute(query).first() is not None


def quarantine_blob(connection: Connection, blob: Checked, now: float) -> bool:
    """The bytes of a blob are damaged: nobody has it until it is pushed again. False when its row has changed."""
    return _QUARANTINE.change(connection, name=blob.digest, place=blob.key, now=now) > 0


def kept_manifests(connection: Connection, after: tuple[int, str], limit: int) -> list[KeptManifest]:
    """At most ``limit`` manifests, by repository and digest, beginning after ``after``."""
    order: list[Column[Any]] = [manifests.c.repository_id, manifests.c.digest]
    query = (
        select(*order, manifests.c.content)
        .where(tuple_(*order) > tuple_(*map(literal, after)))
        .order_by(*order)
        .limit(limit)
    )
    return [KeptManifest(row.repository_id, row.digest, row.content) for row in connection.execute(query)]


def quarantine_manifest(connection: Connection, kept: KeptManifest) -> str | None:
    """The bytes of a manifest are damaged: it is gone until it is pushed again; the name of its repository.

    Its tags stay, and what it needs. None when its row has changed.
    """
    name = claim_by_id(connection, kept.repository)
    gone = connection.execute(
        delete(manifests)
        .where(
            manifests.c.repository_id == kept.repository,
            manifests.c.digest == kept.digest,
            manifests.c.content == kept.content,
        )
        .returning(manifests.c.size)
    ).scalar_one_or_none()
    if name is None or gone is None:
        return None
    count_bytes(connection, kept.repository, -gone)
    return name
