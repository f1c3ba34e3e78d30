"""Uploads: which are open, for which repository, and who began them.

How far one is, and where its bytes are, is the storage's to know; what it must remember between two
requests and cannot look up (``size``, ``state``) is kept here.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from registry.server.database.statements import Statement
from registry.server.schema import uploads

__all__ = [
    "KnownUpload",
    "add_upload",
    "claim_idle_upload",
    "claim_upload",
    "find_upload",
    "holds_upload",
    "idle_uploads",
    "remove_uploads",
    "renew_upload",
    "store_upload",
]

_ADD = Statement(
    insert(uploads).values(
        id=bindparam("id"),
        repository=bindparam("repository"),
        algorithm=bindparam("algorithm"),
        created=bindparam("now"),
        principal=bindparam("principal"),
        size=0,
        state=bindparam("state"),
        touched=bindparam("now"),
        claimed=bindparam("claimed"),
    )
)
_COLUMNS = (
    uploads.c.id,
    uploads.c.repository,
    uploads.c.algorithm,
    uploads.c.principal,
    uploads.c.size,
    uploads.c.state,
)
_FIND = Statement(
    select(*_COLUMNS).where(uploads.c.id == bindparam("id"), uploads.c.repository == bindparam("repository"))
)
_CLAIM = Statement(
    update(uploads)
    .where(uploads.c.id == bindparam("upload"), uploads.c.claimed < bindparam("now"))
    .values(claimed=bindparam("until"))
)
_CLAIM_IDLE = Statement(
    update(uploads)
    .where(
        uploads.c.id == bindparam("upload"),
        uploads.c.claimed < bindparam("now"),
        uploads.c.touched < bindparam("before"),
    )
    .values(claimed=bindparam("until"))
)
_RENEW = Statement(
    update(uploads)
    .where(uploads.c.id == bindparam("upload"), uploads.c.claimed == bindparam("held"))
    .values(claimed=bindparam("until"))
)
_STORE = Statement(
    update(uploads)
    .where(uploads.c.id == bindparam("upload"))
    .values(size=bindparam("bytes"), state=bindparam("remembered"), touched=bindparam("now"), claimed=0)
)
_REMOVE = Statement(delete(uploads).where(uploads.c.id == bindparam("id")))
_IDLE = Statement(
    select(*_COLUMNS)
    .where(
        uploads.c.touched < bindparam("before"),
        uploads.c.claimed < bindparam("now"),
        uploads.c.id > bindparam("after"),
    )
    .order_by(uploads.c.id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """An upload that has begun; ``principal`` is the name of who began it, ``state`` the storage's own."""

    id: str
    repository: str
    algorithm: str
    principal: str
    size: int
    state: str


def add_upload(
    connection: Connection,
    upload: str,
    repository: str,
    algorithm: str,
    principal: str,
    state: str = "",
    *,
    claimed: float = 0.0,
) -> None:
    """Remember an upload; ``algorithm`` is what its digest will probably be of.

    ``claimed``: until when (seconds since the epoch) only the request that began it writes to it.
    """
    _ADD.change(
        connection,
        id=upload,
        repository=repository,
        algorithm=algorithm,
        now=time.time(),
        principal=principal,
        state=state,
        claimed=claimed,
    )


def find_upload(connection: Connection, upload: str, repository: str) -> KnownUpload | None:
    """An upload; None when this repository has no such one."""
    row = _FIND.first(connection, id=upload, repository=repository)
    return KnownUpload(*row) if row else None


def claim_upload(connection: Connection, upload: str, until: float) -> bool:
    """Let this request alone write to an upload until a time; False while another does."""
    return _CLAIM.change(connection, upload=upload, now=time.time(), until=until) > 0


def claim_idle_upload(connection: Connection, upload: str, before: float, until: float) -> bool:
    """Claim an upload that has not grown since ``before``; False when it has, or somebody writes to it."""
    return _CLAIM_IDLE.change(connection, upload=upload, now=time.time(), before=before, until=until) > 0


def renew_upload(connection: Connection, upload: str, held: float, until: float) -> bool:
    """Move the end of a claim, which is known by its end so far; False: somebody else has it, or it is gone."""
    return _RENEW.change(connection, upload=upload, held=held, until=until) > 0


def holds_upload(connection: Connection, upload: str, held: float) -> bool:
    """Whether a claim is still the one that ends at ``held``; nobody can take it until the transaction ends."""
    return renew_upload(connection, upload, held, held)


def store_upload(connection: Connection, upload: str, size: int, state: str) -> None:
    """Remember how far an upload is, and let others claim it."""
    _STORE.change(connection, upload=upload, bytes=size, remembered=state, now=time.time())


def remove_uploads(connection: Connection, ids: Collection[str]) -> None:
    """Forget uploads."""
    for upload in ids:
        _REMOVE.change(connection, id=upload)


def idle_uploads(connection: Connection, before: float, after: str, limit: int) -> list[KnownUpload]:
    """At most ``limit`` uploads that last grew before a time, by id, beginning after ``after``."""
    rows = _IDLE.all(connection, before=before, now=time.time(), after=after, limit=limit)
    return [KnownUpload(*row) for row in rows]
