"""PostgreSQL: as many replicas of the server as there are; see ``registry.server.database``.

Both reads and writes wait for the network, so each runs on a thread with a connection of its own.
"""

from sqlalchemy import URL

from registry.server.database.protocol import Database

__all__ = ["open_postgres"]


def open_postgres(address: URL, *, durable: bool = True) -> Database:
    """Open a database, and bring it to the current schema."""
    raise NotImplementedError
