"""Bringing the rows of a backup into a database that has none, in one transaction."""

import time
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert  # what it writes, SQLite understands as well

from registry.errors import StorageFailed
from registry.server.access.rules import policy_changed
from registry.server.backup.rows import TABLES, Rows, batches_of
from registry.server.schema import (
    api_tokens,
    blobs,
    facts,
    quotas,
    refresh_tokens,
    repositories,
    rules,
    signing_keys,
    tag_history,
    used_assertions,
    users,
)

__all__ = ["find_staged", "load_rows", "require_empty", "stage_blob"]

_OWN: tuple[Table, ...] = (repositories, users, api_tokens, rules, quotas)
"""A registry is in use when there is anything in one of these."""

_REPLACED = {facts, signing_keys, refresh_tokens, used_assertions}
"""What a server that was just started writes without being asked to."""

_COUNTED: tuple[Table, ...] = (repositories, tag_history, rules)
"""Whose keys PostgreSQL counts on from where it believes to be."""

_ALIVE = (
    update(blobs)
    .where(blobs.c.digest == bindparam("name"), blobs.c.state == "condemned", blobs.c.size == bindparam("length"))
    .values(state="live", created=bindparam("made"), changed=bindparam("now"))
)


def require_empty(connection: Connection) -> None:
    """Go on only when nobody has used this registry yet. Raises StorageFailed."""
    used = [table.name for table in _OWN if connection.execute(select(table).limit(1)).first() is not None]
    if used or connection.execute(select(blobs.c.digest).where(blobs.c.state == "live").limit(1)).first() is not None:
        raise _in_use(", ".join(used).replace("_", " ") or "blobs")


def stage_blob(connection: Connection, digest: str, size: int, key: str) -> None:
    """Bytes have arrived that nobody has yet: if nobody ever does, collection removes them.

    Raises StorageFailed when somebody has them: they were pushed since the registry was found empty.
    """
    now, nobodys = time.time(), blobs.c.state.in_(("condemned", "deleting"))
    values = {"size": size, "created": now, "key": key, "state": "condemned", "changed": now, "checked": now}
    staged = upsert(blobs).values(digest=digest, **values)
    if not connection.execute(
        staged.on_conflict_do_update(index_elements=["digest"], set_=values, where=nobodys)
    ).rowcount:
        raise _in_use("blobs")


def _in_use(what: str) -> StorageFailed:
    return StorageFailed(
        "a backup is restored into an empty registry only",
        cause=f"this one has {what}",
        hint="name another --data or --database",
    )


def find_staged(connection: Connection, digest: str, size: int) -> str | None:
    """Where the bytes are that an earlier attempt has brought here; None: it has not."""
    query = select(blobs.c.key).where(blobs.c.digest == digest, blobs.c.state == "condemned", blobs.c.size == size)
    key: str | None = connection.execute(query).scalar_one_or_none()
    return key


def load_rows(connection: Connection, rows: Rows) -> None:
    """Take all rows of a backup over, whose bytes were staged. Raises StorageFailed."""
    require_empty(connection)
    for table in _REPLACED:
        connection.execute(delete(table))
    with rows.reading() as source:
        for table in TABLES:
            for batch in batches_of(source, table):
                if table is blobs:
                    _load_blobs(connection, batch)
                else:
                    connection.execute(insert(table), [dict(row._mapping) for row in batch])  # noqa: SLF001  public
    if connection.dialect.name == "postgresql":
        for table in _COUNTED:
            _count_on(connection, table)
    # Whoever has kept rules in memory has to look again.
    policy_changed(connection)


def _load_blobs(connection: Connection, batch: list[Row[Any]]) -> None:
    now = time.time()
    live = [row for row in batch if row.state == "live"]
    found = 0
    for row in live:
        values = {"name": row.digest, "length": row.size, "made": row.created, "now": now}
        found += connection.execute(_ALIVE, values).rowcount
    if found != len(live):
        raise StorageFailed("bytes of the backup went while it was restored", hint="run it again")
    for row in batch:
        if row.state != "live":
            damaged = {"size": row.size, "created": row.created, "key": "", "state": "quarantined", "changed": now}
            connection.execute(
                upsert(blobs)
                .values(digest=row.digest, checked=now, **damaged)
                .on_conflict_do_update(index_elements=["digest"], set_=damaged)
            )


def _count_on(connection: Connection, table: Table) -> None:
    highest = connection.execute(select(func.max(table.c.id))).scalar_one()
    if highest is not None:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"),
            {"name": table.name, "highest": highest},
        )
