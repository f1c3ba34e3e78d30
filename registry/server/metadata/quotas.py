"""Quotas: how many bytes the repositories under a name may hold together.

What counts is what each repository has: a blob that two of them share counts twice.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert  # what it writes, SQLite understands as well

from registry.errors import InvalidConfiguration
from registry.reference import valid_repository
from registry.server.database.statements import Statement
from registry.server.refusal import Refusal
from registry.server.schema import quotas, repositories

__all__ = ["Quota", "expect_room", "find_quotas", "quota_refusal", "require_room", "room", "set_quota"]

_namespace, _name = quotas.c.namespace, repositories.c.name


def _covers(name: ColumnElement[str]) -> ColumnElement[bool]:
    start = func.substr(name, 1, func.length(_namespace) + 1)
    return or_(_namespace == "", _namespace == name, start == _namespace.op("||")("/"))


# By name, so that two transactions that lock several do so in the same order.
_COVERING = select(_namespace, quotas.c.bytes).where(_covers(bindparam("name"))).order_by(_namespace)
_LOOK = Statement(_COVERING)
_CLAIM = Statement(_COVERING.with_for_update())
_ALL = Statement(select(func.coalesce(func.sum(repositories.c.bytes), 0)))
_UNDER = Statement(
    select(func.coalesce(func.sum(repositories.c.bytes), 0)).where(
        or_(_name == bindparam("name"), (_name > bindparam("first")) & (_name < bindparam("last")))
    )
)


@dataclass(frozen=True, slots=True)
class Quota:
    """What repositories may hold, and do hold, in bytes.

    ``namespace`` is a repository and all whose names begin with it and a slash; "" is the registry.
    """

    namespace: str
    limit: int
    used: int

    @property
    def room(self) -> int:
        """Bytes that are left; negative when there are too many already."""
        return self.limit - self.used


def set_quota(connection: Connection, namespace: str, limit: int | None) -> None:
    """Bound what the repositories under a name may hold, in bytes; None takes the bound away.

    What is there stays. Raises InvalidConfiguration for what is no name, or a negative number.
    """
    name = namespace.removesuffix("/")
    if namespace and not valid_repository(name):
        raise InvalidConfiguration(
            f"{namespace[:100]!r} is no repository and no beginning of one",
            hint='write it as team or team/project; "" is the whole registry',
        )
    if limit is None:
        connection.execute(delete(quotas).where(_namespace == name))
        return
    if not 0 <= limit < 2**63:
        raise InvalidConfiguration(f"{limit} is not a number of bytes")
    connection.execute(
        insert(quotas)
        .values(namespace=name, bytes=limit)
        .on_conflict_do_update(index_elements=["namespace"], set_={"bytes": limit})
    )


def find_quotas(connection: Connection) -> list[Quota]:
    """All quotas, by name."""
    rows = connection.execute(select(_namespace, quotas.c.bytes).order_by(_namespace)).all()
    return [Quota(name, limit, _used(connection, name)) for name, limit in rows]


def room(connection: Connection, repository: str) -> Quota | None:
    """The quota of a repository that leaves it the least; None: there is none."""
    return _tightest(connection, _LOOK, repository)


def require_room(connection: Connection, repository: str) -> None:
    """Go on only when what a repository has by now is within its quotas.

    Until the transaction ends nobody else adds anything under the same ones. Raises Refusal.
    """
    quota = _tightest(connection, _CLAIM, repository)
    if quota is not None and quota.room < 0:
        raise quota_refusal(quota)


def expect_room(connection: Connection, repository: str, more: int) -> None:
    """As ``require_room``, before ``more`` bytes are sent: others may still take their place."""
    quota = room(connection, repository)
    if quota is not None and quota.room < more:
        raise quota_refusal(quota, more)


def quota_refusal(quota: Quota, more: int = 0) -> Refusal:
    """What whoever sends ``more`` bytes than there is room for is told."""
    name = quota.namespace or "the registry"
    needed = f"{quota.used + more} of {quota.limit} bytes would be used"
    return Refusal(403, "DENIED", f"the quota of {name} is exceeded: {needed}", details=("quota",))


def _tightest(connection: Connection, statement: Statement, repository: str) -> Quota | None:
    found = [Quota(name, limit, _used(connection, name)) for name, limit in statement.all(connection, name=repository)]
    return min(found, key=lambda quota: quota.room, default=None)


def _used(connection: Connection, namespace: str) -> int:
    if not namespace:
        row = _ALL.first(connection)
    else:
        # Names are compared by their bytes, and 0 is what comes after the slash.
        row = _UNDER.first(connection, name=namespace, first=f"{namespace}/", last=f"{namespace}0")
    assert row is not None
    return int(row[0])
