"""PostgreSQL: as many replicas of the server as there are; see ``registry.server.database``.

Reads and writes wait for the network, so both run on threads. Reads are autocommitted: each statement
is one round trip, and sees the newest committed state. Writes are READ COMMITTED, and are run again
when another transaction was in the way or the connection broke before COMMIT. When it breaks during
COMMIT nobody knows what became of the transaction, so that is an error: the client asks again.

A session is ours for as long as it lives (prepared statements, settings): a pooler that gives one to
several clients by turns (pgbouncer's ``transaction`` mode) must not stand in between.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from registry.errors import InvalidConfiguration, StorageFailed
from registry.server.database.protocol import DatabaseDown
from registry.server.database.sqlstates import driver_error, is_lost, may_work_again, translate
from registry.server.upgrade import current_revision, upgrade_schema

__all__ = ["PostgresDatabase", "find_postgres_revision", "open_postgres"]

_READERS = 4
_WRITERS = 6
_TRIES = 4
_PAUSE = 0.05
"""Seconds, doubled for each try, and at random up to as much again."""

_SLOW_SECONDS = 1.0
_AWAY_SECONDS = 5.0
"""How long nobody connects after a try that failed slowly."""

_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "client_encoding": "utf8",
    "application_name": "wasmbuild-registry",
    # A host that is gone says nothing: without these a statement would wait for hours.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SETTINGS = (
    "SELECT set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', false),"
    " set_config('idle_in_transaction_session_timeout', '60s', false),"
)
# Whoever set more than the usual (remote_apply) keeps it.
_DURABLE = " set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false)"
_UNHURRIED = (
    "SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)"
)
_RELAXED = " set_config('synchronous_commit', 'off', false)"

Result = TypeVar("Result")


class _Sessions:
    """Open connections of one kind: as many as were ever used at once, the latest used first."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._away_until = 0.0

    def take(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> Connection:
        began = time.monotonic()
        if began < self._away_until:
            # All threads would wait for a host that says nothing, and all requests for a thread.
            raise psycopg.OperationalError("it did not answer a moment ago")
        try:
            return self._engine.connect()
        except (psycopg.Error, SQLAlchemyError):
            now = time.monotonic()
            if now - began > _SLOW_SECONDS:
                self._away_until = now + _AWAY_SECONDS
            raise

    def give(self, connection: Connection) -> None:
        with self._lock:
            self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """Forget a broken connection, and the idle ones, which probably broke with it."""
        if not connection.closed:
            connection.invalidate()
            connection.close()
        self.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class PostgresDatabase:
    """One database on a server; see ``Database``."""

    inline = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = _Sessions(engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._writing = _Sessions(engine)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="registry-reader")
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="registry-writer")

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups, again on another connection if this one broke. Raises DatabaseDown."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], Result], *, durable: bool = True) -> Result:
        """Run ``work`` in a transaction; see ``Database``."""
        if not durable:
            work = partial(_relaxed, work)
        # Whoever is cancelled does not take along what waits for its turn.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writers, self._write, work))

    async def snapshot(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups in one transaction (REPEATABLE READ); see ``Database``. Raises DatabaseDown."""
        return await asyncio.to_thread(self._snapshot, work)

    def _snapshot(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self._engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
                connection.exec_driver_sql(_UNHURRIED)
                return work(connection)
        except (psycopg.Error, SQLAlchemyError) as error:
            _raise(error)

    def version(self) -> None:
        """To ask costs a round trip."""

    def close(self) -> None:
        """Finish what has begun, and close."""
        for threads in (self._readers, self._writers):
            threads.shutdown()
        self._reading.close()
        self._writing.close()
        self._engine.dispose()

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return _attempt(self._reading, work)
        except _Lost:
            return _last_attempt(self._reading, work)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        def transact(connection: Connection) -> Result:
            return _transact(connection, work)

        for number in range(1, _TRIES):
            try:
                return _attempt(self._writing, transact)
            except _Lost:
                pass
            except (psycopg.Error, SQLAlchemyError) as error:
                if not may_work_again(error):
                    _raise(error)
            # Those that were in one another's way must not meet again.
            time.sleep(_PAUSE * 2**number * (1 + random.random()))  # noqa: S311
        return _last_attempt(self._writing, transact)


class _Lost(Exception):
    """The connection is of no use any more."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _attempt(sessions: _Sessions, work: Callable[[Connection], Result]) -> Result:
    """Run work once on some connection, which is clean afterwards. Raises _Lost, and what ``work`` raises."""
    try:
        connection = sessions.take()
    except (psycopg.Error, SQLAlchemyError) as error:
        raise _Lost(error) from error
    try:
        result = work(connection)
        if connection.in_transaction():
            connection.rollback()  # only SQLAlchemy believes that there is one: nothing is sent
    except BaseException as error:
        cause = driver_error(error)
        if _broken(connection) or (cause is not None and is_lost(cause, _driver(connection))):
            sessions.drop(connection)
            if cause is not None:
                raise _Lost(error) from error
        else:
            _clean(sessions, connection)
        raise
    sessions.give(connection)
    return result


def _last_attempt(sessions: _Sessions, work: Callable[[Connection], Result]) -> Result:
    try:
        return _attempt(sessions, work)
    except _Lost as lost:
        raise translate(lost.error, lost=True) from lost.error
    except (psycopg.Error, SQLAlchemyError) as error:
        _raise(error)


def _raise(error: BaseException) -> NoReturn:
    found = translate(error, lost=False)
    if found is error:
        raise found
    raise found from error


def _clean(sessions: _Sessions, connection: Connection) -> None:
    try:
        connection.rollback()
        _driver(connection).rollback()
    except (psycopg.Error, SQLAlchemyError):
        sessions.drop(connection)
    else:
        sessions.give(connection)


def _relaxed(work: Callable[[Connection], Result], connection: Connection) -> Result:
    connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
    return work(connection)


def _transact(connection: Connection, work: Callable[[Connection], Result]) -> Result:
    with connection.begin() as transaction:
        result = work(connection)
        driver = _driver(connection)
        if driver.info.transaction_status == TransactionStatus.INERROR:
            # COMMIT would say yes, and do nothing.
            raise AssertionError("work went on after a statement had failed")
        try:
            transaction.commit()
        except (psycopg.Error, SQLAlchemyError) as error:
            if _broken(connection):
                raise DatabaseDown("the registry's database was lost while it committed") from error
            raise
    return result


def _broken(connection: Connection) -> bool:
    return connection.closed or connection.invalidated or _driver(connection).closed


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def open_postgres(address: URL, *, durable: bool = True) -> PostgresDatabase:
    """Open a database, and bring it to the current schema.

    Several processes may do this at once. Without ``durable``, what was answered in the last moments
    before a crash of the database may be missing after it, but nothing is damaged. Raises
    InvalidConfiguration, and StorageFailed when it cannot be reached, or is of a newer version.
    """
    engine = _engine(address)
    statement = _SETTINGS + (_DURABLE if durable else _RELAXED)

    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", configure)
    try:
        upgrade_schema(engine)
    except (psycopg.Error, SQLAlchemyError) as error:
        engine.dispose()
        raise _unusable(address, error) from error
    return PostgresDatabase(engine)


def find_postgres_revision(address: URL) -> str | None:
    """The revision of a database's schema; None: it has none. Raises InvalidConfiguration, StorageFailed."""
    engine = _engine(address)
    try:
        with engine.connect() as connection:
            return current_revision(connection)
    except (psycopg.Error, SQLAlchemyError) as error:
        raise _unusable(address, error) from error
    finally:
        engine.dispose()


def _engine(address: URL) -> Engine:
    if "@" in (address.host or ""):
        # The end of a password that was not quoted must not be shown as a host's name.
        raise InvalidConfiguration(
            "the address of the database has more than one @", hint="write an @ of the password as %40"
        )
    return create_engine(
        address.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in _CONNECT.items() if name not in address.query},
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        use_native_hstore=False,
    )


def _on_one_line(text: str) -> str:
    """The server's words without its line breaks and tabs."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _unusable(address: URL, error: Exception) -> StorageFailed:
    return StorageFailed(
        f"the registry's database {address.database} at {address.host} cannot be used",
        cause=_on_one_line(str(driver_error(error) or error)),
    )
