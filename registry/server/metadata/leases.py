"""Leases: until when a manifest is kept although nothing leads to it, for what a release stages.

How one is given and prolonged is ``manifests``', what becomes of it at its end is ``collection``'s.
"""

import time

from sqlalchemy import Connection, bindparam, exists, literal, select, update

from registry.digest import Digest
from registry.server.database.statements import Statement
from registry.server.schema import manifests, tags

__all__ = ["end_lease", "lease_referrers", "seconds_left"]

_END_LEASE = Statement(
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("here"),
        manifests.c.digest == bindparam("name"),
        manifests.c.lease.is_not(None),
    )
    .values(lease=None, due=bindparam("later"), since=None)
)
_subject = manifests.alias()
_LEASE_REFERRERS = (
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("here"),
        manifests.c.subject == bindparam("name"),
        manifests.c.lease.is_(None),
        manifests.c.created
        >= select(_subject.c.created)
        .where(_subject.c.repository_id == bindparam("here"), _subject.c.digest == bindparam("name"))
        .scalar_subquery(),
        ~exists(literal(1)).where(
            tags.c.repository_id == manifests.c.repository_id, tags.c.digest == manifests.c.digest
        ),
    )
    .values(lease=bindparam("until"))
)


def seconds_left(lease: float | None) -> int | None:
    """How long a lease lasts from now on, as an answer and the audit log say it."""
    return None if lease is None else max(0, round(lease - time.time()))


def end_lease(connection: Connection, here: int, digest: Digest, due: float) -> None:
    """A manifest, in the repository of a key, stays from now on as others do; asked about at ``due``."""
    _END_LEASE.change(connection, here=here, name=str(digest), later=due)


def lease_referrers(connection: Connection, here: int, digest: str, until: float) -> None:
    """Let what refers to a manifest, and has neither a lease nor a tag, go with it: ``until`` is its lease.

    What is older stays: it was there for itself, and to stage its subject is no way to delete it.
    """
    connection.execute(_LEASE_REFERRERS, {"here": here, "name": digest, "until": until})
