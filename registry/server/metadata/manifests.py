"""Manifests and indexes: their bytes, what they need, and who refers to whom."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, union_all

from registry.digest import Digest
from registry.model import Descriptor, Index, Manifest, canonical_json, load_json
from registry.server.metadata.repositories import ensure_repository, repository_id
from registry.server.metadata.tags import set_tag
from registry.server.schema import blobs, edges, manifests, repositories, repository_blobs, tags

__all__ = [
    "MissingContent",
    "NewManifest",
    "StoredManifest",
    "find_manifest",
    "referrers",
    "remove_manifest",
    "store_manifest",
]

_NOT_DISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.v1.",
    "application/vnd.docker.image.rootfs.foreign.",
)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class NewManifest:
    """A manifest that somebody pushes: its name, the bytes as they came, and what they say."""

    digest: Digest
    content: bytes
    document: Manifest | Index


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest that the repository has; ``content`` only when it was asked for. Size in bytes."""

    digest: Digest
    media_type: str
    size: int
    content: bytes


class MissingContent(Exception):  # no Failure: the route turns it into an answer
    """A manifest needs what the repository does not have, or has in another size."""

    def __init__(self, digests: list[str]) -> None:
        super().__init__(", ".join(digests))
        self.digests = digests


def find_manifest(
    connection: Connection, repository: str, reference: Digest | str, *, content: bool
) -> StoredManifest | None:
    """The manifest behind a digest or, when it is a text, a tag."""
    query = _LOOK_UP[isinstance(reference, Digest), content]
    row = connection.execute(query, {"repository": repository, "reference": str(reference)}).first()
    if row is None:
        return None
    return StoredManifest(Digest.parse(row.digest), row.media_type, row.size, row.content if content else b"")


def _look_up(by_digest: bool, content: bool) -> Select[tuple[str, str, int]]:
    columns = [manifests.c.digest, manifests.c.media_type, manifests.c.size]
    query: Select[tuple[str, str, int]] = select(*columns, *([manifests.c.content] if content else []))
    query = query.join(repositories, repositories.c.id == manifests.c.repository_id)
    query = query.where(repositories.c.name == bindparam("repository"))
    if by_digest:
        return query.where(manifests.c.digest == bindparam("reference"))
    same = (tags.c.repository_id == manifests.c.repository_id) & (tags.c.digest == manifests.c.digest)
    return query.join(tags, same).where(tags.c.name == bindparam("reference"))


# Made once: to build a statement takes longer than to run it.
_LOOK_UP = {key: _look_up(*key) for key in product((True, False), repeat=2)}


def store_manifest(connection: Connection, repository: str, new: NewManifest, names: Iterable[str]) -> None:
    """Keep a manifest and let tags mean it, all or nothing.

    Raises MissingContent when the repository lacks what the manifest needs.
    """
    key = ensure_repository(connection, repository)
    known = select(manifests.c.size).where(manifests.c.repository_id == key, manifests.c.digest == str(new.digest))
    if connection.execute(known).first() is None:
        needed = _needed(new.document)
        _check_present(connection, key, needed)
        _insert(connection, key, new, needed)
    for name in names:
        set_tag(connection, key, name, new.digest)


def _needed(document: Manifest | Index) -> dict[str, set[int]]:
    """Digests of what must be there, and the sizes that the document says each has."""
    needed: dict[str, set[int]] = {}
    for entry in document.successors:
        if not entry.media_type.startswith(_NOT_DISTRIBUTABLE):
            needed.setdefault(str(entry.digest), set()).add(entry.size)
    return needed


def _check_present(connection: Connection, repository: int, needed: dict[str, set[int]]) -> None:
    sizes: dict[str, set[int]] = {}
    digests = iter(needed)
    while batch := list(islice(digests, _BATCH)):
        for row in connection.execute(_sizes(repository, batch)):
            sizes.setdefault(row.digest, set()).add(row.size)
    missing = [digest for digest, promised in needed.items() if promised - sizes.get(digest, set())]
    if missing:
        raise MissingContent(missing)


def _sizes(repository: int, digests: list[str]) -> Select[tuple[str, int]]:
    linked = (
        select(blobs.c.digest, blobs.c.size)
        .join(repository_blobs, repository_blobs.c.digest == blobs.c.digest)
        .where(repository_blobs.c.repository_id == repository, blobs.c.digest.in_(digests))
    )
    documents = select(manifests.c.digest, manifests.c.size).where(
        manifests.c.repository_id == repository, manifests.c.digest.in_(digests)
    )
    both = union_all(linked, documents).subquery()
    return select(both.c.digest, both.c.size)


def _insert(connection: Connection, repository: int, new: NewManifest, needed: Iterable[str]) -> None:
    document = new.document
    connection.execute(
        insert(manifests).values(
            repository_id=repository,
            digest=str(new.digest),
            media_type=document.media_type,
            size=len(new.content),
            subject=str(document.subject.digest) if document.subject else None,
            artifact_type=document.kind,
            created=time.time(),
            annotations=canonical_json(dict(document.annotations)).decode(),
            content=new.content,
        )
    )
    rows = [{"repository_id": repository, "parent": str(new.digest), "child": child} for child in needed]
    if rows:
        connection.execute(insert(edges), rows)


def remove_manifest(connection: Connection, repository: str, digest: Digest) -> bool:
    """Delete a manifest and the tags that mean it. False: there was none."""
    key = repository_id(connection, repository)
    name = str(digest)
    connection.execute(delete(tags).where(tags.c.repository_id == key, tags.c.digest == name))
    connection.execute(delete(edges).where(edges.c.repository_id == key, edges.c.parent == name))
    gone = connection.execute(delete(manifests).where(manifests.c.repository_id == key, manifests.c.digest == name))
    return gone.rowcount > 0


def referrers(
    connection: Connection, repository: str, subject: Digest, artifact_type: str | None, after: str
) -> Iterator[Descriptor]:
    """Descriptors of the manifests with this subject, by digest, beginning after ``after``.

    Read row by row, as they are taken: annotations may be large, and so may the list be.
    """
    columns = [manifests.c.digest, manifests.c.media_type, manifests.c.size]
    query = (
        select(*columns, manifests.c.artifact_type, manifests.c.annotations)
        .join(repositories, repositories.c.id == manifests.c.repository_id)
        .where(repositories.c.name == repository, manifests.c.subject == str(subject), manifests.c.digest > after)
        .order_by(manifests.c.digest)
    )
    if artifact_type is not None:
        query = query.where(manifests.c.artifact_type == artifact_type)
    with connection.execute(query) as rows:
        yield from map(_descriptor, rows)


def _descriptor(row: Row[*tuple[Any, ...]]) -> Descriptor:
    return Descriptor(
        media_type=row.media_type,
        digest=Digest.parse(row.digest),
        size=row.size,
        annotations=load_json(row.annotations.encode(), "the annotations"),
        artifact_type=row.artifact_type,
    )
