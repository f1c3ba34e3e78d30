"""The only module that starts a process.

A command runs in its own session, sees a small fixed environment, has no standard input, and is
watched: every line it writes becomes an event, memory stays bounded, and however the run ends, its
whole process group is gone afterwards. Children that make a session of their own escape that.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wasmbuild.errors import ToolFailed
from wasmbuild.events import Sink, ToolOutput

__all__ = ["MAX_LINE", "TAIL_LINES", "Completed", "run"]

MAX_LINE = 4096
"""Bytes of one line that are shown; what is longer is cut."""

TAIL_LINES = 100
"""Lines of output that are kept for an error."""

_INHERITED = ("PATH", "HOME", "TMPDIR")
_FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
_READ = 65536
_PIPE_CAPACITY = 1024 * 1024
_SHORTEST_PAUSE = 0.001
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended (negative: by that signal) and the last lines that it wrote."""

    exit_code: int
    tail: tuple[str, ...]


def run(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], sink: Sink, timeout_seconds: float, tool: str
) -> Completed:
    """Run a command to its end; ``env`` is added to the fixed environment, ``tool`` names it in events.

    Raises ToolFailed when it cannot be started, or takes longer than ``timeout_seconds``.
    """
    lines = _Lines(tool, sink)
    with _held_signals() as release:
        process = _start(argv, cwd, env, tool)
        try:
            with contextlib.closing(_pipe(process)) as pipe:
                release()
                in_time = _watch(process.pid, pipe, lines, time.monotonic() + timeout_seconds)
            if not in_time:
                _terminate(process.pid)
        except BaseException:
            _terminate(process.pid)
            raise
        finally:
            exit_code = _end(process)
    if not in_time:
        raise ToolFailed(
            f"{tool} took longer than {timeout_seconds:g} seconds and was stopped", cause="\n".join(lines.tail) or None
        )
    return Completed(exit_code, tuple(lines.tail))


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


class _Lines:
    """Cuts a stream of bytes into bounded lines, for the sink and for the tail."""

    def __init__(self, tool: str, sink: Sink) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._tool = tool
        self._sink = sink
        self._partial = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            self.flush(ended=True)
        self._add(rest)

    def flush(self, *, ended: bool = False) -> None:
        if not self._partial and not ended:
            return
        line = self._partial.decode("utf-8", "replace").rstrip("\r") + (" …" if self._cut else "")
        self._partial.clear()
        self._cut = False
        self.tail.append(line)
        self._sink(ToolOutput(self._tool, line))

    def _add(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._partial)
        self._partial += piece[:room]
        self._cut = self._cut or len(piece) > room


def _start(argv: Sequence[str], cwd: Path, env: Mapping[str, str], tool: str) -> subprocess.Popen[bytes]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        return subprocess.Popen(  # the caller ends it in every case
            list(argv),
            cwd=cwd,
            env={**inherited, **_FIXED, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o022,
        )
    except (OSError, ValueError) as error:
        raise ToolFailed(f"{tool} could not be started", cause=str(error)) from error


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _watch(pid: int, pipe: IO[bytes], lines: _Lines, deadline: float) -> bool:
    """Read until the command has ended; False when the deadline came first."""
    os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        pause = _SHORTEST_PAUSE
        while True:
            # Asked before reading: all that an ended command wrote is then already in the pipe.
            ended = _has_ended(pid)
            at_end = _drain(pipe, lines, deadline, limit=_PIPE_CAPACITY if ended else None)
            if ended or time.monotonic() > deadline:
                lines.flush()
                return ended
            if at_end:  # a closed pipe is always readable: waiting for it would be spinning
                time.sleep(pause)
                pause = min(pause * 2, _POLL_SECONDS)
            else:
                selector.select(_POLL_SECONDS)


def _drain(pipe: IO[bytes], lines: _Lines, deadline: float, limit: int | None) -> bool:
    """Read what is there; True at the end of the stream."""
    seen = 0
    while time.monotonic() <= deadline and (limit is None or seen < limit):
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
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill what is left of the group, reap its leader, and wait until the rest is gone, too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    exit_code = process.wait()
    deadline = time.monotonic() + _GRACE_SECONDS
    # Killed is not yet gone: a process with much memory takes its time.
    while _group_exists(process.pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    return exit_code


def _group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
