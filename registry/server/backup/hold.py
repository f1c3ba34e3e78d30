"""Keeping collection away for as long as a backup is made or restored, and not for longer when that is killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from registry.errors import StorageFailed
from registry.server.metadata.holds import place_hold, release_hold, renew_hold
from registry.server.services import Services

__all__ = ["HOLD_SECONDS", "Hold", "holding"]

HOLD_SECONDS = 600.0
"""How long nothing is collected after whoever held it back has died."""


class Hold:
    """A hold that lasts until ``holding`` is left, or until nobody could renew it in time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def require(self, connection: Connection) -> None:
        """Go on only while it lasts, for ``HOLD_SECONDS`` more. Raises StorageFailed."""
        if not renew_hold(connection, self.name, HOLD_SECONDS):
            raise StorageFailed(
                "this took too long between two steps, and something may have been deleted meanwhile",
                cause="the hold on collection ended, as after a sleep of the machine",
                hint="run it again: it goes on where this one stopped",
            )


@asynccontextmanager
async def holding(services: Services, why: str) -> AsyncIterator[Hold]:
    """Let nothing be collected until this is left."""
    hold = Hold(await services.write(partial(place_hold, why=why, seconds=HOLD_SECONDS)))
    task = asyncio.create_task(_renew(services, hold))
    try:
        yield hold
    finally:
        task.cancel()
        await asyncio.wait({task})
        # It ends by itself: whatever went wrong before is worth more than this.
        with contextlib.suppress(OSError, SQLAlchemyError):
            await services.write(partial(release_hold, name=hold.name))


async def _renew(services: Services, hold: Hold) -> None:
    while True:
        await asyncio.sleep(HOLD_SECONDS / 10)
        with contextlib.suppress(OSError, SQLAlchemyError):
            if not await services.write(partial(renew_hold, name=hold.name, seconds=HOLD_SECONDS)):
                return
