"""What collection asks and changes: one row at a time, found by the time when to ask about it.

No graph is walked. Whatever leads to a row is found by an index, and whoever takes such a lead away
sets the time of the rows that it led to.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    exists,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from registry.server.database.statements import Statement
from registry.server.schema import blobs, edges, manifests, repositories, repository_blobs, tags

__all__ = [
    "Candidate",
    "Going",
    "Question",
    "candidates",
    "claim_by_id",
    "due_question",
    "forget_blob",
    "going_blobs",
    "link_is_needed",
    "mark_deleting",
    "rearm_manifests",
    "settle_link",
    "settle_manifest",
]

_CLAIM = Statement(select(repositories.c.name).where(repositories.c.id == bindparam("id")).with_for_update())
_subject = manifests.alias()
_QUESTION = Statement(
    select(
        manifests.c.due,
        manifests.c.size,
        manifests.c.pinned,
        manifests.c.lease,
        manifests.c.since,
        or_(
            exists(literal(1)).where(
                tags.c.repository_id == manifests.c.repository_id, tags.c.digest == manifests.c.digest
            ),
            exists(literal(1)).where(
                edges.c.repository_id == manifests.c.repository_id, edges.c.child == manifests.c.digest
            ),
            exists(literal(1)).where(
                _subject.c.repository_id == manifests.c.repository_id, _subject.c.digest == manifests.c.subject
            ),
        ),
    ).where(manifests.c.repository_id == bindparam("here"), manifests.c.digest == bindparam("name"))
)
_SETTLE = Statement(
    update(manifests)
    .where(manifests.c.repository_id == bindparam("here"), manifests.c.digest == bindparam("name"))
    .values(due=bindparam("later"), lease=bindparam("until"), since=bindparam("found"))
)
_LINK = Statement(
    select(repository_blobs.c.due, blobs.c.size)
    .join(blobs, blobs.c.digest == repository_blobs.c.digest)
    .where(repository_blobs.c.repository_id == bindparam("here"), repository_blobs.c.digest == bindparam("name"))
)
_NEEDED = Statement(
    select(literal(1)).where(edges.c.repository_id == bindparam("here"), edges.c.child == bindparam("name")).limit(1)
)
_SETTLE_LINK = Statement(
    update(repository_blobs)
    .where(repository_blobs.c.repository_id == bindparam("here"), repository_blobs.c.digest == bindparam("name"))
    .values(due=None)
)
_DELETING = Statement(
    update(blobs)
    .where(
        blobs.c.digest == bindparam("name"),
        blobs.c.key == bindparam("place"),
        or_(blobs.c.state == "deleting", (blobs.c.state == "condemned") & (blobs.c.changed <= bindparam("before"))),
        ~exists(literal(1)).where(repository_blobs.c.digest == blobs.c.digest),
    )
    .values(state="deleting", changed=bindparam("now"))
)
_FORGET = Statement(
    delete(blobs).where(
        blobs.c.digest == bindparam("name"), blobs.c.key == bindparam("place"), blobs.c.state == "deleting"
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row to ask about: a manifest, or a blob that a repository has. ``due`` orders them."""

    due: float
    repository: int
    digest: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of a manifest when it is asked about; ``led_to``: something leads to it.

    ``since`` is when it was first found that nothing does.
    """

    size: int
    pinned: bool
    lease: float | None
    since: float | None
    led_to: bool


@dataclass(frozen=True, slots=True)
class Going:
    """A blob that no repository has: its bytes go after ``changed`` and a grace."""

    changed: float
    digest: str
    key: str
    size: int


def candidates(
    connection: Connection, kind: Literal["manifests", "links"], now: float, after: Candidate, limit: int
) -> list[Candidate]:
    """At most ``limit`` rows whose time has come, beginning after ``after``."""
    table: Table = manifests if kind == "manifests" else repository_blobs
    order: list[Column[Any]] = [table.c.due, table.c.repository_id, table.c.digest]
    query = (
        select(*order)
        .where(table.c.due <= now, _beyond(order, (after.due, after.repository, after.digest)))
        .order_by(*order)
        .limit(limit)
    )
    return [Candidate(*row) for row in connection.execute(query)]


def _beyond(columns: list[Column[Any]], values: tuple[float | int | str, ...]) -> ColumnElement[bool]:
    return tuple_(*columns) > tuple_(*map(literal, values))


def claim_by_id(connection: Connection, repository: int) -> str | None:
    """The name of a repository that nobody else changes until the transaction ends."""
    row = _CLAIM.first(connection, id=repository)
    return row[0] if row else None


def due_question(connection: Connection, candidate: Candidate, now: float) -> Question | None:
    """What there is to know about a manifest; None when nobody has to ask any more."""
    row = _QUESTION.first(connection, here=candidate.repository, name=candidate.digest)
    if row is None or row[0] is None or row[0] > now:
        return None
    return Question(row[1], bool(row[2]), row[3], row[4], bool(row[5]))


def settle_manifest(
    connection: Connection, candidate: Candidate, due: float | None, lease: float | None, since: float | None
) -> None:
    """A manifest stays; ``due`` is when to ask again."""
    _SETTLE.change(
        connection,
        here=candidate.repository,
        name=candidate.digest,
        later=due,
        until=lease,
        found=since,
    )


def rearm_manifests(connection: Connection, pinned: bool, after: float) -> None:
    """Ask again about all manifests to which nothing leads, ``after`` seconds after that was found.

    For a registry whose settings kept them for ever until now.
    """
    connection.execute(
        update(manifests)
        .where(manifests.c.due.is_(None), manifests.c.since.is_not(None), manifests.c.pinned == pinned)
        .values(due=manifests.c.since + after)
    )


def link_is_needed(connection: Connection, candidate: Candidate, now: float) -> tuple[int, bool] | None:
    """The size of a blob, and whether a manifest of the repository needs it; None when nobody has to ask any more."""
    row = _LINK.first(connection, here=candidate.repository, name=candidate.digest)
    if row is None or row[0] is None or row[0] > now:
        return None
    needed = _NEEDED.first(connection, here=candidate.repository, name=candidate.digest) is not None
    return int(row[1]), needed


def settle_link(connection: Connection, candidate: Candidate) -> None:
    """A manifest needs the blob: nobody has to ask."""
    _SETTLE_LINK.change(connection, here=candidate.repository, name=candidate.digest)


def going_blobs(
    connection: Connection, state: Literal["condemned", "deleting"], before: float, after: Going | None, limit: int
) -> list[Going]:
    """At most ``limit`` blobs in a state since a time or longer, beginning after ``after``."""
    order: list[Column[Any]] = [blobs.c.changed, blobs.c.digest]
    query = (
        select(*order, blobs.c.key, blobs.c.size)
        .where(blobs.c.state == state, blobs.c.changed <= before)
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(_beyond(order, (after.changed, after.digest)))
    return [Going(row.changed, row.digest, row.key, row.size) for row in connection.execute(query)]


def mark_deleting(connection: Connection, going: Going, before: float, now: float) -> bool:
    """Say that the bytes of a blob go now; False when somebody has it again."""
    return _DELETING.change(connection, name=going.digest, place=going.key, before=before, now=now) > 0


def forget_blob(connection: Connection, going: Going) -> bool:
    """Its bytes are gone. False when it was pushed meanwhile, to another place."""
    return _FORGET.change(connection, name=going.digest, place=going.key) > 0
