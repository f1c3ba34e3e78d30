"""Ages: how long ago something was, by a clock that is given."""

import re
from datetime import UTC, datetime, timedelta

__all__ = ["age_words", "parse_time", "too_old"]

SKEW = timedelta(minutes=5)
"""How far another clock may be ahead of ours."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")


def parse_time(text: object) -> datetime | None:
    """A time of RFC 3339; None for anything else."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def too_old(then: datetime | None, most: timedelta, now: datetime) -> str | None:
    """Why a time is not within an age; None when it is. What has no time has no age that could be trusted."""
    if then is None:
        return "nobody has confirmed when it was"
    if then > now + SKEW:
        return f"it says {then.isoformat()}, which is in the future"
    if now - then > most:
        return f"it is of {then.isoformat()}"
    return None


def age_words(age: timedelta) -> str:
    """An age for people."""
    minutes = int(age.total_seconds()) // 60
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes % size == 0:
            return _plural(minutes // size, unit)
    return _plural(minutes, "minute")


def _plural(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
