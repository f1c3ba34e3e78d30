"""Which sandbox works on this machine: tried once, by running a program in it."""

import os
import shutil
from functools import cache
from pathlib import Path

from wasmbuild.build.command import Command
from wasmbuild.build.runner import run
from wasmbuild.build.sandbox.kinds import Bubblewrap, Namespaces, NoSandbox, Sandbox
from wasmbuild.build.sandbox.remembered import Remembered
from wasmbuild.errors import ToolFailed, UsageFailed
from wasmbuild.events import ignore

__all__ = ["SANDBOXES", "choose_sandbox"]

SANDBOXES = ("auto", "bubblewrap", "namespaces", "none")

_PROBE_SECONDS = 20.0


def choose_sandbox(wanted: str = "auto", *, memory: Path | None = None) -> Sandbox:
    """The sandbox of that name; ``auto`` is the best that works here, and ``none`` when no other does.

    ``memory`` is the beginning of a file's path, where it is remembered for a short while that one works.
    Raises UsageFailed when it is none of SANDBOXES, or does not work here, in the machine's own words.
    """
    if wanted == "none":
        return NoSandbox("as you asked")
    if wanted == "auto":
        return _best(memory)
    if wanted not in SANDBOXES:
        raise UsageFailed(f"{wanted!r} is not a sandbox", hint=f"one of {', '.join(SANDBOXES)}")
    trouble = _found_out(wanted, memory)
    if trouble is not None:
        raise UsageFailed(
            f"the sandbox {wanted} does not work here",
            cause=trouble,
            hint="leave it to wasmbuild (auto), or see docs/sandbox.md",
        )
    return _make(wanted)


def _best(memory: Path | None) -> Sandbox:
    # bwrap starts faster; what root gets from it has a hole that our own namespaces do not have.
    order = ("namespaces", "bubblewrap") if os.geteuid() == 0 else ("bubblewrap", "namespaces")
    for name in order:
        if _found_out(name, memory) is None:
            return _make(name)
    return NoSandbox("; ".join(f"{name}: {_trouble(name)}" for name in order))


def _make(name: str) -> Sandbox:
    return Namespaces() if name == "namespaces" else Bubblewrap(shutil.which("bwrap") or "bwrap")


def _found_out(name: str, memory: Path | None) -> str | None:
    """The same as ``_trouble``, which is asked when it is not remembered."""
    if memory is None or (name == "bubblewrap" and shutil.which("bwrap") is None):
        return _trouble(name)
    remembered = Remembered(memory, name, _trial(name))
    if remembered.works():
        return None
    trouble = _trouble(name)
    if trouble is None:
        remembered.keep()
    return trouble


def _trial(name: str) -> Command:
    return _make(name).command(["true"], cwd="/", env={}, mounts=(), network=False)


@cache
def _trouble(name: str) -> str | None:
    """Why a sandbox does not work here; None when it does."""
    if name == "bubblewrap" and shutil.which("bwrap") is None:
        return "bwrap is not on PATH"
    try:
        completed = run(_trial(name), cwd=Path("/"), sink=ignore, timeout_seconds=_PROBE_SECONDS, tool=name)
    except ToolFailed as error:
        return error.cause or error.what
    if completed.exit_code == 0:
        return None
    return completed.tail[-1] if completed.tail else f"exit code {completed.exit_code}"
