"""The time, for what expires: the one place in ``trust`` where the clock is read."""

from datetime import UTC, datetime

__all__ = ["now"]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
