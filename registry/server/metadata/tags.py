"""Tags: names that move, and what they meant before."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # what it writes, SQLite understands as well

from registry.digest import Digest
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.changes import Change, ChangeAction, tell
from registry.server.database.statements import Statement
from registry.server.metadata.repositories import claim_repository
from registry.server.schema import manifests, repositories, tag_history, tags

__all__ = ["TagEvent", "meaning_of", "remove_tag", "remove_tags_of", "set_tag", "tag_events", "tag_names"]

_WHERE = (tags.c.repository_id == bindparam("repository"), tags.c.name == bindparam("name"))
_MEANS = Statement(select(tags.c.digest).where(*_WHERE))
_NEW: dict[str, Any] = {"digest": bindparam("digest"), "moved": bindparam("now")}
_SET = Statement(
    upsert(tags)
    .values(repository_id=bindparam("repository"), name=bindparam("name"), **_NEW)
    .on_conflict_do_update(index_elements=["repository_id", "name"], set_=_NEW)
)
_REMOVE = Statement(delete(tags).where(*_WHERE))
_OF_DIGEST = Statement(
    select(tags.c.name).where(tags.c.repository_id == bindparam("repository"), tags.c.digest == bindparam("digest"))
)
_REMEMBER = Statement(
    insert(tag_history)
    .values(
        repository_id=bindparam("repository"),
        tag=bindparam("name"),
        digest=bindparam("digest"),
        moved=bindparam("now"),
        actor=bindparam("actor"),
    )
    .inline()
)
_ASK = Statement(
    update(manifests)
    .where(manifests.c.repository_id == bindparam("repository"), manifests.c.digest == bindparam("name"))
    .values(due=bindparam("later"), since=None)
)
_NAMES = Statement(
    select(tags.c.name)
    .join(repositories, repositories.c.id == tags.c.repository_id)
    .where(repositories.c.name == bindparam("repository"), tags.c.name > bindparam("after"))
    .order_by(tags.c.name)
    .limit(bindparam("limit"))
)
_KNOWN = Statement(select(repositories.c.id).where(repositories.c.name == bindparam("name")))
_EVENTS = Statement(
    select(tag_history.c.id, tag_history.c.digest, tag_history.c.moved, tag_history.c.actor)
    .join(repositories, repositories.c.id == tag_history.c.repository_id)
    .where(
        repositories.c.name == bindparam("repository"),
        tag_history.c.tag == bindparam("name"),
        tag_history.c.id < bindparam("before"),
    )
    .order_by(tag_history.c.id.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class TagEvent:
    """What a tag meant from a time on (seconds since the epoch); ``digest`` None: it was deleted."""

    id: int
    digest: str | None
    moved: float
    actor: str


def meaning_of(connection: Connection, repository: int, name: str) -> str | None:
    """The digest that a tag of a repository, by key, means; None: there is no such tag."""
    row = _MEANS.first(connection, repository=repository, name=name)
    return row[0] if row else None


def set_tag(
    connection: Connection, permit: Permit, repository: tuple[int, str], name: str, digest: Digest, *, due: float
) -> None:
    """Let a tag mean a manifest that the repository, by key and name, has; about the one before is asked at ``due``.

    Raises Refusal when it means something else already and the principal may not, or nobody may,
    move it.
    """
    here, path = repository
    before = meaning_of(connection, here, name)
    if before == str(digest):
        return
    if before is not None:
        permit.require(connection, path, Action.OVERWRITE)
        permit.require_mutable(connection, path, name)
    now = time.time()
    if before is not None:
        _ASK.change(connection, repository=here, name=before, later=due)
    _SET.change(connection, repository=here, name=name, digest=str(digest), now=now)
    _REMEMBER.change(connection, repository=here, name=name, digest=str(digest), now=now, actor=permit.principal.name)
    action: ChangeAction = "tag" if before is None else "tag-moved"
    tell(Change(action, path, str(digest), tag=name, before=before, principal=permit.principal))


def remove_tag(connection: Connection, permit: Permit, repository: str, name: str, *, due: float = 0.0) -> bool:
    """Delete a tag and not what it means, about which is asked at ``due``. False: there was none.

    Raises Refusal when it is immutable.
    """
    here = claim_repository(connection, repository)
    row = _MEANS.first(connection, repository=here, name=name) if here is not None else None
    if row is None or here is None:
        return False
    _remove(connection, permit, (here, repository), name)
    _ASK.change(connection, repository=here, name=row[0], later=due)
    return True


def remove_tags_of(connection: Connection, permit: Permit, repository: tuple[int, str], digest: str) -> list[str]:
    """Delete all tags that mean a manifest: their names. Raises Refusal when one of them is immutable."""
    names: list[str] = [name for (name,) in _OF_DIGEST.all(connection, repository=repository[0], digest=digest)]
    for name in names:
        _remove(connection, permit, repository, name)
    return names


def _remove(connection: Connection, permit: Permit, repository: tuple[int, str], name: str) -> None:
    here, path = repository
    permit.require_mutable(connection, path, name)
    _REMOVE.change(connection, repository=here, name=name)
    _REMEMBER.change(connection, repository=here, name=name, digest=None, now=time.time(), actor=permit.principal.name)
    tell(Change("tag-deleted", path, tag=name, principal=permit.principal))


def tag_names(connection: Connection, repository: str, after: str, limit: int) -> list[str] | None:
    """At most ``limit`` tags that sort, by bytes, after ``after``; None: there is no such repository."""
    names = [name for (name,) in _NAMES.all(connection, repository=repository, after=after, limit=limit)]
    if not names and _KNOWN.first(connection, name=repository) is None:
        return None
    return names


def tag_events(connection: Connection, repository: str, name: str, before: int, limit: int) -> list[TagEvent]:
    """At most ``limit`` events of a tag, the newest first, older than the one whose id is ``before``."""
    rows = _EVENTS.all(connection, repository=repository, name=name, before=before, limit=limit)
    return [TagEvent(*row) for row in rows]
