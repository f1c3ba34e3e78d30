"""Guard: whether a command that runs has to be ended, and why. Not here: ending it (``runner``)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wasmbuild.build.limits import Limits, shown_size
from wasmbuild.build.processes import family, memory

__all__ = ["Abort", "Guard", "abort_all"]

_LOOK_SECONDS = 0.1

_running: list["Abort"] = []
_changing = threading.Lock()


class Abort:
    """Ends every command that was given it, those that begin later, too; any thread may ``set`` it."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def set(self) -> None:
        """Ask for the end; the commands are gone when their ``run`` returns, which is soon."""
        self._asked.set()

    def is_set(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """While a command runs, ``abort_all`` reaches it."""
        with _changing:
            _running.append(self)
        try:
            yield
        finally:
            with _changing:
                _running.remove(self)


def abort_all() -> None:
    """End every command that runs now, in whichever thread; those that begin later are not affected."""
    with _changing:
        for abort in _running:
            abort.set()


@dataclass(slots=True)
class Guard:
    """Looks at one command: ``deadline`` is a time of ``time.monotonic``."""

    pid: int
    deadline: float
    timeout_seconds: float
    limits: Limits
    abort: Abort
    _next_look: float = field(default_factory=lambda: time.monotonic() + _LOOK_SECONDS)

    def is_late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self.deadline

    def must_stop(self) -> bool:
        """What even a flood of output does not delay."""
        return self.is_late() or self.abort.is_set()

    def problem(self) -> str | None:
        """What it has done to be ended, as the end of a sentence that begins with its name."""
        if self.abort.is_set():
            return "was stopped"
        now = time.monotonic()
        if now > self.deadline:
            return f"took longer than {self.timeout_seconds:g} seconds and was stopped"
        if now < self._next_look or (self.limits.memory is None and self.limits.processes is None):
            return None
        problem = self._look()
        self._next_look = time.monotonic() + _LOOK_SECONDS
        return problem

    def _look(self) -> str | None:
        pids = family(self.pid)
        processes, size = self.limits.processes, self.limits.memory
        if processes is not None and len(pids) > processes:
            return f"started more than {processes} processes and was stopped"
        if size is not None and memory(pids, size) > size:
            return f"used more than {shown_size(size)} of memory and was stopped"
        return None
