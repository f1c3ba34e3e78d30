"""The database: how to read from it, and how to write to it. What is in it is ``metadata``'s.

The work itself is plain functions over a Connection, so that another database needs other ways to
run them and not other functions. SQLite has one writer, so that nobody else changes anything during
a transaction. PostgreSQL has many: a writing transaction first locks the row of its repository
(``metadata.repositories``), and whoever collects a blob locks the row of the blob.
"""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry.errors import InvalidConfiguration
from registry.server.database.protocol import Database

__all__ = ["Database", "open_database"]


def open_database(where: str | Path, *, durable: bool = True) -> Database:
    """Open, or create, a database, and bring it to the current schema.

    ``where`` is the path of a file for SQLite, or ``sqlite:///PATH``, or ``postgresql://USER:PASSWORD@HOST/NAME``. Several processes may do
    this at once. ``durable``: what is written survives a power cut. Raises InvalidConfiguration for
    any other URL, StorageFailed when the database cannot be opened, is damaged, or is of a newer
    version.
    """
    # A path is never written as a URL: it may hold what means something there.
    address = parse_url(where) if isinstance(where, str) else URL.create("sqlite", database=str(where))
    if address.get_backend_name() == "postgresql":
        from registry.server.database.postgres import open_postgres  # noqa: PLC0415  an extra

        return open_postgres(address, durable=durable)
    from registry.server.database.sqlite import open_sqlite  # noqa: PLC0415

    return open_sqlite(address, durable=durable)


def parse_url(url: str) -> URL:
    """A database's address. Raises InvalidConfiguration, which does not repeat it: it may hold a password."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise _unknown() from error
    if address.get_backend_name() not in ("sqlite", "postgresql") or (
        address.get_backend_name() == "sqlite" and not address.database
    ):
        raise _unknown()
    return address


def _unknown() -> InvalidConfiguration:
    return InvalidConfiguration(
        "this is not the address of a database",
        hint="write sqlite:////path/to/registry.db or postgresql://user@host/name",
    )
