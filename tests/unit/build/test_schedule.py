"""Which jobs are done, in which order, and what a failure means for the others."""

import threading
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.build.schedule import Schedule

NEEDS = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


class Jobs:
    """Remembers what was done; those in ``failing`` fail."""

    def __init__(self, *failing: str) -> None:
        self.done: list[str] = []
        self.failing = failing
        self.lock = threading.Lock()

    def __call__(self, name: str, needed: Mapping[str, str]) -> str:
        with self.lock:
            self.done.append(name)
        if name in self.failing:
            raise ValueError(name)
        return f"{name}({' '.join(sorted(needed.values()))})"


@pytest.fixture(params=[0, 1, 3])
def executor(request: pytest.FixtureRequest):
    if not request.param:
        yield None
        return
    with ThreadPoolExecutor(request.param) as pool:
        yield pool


def test_each_gets_the_results_of_what_it_needs(executor: Executor | None) -> None:
    jobs = Jobs()
    finished = Schedule(list(NEEDS), NEEDS, jobs, executor).perform()
    assert finished.results["d"] == "d(b(a()) c(a()))"
    assert sorted(jobs.done) == list("abcde")
    assert (finished.failures, finished.skipped) == ({}, [])


def test_a_failure_ends_what_has_not_begun() -> None:
    jobs = Jobs("b")
    finished = Schedule(list(NEEDS), NEEDS, jobs).perform()
    assert jobs.done == ["a", "b"]
    assert list(finished.results) == ["a"]
    assert [str(failure) for failure in finished.failures.values()] == ["b"]
    assert finished.skipped == ["c", "d", "e"]


def test_keep_going_does_all_that_does_not_need_it(executor: Executor | None) -> None:
    jobs = Jobs("b")
    finished = Schedule(list(NEEDS), NEEDS, jobs, executor, keep_going=True).perform()
    assert sorted(finished.results) == ["a", "c", "e"]
    assert finished.skipped == ["d"]


def test_an_interruption_is_raised_and_the_rest_is_not_begun() -> None:
    jobs = Jobs()

    def interrupted(name: str, needed: Mapping[str, str]) -> str:
        if name == "b":
            raise KeyboardInterrupt
        return jobs(name, needed)

    with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor(1) as pool:
        Schedule(list(NEEDS), NEEDS, interrupted, pool).perform()
    assert "d" not in jobs.done


@given(st.data())
def test_any_graph_is_done_in_an_order_that_works(data: st.DataObject) -> None:
    names = [f"t{number}" for number in range(data.draw(st.integers(0, 12)))]
    needs = {
        name: tuple(data.draw(st.sets(st.sampled_from(names[:place])))) if place else ()
        for place, name in enumerate(names)
    }
    failing = data.draw(st.sets(st.sampled_from(names))) if names else set()
    jobs = Jobs(*failing)
    finished = Schedule(names, needs, jobs, keep_going=True).perform()
    assert sorted([*finished.results, *finished.failures, *finished.skipped]) == sorted(names)
    for place, name in enumerate(jobs.done):
        assert set(needs[name]) <= set(jobs.done[:place])
        assert not set(needs[name]) & (set(finished.failures) | set(finished.skipped))
