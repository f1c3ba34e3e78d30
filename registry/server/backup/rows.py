"""All rows of a registry in one file: a database of SQLite with the registry's own schema.

What is on its way only is left out: unfinished uploads, holds, and what waits to be told to webhooks.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    Row,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
    update,
)

from registry.digest import Digest
from registry.files import storage_errors
from registry.server.schema import REVISION, blobs, deliveries, holds, manifests, metadata, repositories, tags, uploads
from registry.server.upgrade import upgrade_schema

__all__ = ["TABLES", "Counts", "KnownBlob", "Rows", "batches_of", "create_rows", "open_rows"]

TABLES: tuple[Table, ...] = tuple(
    table for table in metadata.sorted_tables if table not in (uploads, holds, deliveries)
)
"""What is in a backup, each table after those that it refers to."""

_AT_ONCE = 500
_MANIFESTS_AT_ONCE = 16
"""Each may have 4 MiB."""


@dataclass(frozen=True, slots=True)
class KnownBlob:
    """Bytes that the rows name; ``key`` is where the storage had them that the backup was made of."""

    digest: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is; ``bytes`` are those of distinct blobs."""

    repositories: int
    manifests: int
    tags: int
    blobs: int
    bytes: int


class Rows:
    """One open file of rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to look things up."""
        with self._engine.connect() as connection:
            yield connection

    def fill(self, source: Connection) -> list[str]:
        """Take all rows that a connection sees: manifests that are not what they are called, which are left out.

        Blobs that are about to go are left out, too: nothing refers to them.
        """
        damaged: list[str] = []
        with self._engine.begin() as target:
            for table in TABLES:
                for batch in batches_of(source, table):
                    rows = batch
                    if table is manifests:
                        rows = [row for row in batch if _is_right(row)]
                        damaged += [_left_out(target, row) for row in batch if not _is_right(row)]
                    elif table is blobs:
                        rows = [row for row in batch if row.state in ("live", "quarantined")]
                    if rows:
                        target.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001  public
        return damaged

    def damaged_manifests(self) -> list[str]:
        """The digests of manifests that are not what they are called."""
        with self.reading() as connection:
            return [row.digest for batch in batches_of(connection, manifests) for row in batch if not _is_right(row)]

    def blobs_after(self, digest: str, limit: int) -> list[KnownBlob]:
        """At most ``limit`` blobs whose bytes belong to the backup, sorted by digest, beginning after one."""
        query = (
            select(blobs.c.digest, blobs.c.size, blobs.c.key)
            .where(blobs.c.state == "live", blobs.c.digest > digest)
            .order_by(blobs.c.digest)
            .limit(limit)
        )
        with self.reading() as connection:
            return [KnownBlob(*row) for row in connection.execute(query)]

    def digests(self) -> Iterator[Digest]:
        """The digests of all blobs whose bytes belong to the backup, sorted."""
        after = ""
        while page := self.blobs_after(after, _AT_ONCE):
            yield from (Digest.parse(blob.digest) for blob in page)
            after = page[-1].digest

    def mark_damaged(self, digests: list[str]) -> None:
        """Say that the bytes of blobs are not there: who restores it may push them again."""
        with self._engine.begin() as connection:
            for digest in digests:
                gone = update(blobs).where(blobs.c.digest == digest).values(state="quarantined", changed=time.time())
                connection.execute(gone)

    def counts(self) -> Counts:
        """How much there is."""
        with self.reading() as connection:

            def number(query: Any) -> int:  # noqa: ANN401  any select of one number
                return int(connection.execute(query).scalar_one())

            live = blobs.c.state == "live"
            return Counts(
                number(select(func.count()).select_from(repositories)),
                number(select(func.count()).select_from(manifests)),
                number(select(func.count()).select_from(tags)),
                number(select(func.count()).select_from(blobs).where(live)),
                number(select(func.coalesce(func.sum(blobs.c.size), 0)).where(live)),
            )


@contextmanager
def create_rows(path: Path) -> Iterator[Rows]:
    """Make an empty file one of rows. What is written to it is not yet safe on the disk."""
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
        yield Rows(engine)
    finally:
        engine.dispose()


@contextmanager
def open_rows(path: Path, *, scratch: Path, revision: str) -> Iterator[Rows]:
    """A file of rows of some revision, which stays as it is: one of an older schema is copied to ``scratch``.

    Raises StorageFailed when it is of a newer version.
    """
    copy = scratch / path.name if revision != REVISION else None
    if copy is not None:
        with storage_errors(f"{copy} could not be written"):
            shutil.copyfile(path, copy)
    engine = _engine(copy or path)
    try:
        if copy is not None:
            upgrade_schema(engine)
        yield Rows(engine)
    finally:
        engine.dispose()
        if copy is not None:
            copy.unlink(missing_ok=True)


def batches_of(connection: Connection, table: Table) -> Iterator[list[Row[Any]]]:
    """All rows of a table, some at a time."""
    many = _MANIFESTS_AT_ONCE if table is manifests else _AT_ONCE
    result = connection.execution_options(yield_per=many).execute(select(table))
    for batch in result.partitions():
        yield list(batch)


def _engine(path: Path) -> Engine:
    return create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)


def _is_right(row: Row[Any]) -> bool:
    expected = Digest.parse(row.digest)
    return Digest.of(row.content, expected.algorithm) == expected and len(row.content) == row.size


def _left_out(target: Connection, row: Row[Any]) -> str:
    """A manifest is not in the backup, so that its repository has fewer bytes: its digest."""
    less = repositories.c.bytes - row.size
    target.execute(update(repositories).where(repositories.c.id == row.repository_id).values(bytes=less))
    return str(row.digest)
