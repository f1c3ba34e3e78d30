"""Blobs: which repository has which, how large they are, and where their bytes are.

A blob that no manifest of the repository needs has a ``due``: when somebody asks again. Everyone who
was told that it is there must find it there for a while, so to be told moves that time.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # what it writes, SQLite understands as well

from registry.digest import Digest
from registry.reference import valid_repository
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.changes import Change, tell
from registry.server.database.statements import Statement
from registry.server.metadata.quotas import require_room
from registry.server.metadata.repositories import claim_repository, count_bytes, create_repository
from registry.server.schema import blobs, edges, repositories, repository_blobs

__all__ = [
    "MOST_SOURCES",
    "StoredBlob",
    "blob_key",
    "drop_link",
    "find_blob",
    "find_readable",
    "link_blob",
    "mount_blob",
    "needed_blobs",
    "postpone_blobs",
    "release_blobs",
    "unlink_blob",
]

MOST_SOURCES = 1000
"""Repositories that are looked at for one from which a blob may be mounted, when none is named."""

_LINK = repository_blobs.c
_HERE = (
    select(blobs.c.size, blobs.c.key, _LINK.due)
    .join(repository_blobs, _LINK.digest == blobs.c.digest)
    .join(repositories, repositories.c.id == _LINK.repository_id)
    .where(blobs.c.digest == bindparam("digest"), blobs.c.state == "live")
)
_FIND = Statement(_HERE.where(repositories.c.name == bindparam("repository")))
_ANYWHERE = Statement(
    select(repositories.c.name, blobs.c.size, blobs.c.key, _LINK.due)
    .join(repository_blobs, _LINK.digest == blobs.c.digest)
    .join(repositories, repositories.c.id == _LINK.repository_id)
    .where(blobs.c.digest == bindparam("digest"), blobs.c.state == "live")
    .order_by(repositories.c.name)
    .limit(MOST_SOURCES)
)
_STATE = Statement(
    select(blobs.c.state, blobs.c.key, blobs.c.size).where(blobs.c.digest == bindparam("digest")).with_for_update()
)
_KEY = Statement(select(blobs.c.key).where(blobs.c.digest == bindparam("digest"), blobs.c.state == "live"))
_ADD = Statement(
    insert(blobs)
    .values(
        digest=bindparam("digest"),
        size=bindparam("size"),
        created=bindparam("now"),
        key=bindparam("key"),
        state="live",
        changed=bindparam("now"),
        checked=bindparam("now"),
    )
    .on_conflict_do_nothing()
)
_KEEP = Statement(
    update(blobs).where(blobs.c.digest == bindparam("blob")).values(state="live", changed=bindparam("now"))
)
_REVIVE = Statement(
    update(blobs)
    .where(blobs.c.digest == bindparam("blob"))
    .values(
        size=bindparam("bytes"),
        key=bindparam("place"),
        state="live",
        changed=bindparam("now"),
        checked=bindparam("now"),
    )
)
_CONNECT = Statement(
    insert(repository_blobs)
    .values(
        repository_id=bindparam("repository"),
        digest=bindparam("digest"),
        created=bindparam("now"),
        due=bindparam("due"),
    )
    .on_conflict_do_nothing()
)
_POSTPONE = Statement(
    update(repository_blobs)
    .where(_LINK.repository_id == bindparam("here"), _LINK.digest == bindparam("blob"), _LINK.due < bindparam("later"))
    .values(due=bindparam("later"))
)
_UNLINK = Statement(
    delete(repository_blobs).where(_LINK.repository_id == bindparam("here"), _LINK.digest == bindparam("blob"))
)
_CONDEMN = Statement(
    update(blobs)
    .where(
        blobs.c.digest == bindparam("blob"),
        or_(blobs.c.state == "live", blobs.c.state == "quarantined"),
        ~exists(literal(1)).where(_LINK.digest == blobs.c.digest),
    )
    .values(state="condemned", changed=bindparam("now"))
)
_KEPT = Statement(
    update(repository_blobs)
    .where(_LINK.repository_id == bindparam("here"), _LINK.digest == bindparam("blob"))
    .values(due=None)
)


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that a repository has: its size in bytes, and where the storage has it.

    ``due`` is when it may be collected, unless somebody needs it by then; None: somebody does.
    """

    size: int
    key: str
    due: float | None


def find_blob(connection: Connection, repository: str, digest: Digest) -> StoredBlob | None:
    """A blob; None when the repository does not have it."""
    row = _FIND.first(connection, repository=repository, digest=str(digest))
    return StoredBlob(*row) if row else None


def blob_key(connection: Connection, digest: Digest) -> str | None:
    """Where the bytes of a blob are that some repository has; None: none does."""
    row = _KEY.first(connection, digest=str(digest))
    return row[0] if row else None


def link_blob(
    connection: Connection,
    repository: str,
    digest: Digest,
    size: int,
    key: str = "",
    *,
    due: float = 0.0,
    lost: str | None = None,
) -> bool:
    """Let a repository have a blob, whose bytes are safe at ``key``, and keep it until ``due``.

    False: the same bytes were already safe somewhere else, which stays; those at ``key`` are surplus.
    ``lost`` is a key at which there is nothing any more.
    """
    name = str(digest)
    here = create_repository(connection, repository)
    used = _add(connection, name, size, key, lost)
    _connect(connection, (here, repository), name, size, due)
    tell(Change("blob-push", repository, name, size=size))
    return used


def _add(connection: Connection, name: str, size: int, key: str, lost: str | None) -> bool:
    """Have a row of the blob, live and locked; whether it says that the bytes are at ``key``."""
    now = time.time()
    while not _ADD.change(connection, digest=name, size=size, now=now, key=key):
        row = _STATE.first(connection, digest=name)
        if row is None:
            continue  # somebody was about to delete it, and has
        state, place, _ = row
        if state == "live" and place != lost:
            return bool(place == key)
        if state == "condemned" and place not in (key, lost):
            # Its bytes are still there, and stay.
            _KEEP.change(connection, blob=name, now=now)
            return False
        _REVIVE.change(connection, blob=name, bytes=size, place=key, now=now)
        return True
    return True


def _connect(connection: Connection, repository: tuple[int, str], name: str, size: int, due: float) -> None:
    here, path = repository
    if _CONNECT.change(connection, repository=here, digest=name, now=time.time(), due=due):
        count_bytes(connection, here, size)
        require_room(connection, path)
    else:
        _POSTPONE.change(connection, here=here, blob=name, later=due)


def mount_blob(
    connection: Connection, permit: Permit, repository: str, digest: Digest, source: str | None, *, due: float = 0.0
) -> bool:
    """Let a repository have a blob that ``source``, or when it is None any repository, has.

    False when there is none that the principal may pull from. distribution-spec, "Mounting a blob
    from another repository".
    """
    found = find_readable(connection, permit, digest, source)
    if found is None:
        return False
    here = create_repository(connection, repository)
    row = _STATE.first(connection, digest=str(digest))
    if row is None or row[0] != "live":
        return False
    _connect(connection, (here, repository), str(digest), found.size, due)
    tell(Change("blob-mount", repository, str(digest), size=found.size, principal=permit.principal))
    return True


def find_readable(connection: Connection, permit: Permit, digest: Digest, source: str | None) -> StoredBlob | None:
    """A blob that ``source``, or when it is None one of the first ``MOST_SOURCES`` that have it, lets be pulled.

    None when there is none; where the principal may not pull from ``source``, nothing was looked for.
    """
    if source is not None:
        # No repository has another kind of name, and PostgreSQL takes no NUL.
        known = valid_repository(source) and permit.may(connection, source, Action.PULL)
        return find_blob(connection, source, digest) if known else None
    rows = _ANYWHERE.all(connection, digest=str(digest))
    return next((StoredBlob(*blob) for name, *blob in rows if permit.may(connection, name, Action.PULL)), None)


def postpone_blobs(connection: Connection, repository: str, digests: Iterable[Digest], due: float) -> None:
    """Keep blobs that nobody needs yet until ``due``: somebody is told that they are there."""
    here = claim_repository(connection, repository)
    if here is not None:
        for digest in digests:
            _POSTPONE.change(connection, here=here, blob=str(digest), later=due)


def unlink_blob(connection: Connection, repository: str, digest: Digest) -> bool:
    """Take a blob from a repository; the bytes stay until they are collected. False: it had none."""
    here = claim_repository(connection, repository)
    if here is None or not drop_link(connection, here, str(digest), time.time()):
        return False
    tell(Change("blob-delete", repository, str(digest)))
    return True


def drop_link(connection: Connection, here: int, digest: str, now: float) -> bool:
    """Take a blob from a repository, by key; when no other has it, its bytes are condemned. False: it had none."""
    row = _STATE.first(connection, digest=digest)  # the last two who have it must not miss one another
    if row is None or not _UNLINK.change(connection, here=here, blob=digest):
        return False
    count_bytes(connection, here, -row[2])
    _CONDEMN.change(connection, blob=digest, now=now)
    return True


def needed_blobs(connection: Connection, here: int, digests: Iterable[str]) -> None:
    """A manifest needs these now: nobody has to ask about them."""
    for digest in digests:
        _KEPT.change(connection, here=here, blob=digest)


def release_blobs(connection: Connection, here: int, parent: str, due: float) -> None:
    """A manifest goes, whose edges are still there: ask at ``due`` about each blob that it needed."""
    children = select(edges.c.child).where(edges.c.repository_id == here, edges.c.parent == parent)
    others = exists(literal(1)).where(
        edges.c.repository_id == here, edges.c.child == _LINK.digest, edges.c.parent != parent
    )
    connection.execute(
        update(repository_blobs).where(_LINK.repository_id == here, _LINK.digest.in_(children), ~others).values(due=due)
    )
