"""Bringing a database to the schema of this code. Alembic is imported only when there is work."""

from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection, Engine, inspect, text

from registry.errors import StorageFailed
from registry.server.schema import REVISION

__all__ = ["current_revision", "refuse_downgrade", "upgrade_schema"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7761736D  # "wasm"; any number that no other program takes
_EXCLUSIVE = (
    "SET LOCAL lock_timeout = '60s'",
    "SET LOCAL statement_timeout = 0",
    f"SELECT pg_advisory_xact_lock({_LOCK})",
)


def upgrade_schema(engine: Engine) -> None:
    """Run the migrations that the database has not seen, in one exclusive transaction.

    Several processes may do this at once: each looks again once it holds the lock. Raises
    StorageFailed when the database was written by a newer version.
    """
    with engine.connect() as connection:
        if current_revision(connection) == REVISION:
            return
    # With SQLite each transaction of this engine is BEGIN IMMEDIATE: from here on nobody else writes.
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            for statement in _EXCLUSIVE:
                connection.exec_driver_sql(statement)
        if current_revision(connection) != REVISION:
            _migrate(connection)


def current_revision(connection: Connection) -> str | None:
    """The revision of a database's schema; None: it has none yet."""
    # On PostgreSQL a query that fails would end the transaction.
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def refuse_downgrade() -> NoReturn:
    """What each revision says to whoever wants to go back. Raises StorageFailed."""
    raise StorageFailed(
        "a registry's database is not brought back to an older schema",
        cause="what only the newer one can say would be lost",
        hint="with the older version, into an empty registry: wasmbuild registry restore BACKUP",
    )


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  half of the start-up time, needed once in a database's life
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageFailed(
            "the registry's database was written by another version",
            cause=str(error),
            hint="use the newest version that ever served this folder",
        ) from error
