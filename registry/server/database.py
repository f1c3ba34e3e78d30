"""The database: how to read from it, and how to write to it. What is in it is ``metadata``'s.

SQLite in WAL. A read is a few indexed look-ups that take less time than changing threads, so it
runs where it is called, on the event loop's thread. Writes wait for the disk, so they run one after
another on a thread of their own, each in BEGIN IMMEDIATE with ``synchronous=FULL``: what was
answered survives a power cut. The work itself is plain functions over a Connection, so that another
database needs other ways to run them and not other functions.
"""

import asyncio
import errno
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from registry.errors import StorageFailed
from registry.server.upgrade import upgrade_schema

__all__ = ["Database", "open_database"]

_BUSY_SECONDS = 15
_LOCK_SECONDS = 60
_READER = "registry_reader"
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)

Result = TypeVar("Result")


class Database:
    """One open database; belongs to one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.connect().execution_options(**{_READER: True})
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="registry-writer")

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups; each statement sees the newest committed state."""
        return work(self._reader)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a transaction; when this returns, it is on the disk.

        Whatever ``work`` raises undoes all of it. A caller that is cancelled does not undo it. Raises
        OSError (ENOSPC) when the disk is full.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except DatabaseError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "the registry's database cannot grow") from error
            raise

    def close(self) -> None:
        """Finish the writes that have begun, and close."""
        self._writer.shutdown()
        self._reader.close()
        self._engine.dispose()


def open_database(path: Path) -> Database:
    """Open, or create, the database in a file, and bring it to the current schema.

    Several processes may do this at once. Raises StorageFailed when it cannot be opened, is damaged,
    or is of a newer version.
    """
    # Never written as a URL: a path may hold what means something there.
    address = URL.create("sqlite", database=str(path))
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            upgrade_schema(engine)
        return Database(engine)
    except (DatabaseError, sqlite3.Error, OSError) as error:
        engine.dispose()
        raise StorageFailed(
            f"the registry's database {path} cannot be used", cause=str(getattr(error, "orig", error))
        ) from error
    except BaseException:
        engine.dispose()
        raise


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions on its own: it begins them too late for a write lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(_READER):
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE")
