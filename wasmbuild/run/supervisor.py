"""Run something that does not listen for signals, so that Ctrl-C still works.

Python handles SIGINT in the main thread and between its own instructions; a guest's loop, its wait
for input and a long compilation have none. So they get a thread, and the main thread waits.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["supervise"]

T = TypeVar("T")

_LOOK = 0.05
"""Seconds between looks at whether a signal came. The kernel may hand it to any thread, for instance
to one that the guest's host just made, and then nothing wakes the main thread's wait."""

_GRACE = 0.05
"""Seconds that a guest has to end after it was told to."""

_TELLINGS = 5
"""How often it is told in that time: the first may come before it began to listen."""


class _Job(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001  (it is raised again, in the thread that waits)
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result[0]


def supervise(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Do ``work`` in a thread and return what it returns, or raise what it raises.

    When the wait is interrupted, ``stop`` is called and the interruption goes on within 100 ms. Work
    that cannot be stopped (it is inside a call of the host) is left behind, and ends with the process.
    """
    job = _Job(work)
    try:
        threading.Thread(target=job.run, name="guest", daemon=True).start()
        while not job.ended.wait(_LOOK):
            continue
    except BaseException:
        for _ in range(_TELLINGS):
            stop()
            if job.ended.wait(_GRACE / _TELLINGS):
                break
        raise
    return job.result()
