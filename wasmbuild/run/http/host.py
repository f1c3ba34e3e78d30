"""The host of one guest: its resources, what it may see, and its time.

The same for every interface; what each function does is in the module of its interface.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from wasmbuild.run.http.exchange import Exchange
from wasmbuild.run.http.poll import Pollable
from wasmbuild.run.http.resources import Resources
from wasmbuild.run.http.values import Misuse

__all__ = ["Host"]

_KEPT_BYTES = 4 * 1024 * 1024


class Host:
    """What a guest that answers one request has; ``say`` takes what it prints.

    ``context`` is the engine's, valid during a call. ``failure`` is why the guest had to trap.
    """

    def __init__(
        self, exchange: Exchange, environment: tuple[tuple[str, str], ...], say: Callable[[str, bytes], None]
    ) -> None:
        self.exchange = exchange
        self.environment = environment
        self.say = say
        self.resources = Resources()
        self.context: Any = None
        self.failure: BaseException | None = None
        self._kept_bytes = 0

    def check(self) -> None:
        """Raises OutOfTime or Abandoned when the guest shall go no further."""
        self.exchange.check()

    def charge(self, size: int) -> None:
        """Count bytes of what it makes that stays in our memory, headers above all.

        Raises Misuse when they are too many.
        """
        self._kept_bytes += size
        if self._kept_bytes > _KEPT_BYTES:
            raise Misuse(f"the guest made more than {_KEPT_BYTES} bytes of headers and of what is not sent")

    def wait(self, pollables: Sequence[Pollable]) -> list[int]:
        """Wait until one is ready; which are, by position.

        Raises OutOfTime, Abandoned.
        """
        with self.exchange.changed:
            while True:
                ready = [at for at, each in enumerate(pollables) if each.ready()]
                if ready:
                    return ready
                self.check()
                until = min(self.exchange.deadline, *(each.at for each in pollables), math.inf)
                self.exchange.changed.wait(max(0.0, until - time.monotonic()))
