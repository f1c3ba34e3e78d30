"""What every database can do."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

__all__ = ["Database", "DatabaseDown"]

Result = TypeVar("Result")


class DatabaseDown(ConnectionError):  # no Failure: the app turns it into an answer
    """The database cannot be reached, or is too busy; the same may work in a while."""


class Database(Protocol):
    """One open database; belongs to one event loop."""

    inline: bool
    """Reading is done on the event loop's own thread, since that takes less time than changing threads."""

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups; each statement sees the newest committed state."""

    async def write(self, work: Callable[[Connection], Result], *, durable: bool = True) -> Result:
        """Run ``work`` in a transaction; when this returns, it is on the disk (of the database).

        Without ``durable`` it is on the disk a little later: a power cut may undo it, nothing else.
        ``work`` may run more than once, so it changes nothing but rows. Whatever it raises undoes all
        of it. A caller that is cancelled does not undo it. Raises OSError (ENOSPC) when the disk is
        full, and DatabaseDown when the database cannot be reached.
        """

    async def snapshot(self, work: Callable[[Connection], Result]) -> Result:
        """Run look-ups, on a thread, that all see the state of one moment; for what takes long."""

    def version(self) -> int | None:
        """A number that is another one after any change by anybody; None where asking costs a round trip."""

    def close(self) -> None:
        """Finish the writes that have begun, and close."""
