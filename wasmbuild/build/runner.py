"""The only module that starts a process.

A command runs in its own session, sees a small fixed environment, has no standard input, and is
watched: every line that it writes becomes an event, and it is ended when it takes more than it may.
However the run ends, nothing that descends from it is there afterwards. Not here: what a command may
see of the machine (``wasmbuild.build.sandbox``), and what it may take (``limits``).
"""

import contextlib
import os
import resource
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any

from wasmbuild.build.command import Command, fixed_environment, supervised
from wasmbuild.build.guard import Abort, Guard, abort_all
from wasmbuild.build.limits import Limits, shown_size
from wasmbuild.build.output import MAX_LINE, TAIL_LINES, Lines
from wasmbuild.build.processes import group_lives
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Event, Sink, ToolOutput

__all__ = ["MAX_LINE", "TAIL_LINES", "Abort", "Completed", "abort_all", "capture", "run"]

CAPTURED = 65536
"""Bytes of an answer that ``capture`` takes."""

_READ = 65536
_PIPE_CAPACITY = 1024 * 1024
_SHORTEST_PAUSE = 0.001
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_LAUNCHERS_CODES = (1, 127)
"""What launchers end with when they cannot start a program."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended (negative: by that signal) and the last lines that it wrote."""

    exit_code: int
    tail: tuple[str, ...]


def run(  # noqa: PLR0913 - all by name
    argv: Sequence[str] | Command,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    sink: Sink,
    timeout_seconds: float,
    tool: str,
    limits: Limits | None = None,
    abort: Abort | None = None,
) -> Completed:
    """Run a command to its end; ``tool`` names it in events.

    ``env`` is added to the fixed environment, and nothing is inherited; a Command of a sandbox has its
    environment in itself, and ``env`` is not looked at. ``cwd`` is a folder of this machine.
    Raises ToolFailed when it cannot be started, takes longer than ``timeout_seconds``, goes over its
    limits or was aborted; then its last lines are the cause.
    """
    limits, abort = limits or Limits(), abort or Abort()
    command = argv if isinstance(argv, Command) else supervised(argv, env or {})
    lines = Lines(tool, sink, limits.output)
    if abort.is_set():
        raise ToolFailed(f"{tool} was not started: the build was stopped")
    with abort.running(), _held_signals() as release:
        process, telling = _start(command, cwd, tool)
        try:
            with contextlib.closing(_pipe(process)) as pipe, telling:
                release()
                _tell(process.pid, telling, command, limits)
                guard = Guard(process.pid, time.monotonic() + timeout_seconds, timeout_seconds, limits, abort)
                problem = _watch(pipe, lines, guard)
            if problem is not None:
                _terminate(process.pid)
        except BaseException:
            _terminate(process.pid)
            raise
        finally:
            exit_code = _as_signal(_end(process))
    return _judge(Completed(exit_code, tuple(lines.tail)), problem, command, tool, limits)


def capture(argv: Sequence[str], *, env: Mapping[str, str], timeout_seconds: float = 20) -> tuple[int, str]:
    """Ask a program something: its exit code and the first CAPTURED bytes that it writes, as text.

    Raises ToolFailed when it cannot be started, or takes too long.
    """
    lines: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, ToolOutput):
            lines.append(event.line)

    completed = run(
        argv,
        cwd=Path("/"),
        env=env,
        sink=keep,
        timeout_seconds=timeout_seconds,
        tool=Path(argv[0]).name,
        limits=Limits(output=CAPTURED),
    )
    return completed.exit_code, "\n".join(lines)


def _judge(completed: Completed, problem: str | None, command: Command, tool: str, limits: Limits) -> Completed:
    cause = "\n".join(completed.tail) or None
    if problem is not None:
        raise ToolFailed(f"{tool} {problem}", cause=cause)
    last = completed.tail[-1] if completed.tail else ""
    if completed.exit_code in _LAUNCHERS_CODES and last.startswith(command.complaint):
        raise ToolFailed(f"{tool} could not be started", cause=last.removeprefix(command.complaint))
    if completed.exit_code == -signal.SIGXFSZ and limits.file_size is not None:
        raise ToolFailed(f"{tool} wrote a file of more than {shown_size(limits.file_size)}", cause=cause)
    return completed


@contextlib.contextmanager
def _held_signals() -> Iterator[Callable[[], None]]:
    """Keep signals that would raise until they are released.

    Between the birth of a process and the block that ends it, an exception would lose it.
    """
    before: dict[int, Any] = {}
    arrived: list[int] = []

    def release() -> None:
        while before:
            signal.signal(*before.popitem())
        while arrived:
            signal.raise_signal(arrived.pop())

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not None:  # None: set by somebody who does not speak Python
                before[number] = signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield release
    finally:
        release()


def _start(command: Command, cwd: Path, tool: str) -> tuple[subprocess.Popen[bytes], FileIO]:
    """Start the launcher, which waits to be told through the pipe; the caller ends it in every case."""
    reading, writing = os.pipe()
    telling = FileIO(writing, "wb")
    try:
        process = subprocess.Popen(
            [*command.before, str(reading), *command.after],
            cwd=cwd,
            env=fixed_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o022,
            pass_fds=(reading,),
        )
    except (OSError, ValueError) as error:
        telling.close()
        raise ToolFailed(f"{tool} could not be started", cause=str(error)) from error
    finally:
        os.close(reading)
    return process, telling


def _tell(pid: int, telling: FileIO, command: Command, limits: Limits) -> None:
    # A launcher that has ended already has said why.
    with telling, contextlib.suppress(BrokenPipeError, ProcessLookupError):
        _limit(pid, limits)
        rest = memoryview(command.message)
        while rest:
            rest = rest[telling.write(rest) :]


def _limit(pid: int, limits: Limits) -> None:
    """Limits that a process inherits; the launcher has started nothing yet."""
    for kind, wanted in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, limits.file_size)):
        if wanted is not None:
            _, hard = resource.prlimit(pid, kind)
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.prlimit(pid, kind, (allowed, allowed))


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _watch(pipe: IO[bytes], lines: Lines, guard: Guard) -> str | None:
    """Read until the command has ended, or has to be: then the reason."""
    os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        pause = _SHORTEST_PAUSE
        while True:
            # Asked before reading: all that an ended command wrote is then already in the pipe.
            ended = _has_ended(guard.pid)
            problem = None if ended else guard.problem()
            at_end = _drain(pipe, lines, guard, limit=_PIPE_CAPACITY)
            if ended or problem:
                lines.end()
                return problem
            if at_end:  # a closed pipe is always readable: waiting for it would be spinning
                time.sleep(pause)
                pause = min(pause * 2, _POLL_SECONDS)
            else:
                selector.select(_POLL_SECONDS)


def _drain(pipe: IO[bytes], lines: Lines, guard: Guard, limit: int) -> bool:
    """Read what is there, but not for ever; True at the end of the stream."""
    seen = 0
    while seen < limit and not guard.must_stop():
        try:
            data = os.read(pipe.fileno(), _READ)
        except BlockingIOError:
            return False
        if not data:
            return True
        lines.feed(data)
        seen += len(data)
    return False


def _has_ended(pid: int) -> bool:
    # Not reaped yet: as long as the leader is there, nobody else can get the number of its group.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _terminate(pid: int) -> None:
    """Ask the group to end, and give its leader a moment to clean up."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while not _has_ended(pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill what is left of the group, reap its leader, and wait until the rest is gone, too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    exit_code = process.wait()
    deadline = time.monotonic() + _GRACE_SECONDS
    # Killed is not yet gone: a process with much memory takes its time, and so does the first of a namespace,
    # which is gone when all others there are.
    while group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    return exit_code


def _as_signal(exit_code: int) -> int:
    """Launchers end like shells: with 128 + N for signal N."""
    return 128 - exit_code if 128 < exit_code <= 128 + signal.NSIG else exit_code
