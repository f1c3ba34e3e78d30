"""The database: how to read from it, and how to write to it. What is in it is ``metadata``'s.

The work itself is plain functions over a Connection, so that another database needs other ways to
run them and not other functions. SQLite has one writer, so that nobody else changes anything during
a transaction. PostgreSQL has many: a writing transaction first locks the row of its repository
(``metadata.repositories``), and whoever collects a blob locks the row of the blob.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry.errors import InvalidConfiguration
from registry.server.database.protocol import Database

__all__ = ["Database", "find_revision", "open_database"]


def open_database(where: str | Path, *, durable: bool = True) -> Database:
    """Open, or create, a database, and bring it to the current schema.

    ``where`` is the path of a file for SQLite, or ``sqlite:///PATH``, or
    ``postgresql://USER:PASSWORD@HOST/NAME``. Several processes may do this at once. ``durable``: what
    is written survives a power cut. Raises InvalidConfiguration for any other URL, StorageFailed when
    the database cannot be opened, is damaged, or is of a newer version.
    """
    address = _address(where)
    if address.get_backend_name() == "postgresql":
        opened: Database = _postgres().open_postgres(address, durable=durable)
        return opened
    from registry.server.database.sqlite import open_sqlite  # noqa: PLC0415

    return open_sqlite(address, durable=durable)


def find_revision(where: str | Path) -> str | None:
    """The revision of a database's schema, which stays what it is; None: there is none yet.

    ``where`` is as for ``open_database``. Raises InvalidConfiguration, StorageFailed.
    """
    address = _address(where)
    if address.get_backend_name() == "postgresql":
        revision: str | None = _postgres().find_postgres_revision(address)
        return revision
    from registry.server.database.sqlite import find_sqlite_revision  # noqa: PLC0415

    return find_sqlite_revision(address)


def _address(where: str | Path) -> URL:
    # A path is never written as a URL: it may hold what means something there.
    return parse_url(where) if isinstance(where, str) else URL.create("sqlite", database=str(where))


def _postgres() -> ModuleType:
    try:
        return import_module("registry.server.database.postgres")  # what it needs is an extra
    except ImportError as error:
        raise InvalidConfiguration(
            "what speaks to PostgreSQL is not installed",
            cause=str(error),
            hint="install wasmbuild with its extras 'server' and 'postgres'",
        ) from error


def parse_url(url: str) -> URL:
    """A database's address. Raises InvalidConfiguration, which does not repeat it: it may hold a password."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise _unknown() from None
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
