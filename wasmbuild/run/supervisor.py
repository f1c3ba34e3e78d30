"""Run something that does not listen for signals nor for the clock, so that both can end the wait for it.

Python handles signals in the main thread and between its own instructions; a guest's loop, its wait
for input and a long compilation have none. So they get a thread, and whoever started them waits.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["OutOfTime", "guest_is_left", "supervise"]

T = TypeVar("T")

_GRACE = 0.03
"""Seconds that a guest has to end after it was told to."""

_TELLINGS = 6
"""How often it is told in that time: the first may come before it began to listen."""

_HOST_STACK = 4 * 1024**2
"""Bytes of a thread's stack beside the guest's own: what the engine and Python need when the guest calls them."""

_PAGE = 4096
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_starting = threading.Lock()


class OutOfTime(Exception):
    """The time was up before the work was done."""


class _Job(threading.Thread, Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="guest", daemon=True)
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


def supervise(
    work: Callable[[], T], stop: Callable[[], None] | None, *, seconds: float | None = None, stack_bytes: int = 0
) -> T:
    """Do ``work`` in a thread and return what it returns, or raise what it raises.

    When the wait is interrupted or the time is up, ``stop`` is called, if there is one, and the wait ends
    within 100 ms. Work that cannot be stopped is left behind, and ends with the process: see
    ``guest_is_left``. ``stack_bytes`` is what the work may use of its stack. Raises OutOfTime.
    """
    job = _Job(work)
    try:
        with _thread_of(stack_bytes):
            job.start()
        in_time = job.ended.wait(seconds)
    except BaseException:
        _end(job, stop)
        raise
    if not in_time:
        _end(job, stop)
        raise OutOfTime
    return job.result()


def guest_is_left() -> bool:
    """Whether work goes on that nobody waits for: the process can then be ended only from the outside."""
    return any(isinstance(thread, _Job) and not thread.ended.is_set() for thread in threading.enumerate())


def _end(job: _Job[T], stop: Callable[[], None] | None) -> None:
    if stop is None:
        return
    for _ in range(_TELLINGS):
        stop()
        if job.ended.wait(_GRACE / _TELLINGS):
            return


@contextmanager
def _thread_of(stack_bytes: int) -> Iterator[None]:
    """Threads that start in the block have such a stack, and leave signals to those that can handle them.

    The kernel hands a signal to any thread that takes it, and nothing would wake the one that waits.
    """
    with _starting:
        size = -(-(stack_bytes + _HOST_STACK) // _PAGE) * _PAGE
        before = threading.stack_size(size)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            yield
        finally:
            threading.stack_size(before)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
