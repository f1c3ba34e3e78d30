"""Manifests and indexes: their bytes, what they need, and who refers to whom."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert  # what it writes, SQLite understands as well

from registry.digest import Digest
from registry.model import MAX_MANIFEST, Descriptor, Index, Manifest
from registry.server.access.gate import Permit
from registry.server.changes import Change, tell
from registry.server.database.statements import Statement
from registry.server.metadata.blobs import needed_blobs, release_blobs
from registry.server.metadata.leases import seconds_left
from registry.server.metadata.quotas import require_room
from registry.server.metadata.repositories import claim_repository, count_bytes, create_repository
from registry.server.metadata.tags import remove_tags_of, set_tag
from registry.server.schema import blobs, edges, manifests, repositories, repository_blobs, tags
from registry.strictjson import canonical_json, load_json

__all__ = [
    "MissingContent",
    "NewManifest",
    "StoredManifest",
    "find_manifest",
    "postpone_manifest",
    "referrers",
    "remove_manifest",
    "store_manifest",
]

_NOT_DISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.v1.",
    "application/vnd.docker.image.rootfs.foreign.",
)
_BATCH = 500
_AFTER_ALL = "~"  # what sorts after each digest


@dataclass(frozen=True, slots=True)
class NewManifest:
    """A manifest that somebody pushes: its name, the bytes as they came, and what they say.

    ``pinned``: it was pushed by its digest, and somebody knows it by that alone. ``lease``: until
    when (seconds since the epoch) it is kept although nothing leads to it; then it is not pinned.
    A tag ends the lease.
    """

    digest: Digest
    content: bytes
    document: Manifest | Index
    pinned: bool = True
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest that the repository has.

    Size in bytes; ``yanked`` is why nobody should use it any more, ``due`` when (seconds since the
    epoch) somebody asks whether anything leads to it, None when nobody will; ``lease`` is as in
    ``NewManifest``.
    """

    digest: str
    media_type: str
    size: int
    yanked: str | None
    due: float | None
    lease: float | None
    content: bytes


class MissingContent(Exception):  # no Failure: the route turns it into an answer
    """A manifest needs what the repository does not have, or has in another size."""

    def __init__(self, digests: list[str]) -> None:
        super().__init__(", ".join(digests))
        self.digests = digests


_HERE = manifests.c.repository_id == bindparam("repository"), manifests.c.digest == bindparam("digest")
_KNOWN = Statement(select(manifests.c.pinned, manifests.c.lease, manifests.c.due).where(*_HERE))
_COLUMNS = manifests.c.digest, manifests.c.media_type, manifests.c.size, manifests.c.yanked
_NAMED = (
    select(*_COLUMNS, manifests.c.due, manifests.c.lease, manifests.c.content)
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .where(repositories.c.name == bindparam("repository"))
)
_BY_DIGEST = Statement(_NAMED.where(manifests.c.digest == bindparam("reference")))
_BY_TAG = Statement(
    _NAMED.join(
        tags, (tags.c.repository_id == manifests.c.repository_id) & (tags.c.digest == manifests.c.digest)
    ).where(tags.c.name == bindparam("reference"))
)
_ADD = Statement(
    insert(manifests).values(
        repository_id=bindparam("repository"),
        digest=bindparam("digest"),
        media_type=bindparam("media_type"),
        size=bindparam("size"),
        subject=bindparam("subject"),
        artifact_type=bindparam("artifact_type"),
        created=bindparam("now"),
        annotations=bindparam("annotations"),
        content=bindparam("content"),
        pinned=bindparam("pinned"),
        lease=bindparam("lease"),
        due=bindparam("due"),
    )
)
_KEEP = Statement(
    update(manifests)
    .where(manifests.c.repository_id == bindparam("here"), manifests.c.digest == bindparam("name"))
    .values(pinned=bindparam("stays"), lease=bindparam("until"), due=bindparam("later"), since=None)
)
_ASK_CHILDREN = (
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("here"),
        manifests.c.digest.in_(
            select(edges.c.child).where(edges.c.repository_id == bindparam("here"), edges.c.parent == bindparam("name"))
        ),
    )
    .values(due=bindparam("later"), since=None)
)
_ASK_REFERRERS = (
    update(manifests)
    .where(manifests.c.repository_id == bindparam("here"), manifests.c.subject == bindparam("name"))
    .values(due=bindparam("later"), since=None)
)


_POSTPONE = Statement(
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("here"),
        manifests.c.digest == bindparam("name"),
        manifests.c.due < bindparam("later"),
    )
    .values(due=bindparam("later"))
)


def find_manifest(connection: Connection, repository: str, reference: Digest | str) -> StoredManifest | None:
    """The manifest behind a digest or, when it is a text, a tag."""
    statement = _BY_DIGEST if isinstance(reference, Digest) else _BY_TAG
    row = statement.first(connection, repository=repository, reference=str(reference))
    return StoredManifest(*row) if row else None


def postpone_manifest(connection: Connection, repository: str, digest: Digest, due: float) -> None:
    """Keep a manifest until ``due``, whatever leads to it: somebody is told that it is there."""
    here = claim_repository(connection, repository)
    if here is not None:
        _POSTPONE.change(connection, here=here, name=str(digest), later=due)


def store_manifest(
    connection: Connection, permit: Permit, repository: str, new: NewManifest, names: Sequence[str], *, due: float = 0.0
) -> float | None:
    """Keep a manifest and let tags mean it, all or nothing; ``due`` is for what this makes superfluous.

    Until when it is kept although nothing leads to it; None: it has no lease, and stays. Raises MissingContent when
    the repository lacks what the manifest needs, Refusal when a tag may not be moved.
    """
    here = create_repository(connection, repository)
    name = str(new.digest)
    if names:
        new = replace(new, lease=None)
    known = _KNOWN.first(connection, repository=here, digest=name)
    if known is None:
        needed = _needed(new.document)
        _check_present(connection, here, needed)
        _insert(connection, here, new, needed, due)
        needed_blobs(connection, here, needed)
        count_bytes(connection, here, len(new.content))
        require_room(connection, repository)
        lease = new.lease
    else:
        lease = _renew(connection, here, new, known, due)
    change = Change("push", repository, name, tag=names[0] if names else None, principal=permit.principal)
    kind, size, granted = new.document.media_type, len(new.content), seconds_left(lease)
    tell(replace(change, media_type=kind, size=size, lease=granted))
    for tag in names:
        set_tag(connection, permit, (here, repository), tag, new.digest, due=due)
    return lease


def _renew(connection: Connection, here: int, new: NewManifest, known: tuple[Any, ...], due: float) -> float | None:
    """Keep what is there already; until when, as in ``store_manifest``."""
    pinned, held, asked = known
    # A lease only ever prolongs: what stays for another reason does not begin to go with its end.
    lease = max(held, new.lease) if new.lease is not None and held is not None else None
    later = max(due, new.lease or 0.0) if lease is None else max(asked or 0.0, lease)
    _KEEP.change(
        connection,
        here=here,
        name=str(new.digest),
        stays=bool(pinned) or (new.pinned and new.lease is None),
        until=lease,
        later=later,
    )
    return lease


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
        for row in connection.execute(_SIZES, {"repository": repository, "digests": batch}):
            sizes.setdefault(row.digest, set()).add(row.size)
    missing = [digest for digest, promised in needed.items() if promised - sizes.get(digest, set())]
    if missing:
        raise MissingContent(missing)


def _sizes() -> Select[tuple[str, int]]:
    digests: BindParameter[Any] = bindparam("digests", expanding=True)
    linked = (
        select(blobs.c.digest, blobs.c.size)
        .join(repository_blobs, repository_blobs.c.digest == blobs.c.digest)
        .where(
            repository_blobs.c.repository_id == bindparam("repository"),
            blobs.c.digest.in_(digests),
            blobs.c.state == "live",
        )
    )
    documents = select(manifests.c.digest, manifests.c.size).where(
        manifests.c.repository_id == bindparam("repository"), manifests.c.digest.in_(digests)
    )
    both = union_all(linked, documents).subquery()
    return select(both.c.digest, both.c.size)


_SIZES = _sizes()  # made once: to build a statement takes longer than to run it


def _insert(connection: Connection, here: int, new: NewManifest, needed: Iterable[str], due: float) -> None:
    document, pinned = new.document, new.pinned and new.lease is None
    _ADD.change(
        connection,
        repository=here,
        digest=str(new.digest),
        media_type=document.media_type,
        size=len(new.content),
        subject=str(document.subject.digest) if document.subject else None,
        artifact_type=document.kind,
        now=time.time(),
        annotations=canonical_json(dict(document.annotations)).decode(),
        content=new.content,
        pinned=pinned,
        lease=new.lease,
        due=due if new.lease is None else new.lease,
    )
    rows = [{"repository_id": here, "parent": str(new.digest), "child": child} for child in needed]
    if rows:
        # Edges outlive a manifest that was found damaged, so that what it needs is there when it is mended.
        connection.execute(upsert(edges).on_conflict_do_nothing(), rows)


def remove_manifest(
    connection: Connection, permit: Permit, repository: str, digest: Digest, *, due: float = 0.0
) -> bool:
    """Delete a manifest and the tags that mean it. False: there was none.

    What only it led to is asked about at ``due``. Raises Refusal when one of the tags is immutable.
    """
    here = claim_repository(connection, repository)
    if here is None:
        return False
    name = str(digest)
    remove_tags_of(connection, permit, (here, repository), name)
    release_blobs(connection, here, name, due)
    for statement in (_ASK_CHILDREN, _ASK_REFERRERS):
        connection.execute(statement, {"here": here, "name": name, "later": due})
    connection.execute(delete(edges).where(edges.c.repository_id == here, edges.c.parent == name))
    size = connection.execute(
        select(manifests.c.size).where(manifests.c.repository_id == here, manifests.c.digest == name)
    ).scalar_one_or_none()
    if size is None:
        return False
    connection.execute(delete(manifests).where(manifests.c.repository_id == here, manifests.c.digest == name))
    count_bytes(connection, here, -size)
    tell(Change("delete", repository, name, principal=permit.principal))
    return True


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
        .where(repositories.c.name == repository, manifests.c.subject == str(subject))
        .order_by(manifests.c.digest)
    )
    if artifact_type is not None:
        if "\0" in artifact_type:
            return  # nothing has such a type, and PostgreSQL takes no such text
        query = query.where(manifests.c.artifact_type == artifact_type)
    end: str | None
    while end := _end_of_page(connection, query, after):
        with connection.execute(query.where(manifests.c.digest > after, manifests.c.digest <= end)) as rows:
            yield from map(_descriptor, rows)
        after = end


def _end_of_page(connection: Connection, query: Select[*tuple[Any, ...]], after: str) -> str | None:
    """The last digest of as many as may be in memory at once; None: there are no more."""
    if connection.dialect.name == "sqlite":
        return _AFTER_ALL if after < _AFTER_ALL else None  # it gives one row at a time anyhow
    sizes = query.with_only_columns(
        manifests.c.digest, func.octet_length(manifests.c.annotations), maintain_column_froms=True
    )
    end, held = None, 0
    for digest, size in connection.execute(sizes.where(manifests.c.digest > after).limit(_BATCH)):
        held += size
        if end is not None and held > MAX_MANIFEST:
            break
        end = digest
    return end


def _descriptor(row: Row[*tuple[Any, ...]]) -> Descriptor:
    return Descriptor(
        media_type=row.media_type,
        digest=Digest.parse(row.digest),
        size=row.size,
        annotations=load_json(row.annotations.encode(), "the annotations"),
        artifact_type=row.artifact_type,
    )
