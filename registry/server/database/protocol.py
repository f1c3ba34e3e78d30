"""What every database can do."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

__all__ = ["Database"]

Result = TypeVar("Result")


class Database(Protocol):
    """One open database; belongs to one event loop."""

    inline: bool
    """Reading is done on the event loop's own thread, since that takes less time than changing threads."""

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups; each statement sees the newest committed state."""

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a transaction; when this returns, it is on the disk (of the database).

        ``work`` may run more than once, so it changes nothing but rows. Whatever it raises undoes all
        of it. A caller that is cancelled does not undo it. Raises OSError (ENOSPC) when the disk is
        full, and DatabaseDown when the database cannot be reached.
        """

    def version(self) -> int | None:
        """A number that is another one after any change by anybody; None where asking costs a round trip."""

    def close(self) -> None:
        """Finish the writes that have begun, and close."""
