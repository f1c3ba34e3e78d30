"""What an operator does to a registry, whether or not a server of it runs: opened, worked on, closed.

Database and storage are used directly, so whoever can read the settings and the data may do it. What
is done is in other rooms; commands are not here either.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from registry.errors import StorageFailed
from registry.server.config import ServerConfig
from registry.server.database import find_revision, open_database
from registry.server.schema import REVISION
from registry.server.services import Services, open_services
from registry.server.storage.folder import make_uploads

__all__ = ["Migration", "find_migration", "migrate", "operate"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Migration:
    """The revision of a database's schema, None when there is none yet, and the one that this code needs."""

    found: str | None
    needed: str

    @property
    def due(self) -> bool:
        """Whether they are not the same."""
        return self.found != self.needed


def operate(config: ServerConfig, work: Callable[[Services], Awaitable[Result]], *, create: bool = False) -> Result:
    """Do something to a registry: what ``work`` returns. ``create``: make the registry when there is none.

    Nothing is migrated. Raises StorageFailed when there is no registry, when its schema is of another
    version, and when database or storage do not do as they are told; and what ``work`` raises.
    """
    _check(config, create=create)
    # Who did what to content is for the audit log; requests, of which the other log tells, there are none.
    quiet = replace(config.observing, access_log="off", traces=None)
    try:
        return asyncio.run(_operate(replace(config, observing=quiet), work))
    except (OSError, SQLAlchemyError, sqlite3.Error) as error:
        raise StorageFailed("the registry's database or storage failed", cause=_words(error)) from error


async def _operate(config: ServerConfig, work: Callable[[Services], Awaitable[Result]]) -> Result:
    services = open_services(config)
    try:
        return await work(services)
    finally:
        await services.close()


def find_migration(config: ServerConfig) -> Migration:
    """What ``migrate`` would do. Raises StorageFailed, InvalidConfiguration."""
    return Migration(find_revision(_database(config)), REVISION)


def migrate(config: ServerConfig) -> Migration:
    """Bring a database to the schema of this code, making it at need: what that was.

    Raises StorageFailed, also when it was written by a newer version, and InvalidConfiguration.
    """
    before = find_migration(config)
    if before.due:
        make_uploads(config.data)
        open_database(_database(config), durable=config.durable).close()
    return before


def _check(config: ServerConfig, *, create: bool) -> None:
    found = find_migration(config)
    if found.found is None and not create:
        where = "the database" if config.database else str(config.data)
        raise StorageFailed(
            f"there is no registry in {where}", hint="name its folder with --data, or start one with wasmbuild serve"
        )
    if found.found is not None and found.found < found.needed:
        raise StorageFailed(
            "the registry's database was written by an older version",
            cause=f"its revision is {found.found}, and this version works with {found.needed}",
            hint="wasmbuild registry migrate, once no older server uses it any more",
        )


def _database(config: ServerConfig) -> str | Path:
    return config.database or config.data / "registry.db"


def _words(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error.__cause__ or error
    return str(getattr(cause, "strerror", None) or cause)
