"""Work that makes more work: tasks in a few threads, their outcomes handled one by one in the calling thread.

What the tasks do is not known here. The last task asked for is the first to run, so that work goes
deep before it goes wide, and little of it waits in memory.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from queue import Empty, LifoQueue, SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, TypeVar

__all__ = ["Abandoned", "Workers", "check_abandoned", "pause", "together"]

_ABANDONED: ContextVar[Event | None] = ContextVar("abandoned", default=None)
_T = TypeVar("_T")
_TURN = 0.2
"""Seconds after which the calling thread looks up: a signal may have woken another thread than it."""
_FAREWELL = 2.0
"""Seconds that all threads together get to end when the work is over."""


class Abandoned(Exception):
    """Another task of the same work failed, or the person gave up."""


def check_abandoned() -> None:
    """Raise Abandoned, in a task whose work is over."""
    event = _ABANDONED.get()
    if event is not None and event.is_set():
        raise Abandoned


def pause(seconds: float) -> None:
    """Sleep, or raise Abandoned as soon as the work that this task belongs to is over."""
    event = _ABANDONED.get()
    if event is None:
        sleep(seconds)
    elif event.wait(seconds):
        raise Abandoned


class Workers:
    """At most ``count`` threads. Tasks are added from the calling thread, before or while it runs them."""

    def __init__(self, count: int) -> None:
        self._count = max(count, 1)
        self._tasks: LifoQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None] = LifoQueue()
        self._ended: SimpleQueue[tuple[Callable[[Any], None], Any, BaseException | None]] = SimpleQueue()
        self._pending = 0
        self._threads: list[Thread] = []
        self._abandoned = Event()

    def add(self, task: Callable[[], _T], then: Callable[[_T], None]) -> None:
        """Run ``task`` in one of the threads, and then ``then`` with its outcome in the calling one."""
        self._pending += 1
        self._tasks.put((task, then))
        if len(self._threads) < min(self._count, self._pending):
            thread = Thread(target=self._work, name=f"worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def run(self) -> None:
        """Run all tasks, and those that they lead to.

        Raises the first failure; what runs then ends at its next look, and what waits never begins.
        """
        try:
            while self._pending:
                then, outcome, failure = self._next()
                self._pending -= 1
                if failure is not None:
                    raise failure
                then(outcome)
        finally:
            self._abandoned.set()
            for _ in self._threads:
                self._tasks.put(None)
            until = monotonic() + _FAREWELL
            for thread in self._threads:
                thread.join(max(until - monotonic(), 0))  # some may be deep in reads that nothing wakes

    def _next(self) -> tuple[Callable[[Any], None], Any, BaseException | None]:
        while True:
            with suppress(Empty):
                return self._ended.get(timeout=_TURN)

    def _work(self) -> None:
        _ABANDONED.set(self._abandoned)
        while (task := self._tasks.get()) is not None and not self._abandoned.is_set():
            work, then = task
            try:
                self._ended.put((then, work(), None))
            except BaseException as failure:  # noqa: BLE001 - it is raised in the calling thread
                self._ended.put((then, None, failure))


def together(tasks: Sequence[Callable[[], _T]], at_once: int) -> list[_T]:
    """The outcomes of some tasks, in their order; one task alone needs no thread. Raises the first failure."""
    if len(tasks) == 1:
        return [tasks[0]()]
    outcomes: dict[int, _T] = {}
    workers = Workers(at_once)
    for place in reversed(range(len(tasks))):  # the last one asked for is the first to run
        workers.add(tasks[place], partial(outcomes.__setitem__, place))
    workers.run()
    return [outcomes[place] for place in range(len(tasks))]
