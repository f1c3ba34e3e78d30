"""Several jobs at once, each after those that it needs: on this machine, or wherever an Executor brings them.

Not here: what a job does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["Finished", "Schedule"]

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Finished(Generic[_Result]):
    """What became of all jobs, by name: results, failures, and those that were not begun because of a failure."""

    results: dict[str, _Result] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Schedule(Generic[_Result]):
    """Jobs by name, in an order that works; ``needs`` says which others a job comes after.

    ``job`` gets its name and the results of those that it needs. Without an executor they are done one after
    the other, here. After a failure no other job is begun, unless ``keep_going``: then all that do not need it.
    """

    names: Sequence[str]
    needs: Mapping[str, Sequence[str]]
    job: Callable[[str, Mapping[str, _Result]], _Result]
    executor: "Executor | None" = None
    keep_going: bool = False
    _finished: Finished[_Result] = field(default_factory=Finished)
    _running: "dict[Future[_Result], str]" = field(default_factory=dict)

    def perform(self) -> Finished[_Result]:
        """Do them all. What is not an Exception, such as an interruption, ends everything and is raised."""
        waiting = list(self.names)
        try:
            while waiting or self._running:
                waiting = [name for name in waiting if not (self._given_up(name) or self._begun(name))]
                self._wait()
        except BaseException:
            for future in self._running:
                future.cancel()
            raise
        return self._finished

    def _given_up(self, name: str) -> bool:
        done = self._finished
        lost = any(each in done.failures or each in done.skipped for each in self.needs.get(name, ()))
        if lost or (done.failures and not self.keep_going):
            done.skipped.append(name)
            return True
        return False

    def _begun(self, name: str) -> bool:
        needed = self.needs.get(name, ())
        if not all(each in self._finished.results for each in needed):
            return False
        given = {each: self._finished.results[each] for each in needed}
        if self.executor is not None:
            self._running[self.executor.submit(self.job, name, given)] = name
        else:
            self._keep(name, lambda: self.job(name, given))
        return True

    def _wait(self) -> None:
        if not self._running:
            return
        from concurrent.futures import FIRST_COMPLETED, wait  # noqa: PLC0415  (imports logging)

        ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in ended:
            self._keep(self._running.pop(future), future.result)

    def _keep(self, name: str, result: Callable[[], _Result]) -> None:
        try:
            self._finished.results[name] = result()
        except Exception as failure:  # noqa: BLE001 - the caller decides what it means for the others
            self._finished.failures[name] = failure
