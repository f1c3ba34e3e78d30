"""SQLite in WAL.

A read is a few indexed look-ups that take less time than changing threads, so it runs where it is
called, on the event loop's thread. Writes wait for the disk, so they run on a thread of their own,
in BEGIN IMMEDIATE with ``synchronous=FULL``: what was answered survives a power cut. All writes that
wait while one is being synced share the next transaction, each in a savepoint of its own, so that
one sync serves many.
"""

import asyncio
import errno
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from registry.errors import StorageFailed
from registry.server.upgrade import current_revision, upgrade_schema

__all__ = ["SqliteDatabase", "find_sqlite_revision", "open_sqlite"]

_BUSY_SECONDS = 15
_LOCK_SECONDS = 60
_PLAIN = "registry_plain"
"""Marks connections on which SQLAlchemy begins nothing: those that read, and those whose writer does it."""

_PRAGMAS: tuple[str, ...] = ("journal_mode=WAL", "foreign_keys=ON")
_TROUBLE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}
"""Failures of the disk below a database, by the low byte of their codes."""

_AT_ONCE = 64
"""Writes that share a transaction at most: others of this machine wait for it to end."""

Result = TypeVar("Result")


class _Job:
    """One write that waits for its turn."""

    __slots__ = ("_loop", "done", "durable", "error", "result", "work")

    def __init__(self, work: Callable[[Connection], Any], durable: bool) -> None:
        self.work, self.durable = work, durable
        self.result: Any = None
        self.error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Any] = self._loop.create_future()

    def run(self, connection: Connection) -> None:
        self.result = self.error = None
        try:
            self.result = self.work(connection)
        except BaseException as error:  # noqa: BLE001  given to whoever asked
            self.error = error

    def settle(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._tell)
        except RuntimeError:
            return  # the loop has ended, and with it whoever would hear of this

    def _tell(self) -> None:
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


class SqliteDatabase:
    """One open file; belongs to one event loop."""

    inline = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # How many there were, for metrics: fewer than writes, since those that wait share one.
        self.transactions = 0
        self._reader = engine.connect().execution_options(**{_PLAIN: True})
        reader: Any = self._reader.connection.dbapi_connection
        self._version = reader.cursor()
        # One connection for good: to take one out of a pool and give it back costs more than a write.
        self._durable, self._relaxed = (engine.connect().execution_options(**{_PLAIN: True}) for _ in range(2))
        _driver(self._relaxed).execute("PRAGMA synchronous=NORMAL")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="registry-writer", daemon=True)
        self._writer.start()

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups; each statement sees the newest committed state."""
        return work(self._reader)

    async def write(self, work: Callable[[Connection], Result], *, durable: bool = True) -> Result:
        """Run ``work`` in a transaction, perhaps with others'; see ``Database``."""
        if not self._writer.is_alive():
            raise RuntimeError("the database is closed")
        job = _Job(work, durable)
        self._jobs.put(job)
        result: Result = await job.done
        return result

    async def snapshot(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups in one transaction; those who write do not wait for it."""
        return await asyncio.to_thread(self._snapshot, work)

    def _snapshot(self, work: Callable[[Connection], Result]) -> Result:
        with self._engine.connect().execution_options(**{_PLAIN: True}) as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def version(self) -> int:
        """SQLite counts the changes that other connections make: 3 to 7 µs."""
        count: int = self._version.execute("PRAGMA data_version").fetchone()[0]
        return count

    def close(self) -> None:
        """Finish the writes that have begun, and close."""
        self._jobs.put(None)
        self._writer.join()
        self._version.close()
        self._reader.close()
        self._durable.close()
        self._relaxed.close()
        self._engine.dispose()

    def _write_all(self) -> None:
        ended = False
        while not ended:
            jobs: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                jobs.append(job)
                if len(jobs) == _AT_ONCE or self._jobs.empty():
                    break
                job = self._jobs.get()
            ended = job is None
            self._write(jobs)
            for each in jobs:
                each.settle()

    def _write(self, jobs: list[_Job]) -> None:
        self.transactions += 1
        try:
            if len(jobs) > 1 and self._together(jobs):
                return
        except (DatabaseError, sqlite3.Error):
            pass  # it is somebody's fault: each on its own shows whose
        for job in jobs:
            self._alone(job)

    def _together(self, jobs: list[_Job]) -> bool:
        """Run all in one transaction; False when one broke the transaction itself, so that nothing was done."""
        connection = self._durable if any(job.durable for job in jobs) else self._relaxed
        with _transaction(connection) as driver:
            for job in jobs:
                driver.execute("SAVEPOINT one")
                job.run(connection)
                if not driver.in_transaction:
                    return False
                if job.error is not None:
                    job.error = _storage_error(job.error)
                    driver.execute("ROLLBACK TO one")
                driver.execute("RELEASE one")
        return True

    def _alone(self, job: _Job) -> None:
        connection = self._durable if job.durable else self._relaxed
        try:
            with _transaction(connection) as driver:
                job.run(connection)
                _raise(job.error or (None if driver.in_transaction else _LOST))
        except (DatabaseError, sqlite3.Error) as error:
            job.error = _storage_error(error)
        except BaseException as error:  # noqa: BLE001  given to whoever asked
            job.error = error


_LOST = sqlite3.OperationalError("the transaction ended before its work did")


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


@contextmanager
def _transaction(connection: Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE to COMMIT, on the driver: through SQLAlchemy that costs more than a small write."""
    driver = _driver(connection)
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield driver
        if driver.in_transaction:
            driver.execute("COMMIT")
    finally:
        if driver.in_transaction:
            driver.execute("ROLLBACK")
        if connection.in_transaction():
            connection.rollback()  # only SQLAlchemy believes that there is one


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _storage_error(error: BaseException) -> BaseException:
    cause = getattr(error, "orig", error)
    number = _TROUBLE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if number is None:
        return error
    trouble = OSError(number, f"the registry's database: {os.strerror(number)}")
    trouble.__cause__ = error
    return trouble


def open_sqlite(address: URL, *, durable: bool = True) -> SqliteDatabase:
    """Open, or create, the database in a file, and bring it to the current schema.

    Several processes may do this at once. Raises StorageFailed when it cannot be opened, is damaged,
    or is of a newer version.
    """
    path = Path(address.database or "")
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    pragmas = (*_PRAGMAS, f"synchronous={'FULL' if durable else 'NORMAL'}")

    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions on its own: it begins them too late for a write lock.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin)
    try:
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            # It holds keys that sign tokens; what SQLite puts beside it has the mode of the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            upgrade_schema(engine)
        return SqliteDatabase(engine)
    except (DatabaseError, sqlite3.Error, OSError) as error:
        engine.dispose()
        raise _unusable(path, error) from error
    except BaseException:
        engine.dispose()
        raise


def find_sqlite_revision(address: URL) -> str | None:
    """The revision of a file's schema; None: there is no file, or nothing in it. Raises StorageFailed."""
    path = Path(address.database or "")
    if not path.is_file():
        return None
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_SECONDS})
    try:
        with engine.connect() as connection:
            return current_revision(connection)
    except (DatabaseError, sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    finally:
        engine.dispose()


def _unusable(path: Path, error: Exception) -> StorageFailed:
    return StorageFailed(f"the registry's database {path} cannot be used", cause=str(getattr(error, "orig", error)))


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(_PLAIN):
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE")
