"""What PostgreSQL's errors mean for whoever asked: whether to connect anew, to try again, or to give up.

PostgreSQL 17, appendix A, "PostgreSQL Error Codes".
"""

import errno

from psycopg import Connection, Error, OperationalError
from sqlalchemy.exc import DBAPIError

from registry.server.database.protocol import DatabaseDown

__all__ = ["driver_error", "is_lost", "may_work_again", "translate"]

_DISK_FULL = "53100"
_RACES = frozenset({"40001", "40P01", "23503", "23505"})
"""Serialization failure, deadlock, and what another transaction did first: a key that has gone or come."""

_REFUSED = frozenset({"57P01", "57P02", "57P03", "57P05", "25006", "53300"})
"""Shutting down, crashed, starting up, idle for too long, a standby, too many connections."""

_BUSY = frozenset({"55P03", "57014", "40001", "40P01", "53200"})
"""Waited too long for a lock, ran too long, lost every race, out of memory."""


def driver_error(error: BaseException) -> Error | None:
    """The driver's own error, also inside SQLAlchemy's; None: it is another kind."""
    inner = error.orig if isinstance(error, DBAPIError) else error
    return inner if isinstance(inner, Error) else None


def is_lost(error: Error, connection: Connection | None) -> bool:
    """Whether the connection is of no use any more; None: there never was one."""
    if connection is None or connection.closed or connection.broken:
        return True
    return error.sqlstate in _REFUSED


def may_work_again(error: BaseException) -> bool:
    """Whether the same transaction, run again, may end otherwise."""
    cause = driver_error(error)
    return cause is not None and cause.sqlstate in _RACES


def translate(error: BaseException, *, lost: bool) -> BaseException:
    """The error that whoever asked gets: OSError (ENOSPC), DatabaseDown, or the same."""
    cause = driver_error(error)
    state = cause.sqlstate if cause is not None else None
    if state == _DISK_FULL:
        return OSError(errno.ENOSPC, "the registry's database cannot grow")
    if lost or (state is None and isinstance(cause, OperationalError)):
        return DatabaseDown("the registry's database cannot be reached")
    if state in _BUSY:
        return DatabaseDown("the registry's database is busy")
    return error
