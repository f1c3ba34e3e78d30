"""Yanking: what should not be used any more stays, and says why."""

from sqlalchemy import Connection, bindparam, select, update

from registry.digest import Digest
from registry.server.changes import Change, tell
from registry.server.database.statements import Statement
from registry.server.metadata.manifests import find_manifest
from registry.server.metadata.repositories import claim_repository
from registry.server.schema import manifests, repositories, tags

__all__ = ["MAX_REASON", "yank", "yanked_manifests", "yanked_tags"]

_AMONG = Statement(
    select(tags.c.name, manifests.c.yanked)
    .join(manifests, (manifests.c.repository_id == tags.c.repository_id) & (manifests.c.digest == tags.c.digest))
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .where(
        repositories.c.name == bindparam("repository"),
        manifests.c.yanked.is_not(None),
        tags.c.name >= bindparam("first"),
        tags.c.name <= bindparam("last"),
    )
)

_ANY = Statement(
    select(manifests.c.digest)
    .where(
        manifests.c.repository_id
        == select(repositories.c.id).where(repositories.c.name == bindparam("repository")).scalar_subquery(),
        manifests.c.yanked.is_not(None),
    )
    .limit(1)
)

MAX_REASON = 500
"""Characters of a reason that are kept: it is sent in a header."""


def yank(connection: Connection, repository: str, reference: Digest | str, reason: str | None) -> str | None:
    """Say why a manifest should not be used, or with None that it may be: its digest; None: there is none.

    Whoever gets it is warned, by any tag that means it; nobody is refused.
    """
    here = claim_repository(connection, repository)
    found = find_manifest(connection, repository, reference) if here is not None else None
    if found is None:
        return None
    text = None if reason is None else (reason[:MAX_REASON] or "yanked")
    connection.execute(
        update(manifests)
        .where(manifests.c.repository_id == here, manifests.c.digest == found.digest)
        .values(yanked=text)
    )
    tell(Change("unyank" if text is None else "yank", repository, found.digest, reason=text))
    return found.digest


def yanked_tags(connection: Connection, repository: str, names: list[str]) -> dict[str, str]:
    """Those of some tags, which are in order, that mean a yanked manifest, and why each is.

    Cheap when the repository has no yanked manifest: they have an index of their own.
    """
    if not names:
        return {}
    if _ANY.first(connection, repository=repository) is None:
        return {}
    rows = _AMONG.all(connection, repository=repository, first=names[0], last=names[-1])
    return dict(sorted(rows))


def yanked_manifests(connection: Connection, repository: str, after: str, limit: int) -> list[tuple[str, str]]:
    """At most ``limit`` digests of yanked manifests that sort after ``after``, and why each is."""
    rows = connection.execute(
        select(manifests.c.digest, manifests.c.yanked)
        .join(repositories, repositories.c.id == manifests.c.repository_id)
        .where(repositories.c.name == repository, manifests.c.yanked.is_not(None), manifests.c.digest > after)
        .order_by(manifests.c.digest)
        .limit(limit)
    )
    return [(digest, reason) for digest, reason in rows if reason is not None]
