"""Bringing a database to the schema of this code. Alembic is imported only when there is work."""

from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from registry.errors import StorageFailed
from registry.server.schema import REVISION

__all__ = ["upgrade_schema"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade_schema(engine: Engine) -> None:
    """Run the migrations that the database has not seen, in one exclusive transaction.

    Several processes may do this at once: each looks again once it holds the write lock. Raises
    StorageFailed when the database was written by a newer version.
    """
    with engine.connect() as connection:
        if _current(connection) == REVISION:
            return
    # Each transaction of this engine is BEGIN IMMEDIATE: from here on nobody else writes.
    with engine.begin() as connection:
        if _current(connection) != REVISION:
            _migrate(connection)


def _current(connection: Connection) -> str | None:
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise


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
