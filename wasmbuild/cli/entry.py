"""Where the process begins: before anything is imported that takes time.

From here on Ctrl-C ends with 130 and a word, and SIGTERM and SIGHUP leave through the ``finally``
blocks, which end child processes and remove partial files.
"""

import atexit
import gc
import os
import signal
import sys
import warnings
from types import FrameType
from typing import NoReturn

__all__ = ["hidden_end", "main"]

_INTERRUPTED = 130
_MOMENT = 0.01
"""Seconds until a signal that was lost is raised anew, outside of what lost it."""

_OBJECTS = 100_000
"""How many are made before the first look for garbage: most commands are over before, and imports make no garbage."""


def main() -> NoReturn:
    """Run the command line of this process, and end it."""
    gc.set_threshold(_OBJECTS)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # they are for those who write programs; a certificate can cause one
    _fill_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    sys.unraisablehook = _insist
    try:
        _prepare_streams()
        from wasmbuild.cli.main import run

        code = run(sys.argv[1:], own_process=True)
    except BaseException as error:
        end = hidden_end(error)
        if end is None:
            raise
        code = _INTERRUPTED if isinstance(end, KeyboardInterrupt) else end.code if isinstance(end.code, int) else 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is over: nothing is left to interrupt
    _flush()
    if "wasmbuild.run.supervisor" in sys.modules:
        _leave(code)
    sys.exit(code)


def hidden_end(error: BaseException | None) -> KeyboardInterrupt | SystemExit | None:
    """The end that an exception is, or was raised from; None when nobody wanted one.

    What a signal raises while a class is being made comes out of Python 3.11 as a RuntimeError (``__set_name__``).
    """
    while error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        error = error.__cause__
    return error


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a handler
    raise SystemExit(128 + number)


def _insist(lost: "sys.UnraisableHookArgs") -> None:
    """Let an end come again that came where Python raises nothing: in a finalizer, say."""
    error = lost.exc_value
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(lost)
        return
    number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else int(error.code or 0) - 128
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(number))
    signal.setitimer(signal.ITIMER_REAL, _MOMENT)


def _leave(code: int) -> NoReturn:
    """End a process that ran a guest: taking the engine's package apart takes longer than most guests run.

    A guest that could not be stopped also still runs, and Python would take the ground from under it.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to all of them
    os._exit(code)


def _fill_streams() -> None:
    """Open what was closed before us on nothing: the next file or socket of ours would be a guest's stream."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


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
