"""Where the process begins: before anything is imported that takes time.

From here on Ctrl-C ends with 130 and a word, and SIGTERM and SIGHUP leave through the ``finally``
blocks, which end child processes and remove partial files.
"""

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130
_OBJECTS = 50_000
"""How many are made before the first look for garbage: most commands are over before, and imports make no garbage."""


def main() -> NoReturn:
    """Run the command line of this process, and end it."""
    gc.set_threshold(_OBJECTS)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    _prepare_streams()
    try:
        from wasmbuild.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is over: nothing is left to interrupt
    _flush()
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a handler
    raise SystemExit(128 + number)


def _prepare_streams() -> None:
    """A stream that was closed before us is None here, and print takes None for stdout."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the whole process
        # A name of a file need not be text, and a terminal need not speak Unicode.
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Python would complain, and end with its own code, if it found at exit that nobody reads."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
