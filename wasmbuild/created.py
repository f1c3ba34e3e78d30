"""When an artifact says that it was made: SOURCE_DATE_EPOCH, so that the same sources give the same bytes."""

from collections.abc import Mapping
from datetime import UTC, datetime

from wasmbuild.errors import UsageFailed

__all__ = ["EPOCH_VARIABLE", "creation_time"]

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"

_LAST_SECOND = 253_402_300_799


def creation_time(environment: Mapping[str, str]) -> str:
    """The RFC 3339 time to write into artifacts: SOURCE_DATE_EPOCH in seconds, 0 when it is not set.

    Raises UsageFailed when the variable is not a number of seconds up to the year 9999.
    """
    text = environment.get(EPOCH_VARIABLE) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= _LAST_SECOND):
        raise UsageFailed(
            f"{EPOCH_VARIABLE} is not a number of seconds",
            cause=repr(text[:80]),
            hint=f"export {EPOCH_VARIABLE}=$(date +%s), or unset it",
        )
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
