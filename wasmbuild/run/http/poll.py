"""``wasi:io/poll``: waiting for what becomes ready (WIT of wasi:io 0.2.12)."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmbuild.run.http.compounds import ListOf
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.resources import Borrow
from wasmbuild.run.http.values import BOOL, U32, Misuse

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["POLL", "Pollable"]

_MOST = 1024


class Pollable:
    """Something to wait for: a state of the exchange, or a time ``at`` (of the monotonic clock)."""

    def __init__(self, state: Callable[[], bool] | None = None, at: float = math.inf) -> None:
        self._state = state
        self.at = at

    def ready(self) -> bool:
        """Whether what is waited for is there."""
        if self._state is not None:
            return self._state()
        return time.monotonic() >= self.at


def _ready(_host: "Host", pollable: Pollable) -> bool:
    return pollable.ready()


def _block(host: "Host", pollable: Pollable) -> None:
    host.wait([pollable])


def _poll(host: "Host", pollables: list[Pollable]) -> list[int]:
    if not pollables:
        raise Misuse("poll was given nothing to wait for")
    if len(pollables) > _MOST:
        raise Misuse(f"poll was given more than {_MOST} things to wait for")
    return host.wait(pollables)


POLL = Interface(
    "wasi:io/poll",
    (
        Function("[method]pollable.ready", (Borrow(Pollable),), BOOL, _ready),
        Function("[method]pollable.block", (Borrow(Pollable),), None, _block),
        Function("poll", (ListOf(Borrow(Pollable)),), ListOf(U32), _poll),
    ),
    (("pollable", Pollable),),
)
