"""Whether the clock can be believed.

Everything that goes has a time until which it is kept. A clock that steps forward would let all of
those pass at once, so that after a step, or a sleep of the whole machine, nothing goes for a while.
"""

import time
from collections.abc import Callable

__all__ = ["Clock"]

_TOLERANCE = 5.0
"""Seconds by which two clocks may differ over one round: clocks are corrected in small steps."""


class Clock:
    """The time of day, held against a clock that never steps. Times in seconds."""

    def __init__(
        self,
        patience: float,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._now = now
        self._monotonic = monotonic
        self._offset = now() - monotonic()
        self._until = 0.0

    def now(self) -> float:
        """The time of day, since the epoch."""
        return self._now()

    def steady(self) -> bool:
        """False when the clock has stepped forward within the last ``patience`` seconds."""
        ticks = self._monotonic()
        offset = self._now() - ticks
        if offset > self._offset + _TOLERANCE:
            self._until = ticks + self._patience
        self._offset = offset
        return ticks >= self._until
