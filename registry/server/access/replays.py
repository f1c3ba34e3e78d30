"""Tokens of issuers that were exchanged already: none is taken twice (RFC 7519, section 4.1.7)."""

import time

from sqlalchemy import Connection, bindparam, delete
from sqlalchemy.dialects.postgresql import insert  # what it writes, SQLite understands as well

from registry.server.database.statements import Statement
from registry.server.schema import used_assertions

__all__ = ["use_assertion"]

_LEEWAY = 60.0
_USE = Statement(
    insert(used_assertions).values(hash=bindparam("identity"), expires=bindparam("end")).on_conflict_do_nothing()
)


def use_assertion(connection: Connection, identity: str, expires: float) -> bool:
    """Remember one until it has ended. False: it was used before."""
    connection.execute(delete(used_assertions).where(used_assertions.c.expires < time.time()))
    return _USE.change(connection, identity=identity, end=expires + _LEEWAY) > 0
