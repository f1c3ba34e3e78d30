"""Blobs: which repository has which, and how large they are."""

import time

from sqlalchemy import Connection, bindparam, delete, insert, select

from registry.digest import Digest
from registry.server.metadata.repositories import ensure_repository, repository_id
from registry.server.schema import blobs, repositories, repository_blobs

__all__ = ["blob_size", "link_blob", "mount_blob", "unlink_blob"]

_LINKED = (
    select(blobs.c.size)
    .join(repository_blobs, repository_blobs.c.digest == blobs.c.digest)
    .join(repositories, repositories.c.id == repository_blobs.c.repository_id)
)
_SIZE = _LINKED.where(repositories.c.name == bindparam("repository"), blobs.c.digest == bindparam("digest"))


def blob_size(connection: Connection, repository: str, digest: Digest) -> int | None:
    """The size of a blob in bytes; None when the repository does not have it."""
    names = {"repository": repository, "digest": str(digest)}
    return connection.execute(_SIZE, names).scalar_one_or_none()


def link_blob(connection: Connection, repository: str, digest: Digest, size: int) -> None:
    """Let a repository have a blob, whose bytes are safe on the disk."""
    now = time.time()
    name = str(digest)
    key = ensure_repository(connection, repository)
    if connection.execute(select(blobs.c.digest).where(blobs.c.digest == name)).first() is None:
        connection.execute(insert(blobs).values(digest=name, size=size, created=now))
    link = repository_blobs.c
    linked = select(link.digest).where(link.repository_id == key, link.digest == name)
    if connection.execute(linked).first() is None:
        connection.execute(insert(repository_blobs).values(repository_id=key, digest=name, created=now))


def mount_blob(connection: Connection, repository: str, digest: Digest, source: str | None) -> bool:
    """Let a repository have a blob that ``source``, or when it is None any repository, has.

    False when there is none to be had. distribution-spec, "Mounting a blob from another repository".
    """
    query = _LINKED.where(blobs.c.digest == str(digest)).limit(1)
    if source is not None:
        query = query.where(repositories.c.name == source)
    size = connection.execute(query).scalar_one_or_none()
    if size is None:
        return False
    link_blob(connection, repository, digest, size)
    return True


def unlink_blob(connection: Connection, repository: str, digest: Digest) -> bool:
    """Take a blob from a repository; the bytes stay until they are collected. False: it had none."""
    key = repository_id(connection, repository)
    gone = connection.execute(
        delete(repository_blobs).where(
            repository_blobs.c.repository_id == key, repository_blobs.c.digest == str(digest)
        )
    )
    return gone.rowcount > 0
