"""Real processes: what the clock, a terminal and a supervisor do to them."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.unit.run.core_guests import (
    COPY,
    COPY_IMPORTS,
    LOOP,
    READ,
    SLEEP,
    WASI,
    YES,
    command,
    exits,
    program,
)
from wasmbuild.errors import GuestFailed, GuestTimedOut
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.sandbox import run
from wasmbuild.run.supervisor import guest_is_left

CHECKOUT = Path(__file__).parents[3]
SOON = 0.5
"""Seconds; measured are 3 to 64 ms, on a machine that does nothing else. Promised are 100 ms."""
BUSY = 3
"""How often the machine may do something else."""

# The command line without what is around a guest: the same beginning and end of a process.
RUNNER = """
import sys
from pathlib import Path
from wasmbuild.cli import entry, main
def run(arguments, own_process):
    from wasmbuild.errors import Failure
    from wasmbuild.run.limits import GuestLimits
    from wasmbuild.run.program import Program
    from wasmbuild.run.sandbox import run
    try:
        return run(Program.open(Path(arguments[0])), ["guest"], limits=GuestLimits(seconds=float(arguments[1]) or None))
    except Failure as failure:
        print(type(failure).__name__, flush=True)
        return failure.exit_code
main.run = run
entry.main()
"""

STARTS = LOOP.replace('(func (export "_start")', "(func $s")[:-1] + '(start $s) (func (export "_start")))'


def start(path, seconds=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(path), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=CHECKOUT,
    )


def ended(process, number=None):
    """Wait until the guest runs, send a signal, and return what came out and how long it took."""
    try:
        while b"ready" not in process.stderr.readline():
            assert process.poll() is None
        began = time.monotonic()
        if number is not None:
            process.send_signal(number)
        process.wait(timeout=10)
        seconds = time.monotonic() - began
        return process.stdout.read().decode().split(), seconds
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


@pytest.fixture
def guest(tmp_path):
    def write(wat):
        path = tmp_path / "guest.wasm"
        path.write_bytes(program(wat).wasm)
        return path

    return write


@pytest.mark.parametrize(
    ("wat", "seconds", "number", "code"),
    [
        (LOOP, 0, signal.SIGINT, 130),
        (LOOP, 60, signal.SIGINT, 130),
        (SLEEP, 0, signal.SIGINT, 130),
        (READ, 0, signal.SIGTERM, 143),
        (STARTS, 0, signal.SIGINT, 130),
        (LOOP, 0, signal.SIGTERM, 143),
    ],
    ids=["loop", "loop-with-checks", "sleep", "standard-input-term", "start-function", "loop-term"],
)
def test_a_signal_ends_the_process_whatever_the_guest_does(guest, wat, seconds, number, code):
    for _ in range(BUSY):
        process = start(guest(wat), seconds)
        _, took = ended(process, number)
        assert process.returncode == code
        if took < SOON:
            return
    pytest.fail(f"it took {took} s")


@pytest.mark.parametrize("wat", [SLEEP, READ], ids=["sleep", "standard-input"])
def test_the_clock_ends_the_process_whatever_the_guest_does(guest, wat):
    process = start(guest(wat), 1.0)
    output, took = ended(process)
    assert (process.returncode, output) == (124, ["GuestTimedOut"])
    assert took < 1.0 + 10 * SOON


# A function that takes long to compile: one block within another, each with a way out of all of them.
def slow_to_compile():
    body = "".join(
        f"(local.set 0 (i32.mul (local.get 0) (i32.const {n}))) (br_if 0 (local.get 0))" for n in range(6000)
    )
    return command("", more=f"(func (param i32) (block {body}))" * 4)


def test_the_clock_runs_while_the_guest_is_compiled():
    guest = program(slow_to_compile())
    with pytest.raises(GuestTimedOut):
        run(guest, [], limits=GuestLimits(seconds=0.01))
    assert guest_is_left()
    while guest_is_left():  # compiling cannot be stopped
        time.sleep(0.01)


def test_a_library_is_left_alone_with_the_guest_that_it_stopped_waiting_for():
    nap = SLEEP.replace("3600000000000", "300000000").replace("$write (i32.const 2)", "$write (i32.const 99)")
    with pytest.raises(GuestTimedOut):
        run(program(nap), [], limits=GuestLimits(seconds=0.02))
    assert guest_is_left()
    time.sleep(0.5)
    assert not guest_is_left()


def test_standard_input_and_error_are_the_process_own(guest):
    script = (
        "import sys, pathlib, wasmbuild.run.sandbox as s, wasmbuild.run.program as p\n"
        "s.run(p.Program.open(pathlib.Path(sys.argv[1])), [])"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(guest(COPY))],
        input=b"through the guest",
        capture_output=True,
        timeout=60,
        check=True,
        cwd=CHECKOUT,
    )
    assert (process.stdout, process.stderr) == (b"", b"through the guest")


def test_a_trap_in_a_process_of_its_own_leaves_no_mess(guest):
    process = subprocess.run(
        [sys.executable, "-c", RUNNER, str(guest(command("unreachable"))), "0"],
        capture_output=True,
        timeout=60,
        check=False,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONDEVMODE": "1"},
    )
    assert (process.returncode, process.stdout, process.stderr) == (134, b"GuestTrapped\n", b"")


@pytest.mark.parametrize("limits", [[], ["--timeout", "60s"]])
def test_printing_into_a_closed_pipe_ends_as_it_does_for_native_programs(guest, limits):
    process = subprocess.Popen(
        [Path(sys.executable).parent / "wasmbuild", "run", *limits, guest(YES)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.stdout.close()
        assert process.wait(timeout=10) == -signal.SIGPIPE
        assert process.stderr.read() == b""


def test_a_library_survives_what_others_write_to_nobody():
    nap = SLEEP.replace("3600000000000", "200000000").replace("$write (i32.const 2)", "$write (i32.const 99)")
    broken, other = socket.socketpair()
    other.close()
    errors = []

    def write():
        try:
            broken.send(b"x")
        except OSError as error:
            errors.append(type(error))

    thread = threading.Timer(0.1, write)
    with broken:
        thread.start()
        assert run(program(nap), []) == 0
        thread.join()
    assert errors == [BrokenPipeError]


def test_signals_and_stacks_are_afterwards_as_they_were():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ()), threading.stack_size()
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    with pytest.raises(GuestFailed):
        run(program(command("unreachable")), [])
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    assert (signal.pthread_sigmask(signal.SIG_BLOCK, ()), threading.stack_size()) == before
    seen = []
    thread = threading.Thread(target=lambda: seen.append(run(program(exits(3)), [])))
    thread.start()
    thread.join()
    assert seen == [3]


# Exits with the error of a read of its standard input, plus 100 for a write to its standard output.
TOUCHES = command(
    """
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 100))
    (call $exit (i32.add
      (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4))
      (i32.mul (i32.const 100) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))""",
    COPY_IMPORTS + f'(import "{WASI}" "proc_exit" (func $exit (param i32)))',
)


def test_streams_that_are_closed_are_never_a_file_of_ours(guest):
    """What a process opens gets the lowest number that is free, and those of a guest's streams are known."""
    shell = 'exec "$@" <&- >&-'
    arguments = [sys.executable, "-c", RUNNER, str(guest(TOUCHES)), "0"]
    finished = subprocess.run(["sh", "-c", shell, "sh", *arguments], cwd=CHECKOUT, check=False, timeout=30)
    assert finished.returncode == 0
