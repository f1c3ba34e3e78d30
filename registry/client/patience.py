"""How long one thing is tried again, and what is worth another try.

Waiting doubles from a quarter of a second, with jitter; a server that says when to come back is
obeyed. The budget, in seconds, is looked up at the first failure and runs from then on; anew after progress.
"""

from collections.abc import Callable
from random import random
from time import monotonic

from registry.errors import Failure, RegistryRefused, Unreachable
from registry.workers import pause

__all__ = ["Patience", "is_transient"]

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be gone the next time (RFC 9110; 425 is RFC 8470's, 429 is RFC 6585's)."""
_FIRST = 0.25
_LONGEST = 20.0
_WORTH_SAYING = 2.0
"""Seconds of waiting from which on a person is told why nothing moves."""


def is_transient(failure: Failure) -> bool:
    """Whether the same request may succeed later: no answer, or one that says so."""
    if isinstance(failure, RegistryRefused):
        return failure.status in _TRANSIENT
    return isinstance(failure, Unreachable) and failure.may_pass


class Patience:
    """What is left of it for one thing that is tried again and again."""

    def __init__(self, budget: Callable[[], float], notice: Callable[[str], None]) -> None:
        self._budget = budget
        self._notice = notice
        self._tries = 0
        self._deadline = 0.0

    def renew(self) -> None:
        """Begin anew: there was progress."""
        self._tries = 0

    def wait(self, failure: Failure, *, passes: bool = False) -> None:
        """Wait before the next try. Raises the failure when patience is at its end, or no wait helps.

        ``passes``: the caller knows that waiting does.
        """
        if not passes and not is_transient(failure):
            raise failure
        if self._tries == 0:
            self._deadline = monotonic() + self._budget()
        seconds = self._delay(failure)
        self._tries += 1
        if monotonic() + seconds > self._deadline:
            raise failure
        if seconds >= _WORTH_SAYING:
            self._notice(f"{failure}; trying again in {seconds:.0f} s")
        pause(seconds)

    def _delay(self, failure: Failure) -> float:
        told = failure.retry_after if isinstance(failure, RegistryRefused) else 0.0
        return max(told, min(_FIRST * 2.0**self._tries, _LONGEST) * (0.5 + random()))  # noqa: S311 - jitter
