"""Uploads: which are open, and for which repository. How far they are is the spool's to know."""

import time
from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from registry.server.schema import uploads

__all__ = ["add_upload", "expired_uploads", "remove_uploads", "upload_algorithm"]


def add_upload(connection: Connection, upload: str, repository: str, algorithm: str) -> None:
    """Remember an upload; ``algorithm`` is what its digest will probably be of."""
    connection.execute(
        insert(uploads).values(id=upload, repository=repository, algorithm=algorithm, created=time.time())
    )


def upload_algorithm(connection: Connection, upload: str, repository: str) -> str | None:
    """The expected digest algorithm of an upload; None when this repository has no such upload."""
    query = select(uploads.c.algorithm).where(uploads.c.id == upload, uploads.c.repository == repository)
    return connection.execute(query).scalar_one_or_none()


def remove_uploads(connection: Connection, ids: Collection[str]) -> None:
    """Forget uploads."""
    for upload in ids:
        connection.execute(delete(uploads).where(uploads.c.id == upload))


def expired_uploads(connection: Connection, before: float) -> list[str]:
    """Uploads that began before a time in seconds since the epoch."""
    return list(connection.execute(select(uploads.c.id).where(uploads.c.created < before)).scalars())
