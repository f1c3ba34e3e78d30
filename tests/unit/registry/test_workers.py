import os
import signal
import threading
import time
from functools import partial

import pytest

from registry.workers import Abandoned, Workers, check_abandoned, pause, together


def test_tasks_lead_to_tasks():
    workers, seen = Workers(3), []

    def then(number):
        seen.append(number)
        if number < 50:
            workers.add(lambda: number + 5, then)

    for number in range(5):
        workers.add(lambda number=number: number, then)
    workers.run()
    assert sorted(seen) == list(range(55))


def test_outcomes_are_handled_in_the_calling_thread():
    workers, threads = Workers(4), set()
    for _ in range(20):
        workers.add(threading.get_ident, lambda _: threads.add(threading.get_ident()))
    workers.run()
    assert threads == {threading.get_ident()}


def test_the_last_one_in_is_the_first_one_out():
    workers, order, gate = Workers(1), [], threading.Event()
    workers.add(lambda: gate.wait(5), lambda _: None)
    for number in range(3):
        workers.add(lambda number=number: order.append(number), lambda _: None)
    gate.set()
    workers.run()
    assert order in ([2, 1, 0], [0, 2, 1]), "the first may have begun before the others were there"


def test_the_first_failure_is_raised_and_what_waits_never_begins():
    others = set(threading.enumerate())  # threads of other tests may still be ending
    workers, began = Workers(1), []

    def fail():
        raise KeyError("first")

    workers.add(fail, lambda _: workers.add(lambda: began.append(1), lambda _: None))
    with pytest.raises(KeyError, match="first"):
        workers.run()
    assert began == []
    assert not [each for each in set(threading.enumerate()) - others if each.name.startswith("worker-")]


def test_what_runs_notices_that_it_is_over():
    workers, ended, running = Workers(2), threading.Event(), threading.Event()

    def endless():
        running.set()
        try:
            while True:
                check_abandoned()
                time.sleep(0.001)
        except Abandoned:
            ended.set()
            raise

    def fail():
        assert running.wait(5)
        raise ValueError("enough")

    workers.add(endless, lambda _: None)
    workers.add(fail, lambda _: None)
    with pytest.raises(ValueError, match="enough"):
        workers.run()
    assert ended.wait(5)


def test_a_pause_ends_with_the_work():
    workers, pausing = Workers(2), threading.Event()

    def wait():
        pausing.set()
        pause(60)

    def fail():
        assert pausing.wait(5)
        raise ValueError("enough")

    workers.add(wait, lambda _: None)
    workers.add(fail, lambda _: None)
    began = time.monotonic()
    with pytest.raises(ValueError, match="enough"):
        workers.run()
    assert time.monotonic() - began < 10


def test_a_handler_that_fails_ends_the_work():
    workers = Workers(2)

    def refuse(outcome):
        raise RuntimeError(outcome)

    workers.add(lambda: "an outcome", refuse)
    with pytest.raises(RuntimeError, match="an outcome"):
        workers.run()


def test_ctrl_c_ends_the_work():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    workers = Workers(2)
    workers.add(lambda: pause(60), lambda _: None)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        workers.run()
    timer.join()
    signal.signal(signal.SIGINT, before)


def test_threads_that_nothing_wakes_are_waited_for_once(monkeypatch):
    monkeypatch.setattr("registry.workers._FAREWELL", 0.4)
    workers, gate = Workers(21), threading.Event()
    for _ in range(20):
        workers.add(gate.wait, lambda _: None)
    workers.add(lambda: 1 / 0, lambda _: None)
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        workers.run()
    assert time.monotonic() - began < 4
    gate.set()


def test_outside_of_any_work_nothing_is_abandoned():
    check_abandoned()
    began = time.monotonic()
    pause(0.01)
    assert time.monotonic() - began >= 0.01


def test_there_need_not_be_any_work():
    Workers(4).run()


def test_outcomes_are_in_the_order_of_their_tasks():
    gates = [threading.Event() for _ in range(3)]

    def task(number):
        gates[number].wait(5)
        if number:
            gates[number - 1].set()
        return number

    gates[2].set()
    assert together([partial(task, number) for number in range(3)], 3) == [0, 1, 2]
    assert together([], 3) == []


def test_one_task_alone_needs_no_thread():
    assert together([threading.get_ident], 3) == [threading.get_ident()]


def test_the_first_failure_of_some_tasks_is_raised():
    with pytest.raises(ZeroDivisionError):
        together([lambda: 1, lambda: 1 / 0], 2)
