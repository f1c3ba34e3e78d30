"""Logs of JSON lines: written on a thread of their own, bounded in memory and on the disk.

Not in here: what is in a line (``access``, ``audit``).
"""

import fcntl
import itertools
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["Journal"]

_LOGGER = logging.getLogger("registry.server.observing")
_WAITING = 10_000
_STDERR = 2


class Journal:
    """One log: a file that is renamed to ``NAME.1`` when it is full, or stderr.

    ``lossy``: when lines come faster than the disk takes them, they are dropped and counted;
    otherwise whoever writes the next one waits.
    """

    def __init__(self, path: Path | None, size: int, kept: int, *, lossy: bool) -> None:
        """Raises OSError when the file cannot be opened. ``path`` None is stderr."""
        self.dropped = 0
        self._path, self._size, self._kept, self._lossy = path, size, kept, lossy
        self._waiting: deque[Mapping[str, object]] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._ended = self._broken = False
        self._descriptor, self._length = self._open()
        self._thread = threading.Thread(target=self._run, name="registry-log", daemon=True)
        self._thread.start()

    def write(self, line: Mapping[str, object]) -> None:
        """Write one line, soon."""
        waiting = len(self._waiting)
        if waiting >= _WAITING:
            if self._lossy:
                self.dropped += 1
                return
            self._drain()
        self._waiting.append(line)
        if not waiting:
            with self._changed:
                self._changed.notify()

    def reopen(self) -> None:
        """Go on in a new file, if the old one was renamed by somebody."""
        with self._writing, suppress(OSError):
            old, (self._descriptor, self._length) = self._descriptor, self._open()
            _close(old)

    def close(self) -> None:
        """Write what waits, and close."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout=10)
        _close(self._descriptor)

    def _open(self) -> tuple[int, int]:
        if self._path is None:
            return _STDERR, 0
        # 0600: who did what is not for everybody on this machine.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return descriptor, os.fstat(descriptor).st_size

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    # A line that came between two looks is seen after a moment, even if nobody calls.
                    self._changed.wait(0.5)
                ended = self._ended
            self._drain()
            if ended and not self._waiting:
                return

    def _drain(self) -> None:
        with self._writing:
            lines: list[str] = []
            while self._waiting and len(lines) < _WAITING:
                lines.append(json.dumps(self._waiting.popleft(), separators=(",", ":"), ensure_ascii=True) + "\n")
            try:
                self._append(lines)
                self._broken = False
            except OSError as error:
                self._complain(error, len(lines))

    def _complain(self, error: OSError, lost: int) -> None:
        self.dropped += lost
        if not self._broken:
            _LOGGER.warning("a log cannot be written: %s", error.strerror)
        self._broken = True

    def _append(self, lines: list[str]) -> None:
        batch: list[str] = []
        if self._path is not None:
            self._length = os.fstat(self._descriptor).st_size  # other processes may write to it as well
        for line in lines:
            if self._path is not None and self._length + len(line) > self._size and self._length:
                _write(self._descriptor, batch)
                batch = []
                self._make_room(self._path)
            batch.append(line)
            self._length += len(line)
        _write(self._descriptor, batch)

    def _make_room(self, path: Path) -> None:
        """Begin a new file, unless another process has done so already."""
        old = self._descriptor
        fcntl.flock(old, fcntl.LOCK_EX)
        try:
            if _is_same(old, path):
                self._shift(path)
            self._descriptor, self._length = self._open()
        finally:
            _close(old)  # and with it the lock

    def _shift(self, path: Path) -> None:
        names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, self._kept + 1))]
        if not self._kept:
            path.unlink(missing_ok=True)
        for newer, older in reversed(list(itertools.pairwise(names))):
            with suppress(FileNotFoundError):
                newer.replace(older)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        here, there = os.fstat(descriptor), path.stat()
    except FileNotFoundError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _write(descriptor: int, lines: list[str]) -> None:
    data = memoryview("".join(lines).encode())
    while data:
        data = data[os.write(descriptor, data) :]


def _close(descriptor: int) -> None:
    if descriptor != _STDERR:
        with suppress(OSError):
            os.close(descriptor)
