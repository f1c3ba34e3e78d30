"""What went wrong in a guest, in words; names that a guest chose are never shown raw."""

from collections.abc import Iterable

import wasmtime

from registry.words import printable
from wasmbuild.errors import GuestFailed, GuestOutOfFuel, GuestOutOfMemory, GuestTimedOut, GuestTrapped
from wasmbuild.run.guest import Guest
from wasmbuild.run.limits import MEMORY_BYTES

__all__ = ["cannot_start", "ended_by", "not_a_command", "timed_out"]

_SHOWN_LINES = 20
_SHOWN_NAMES = 12
_STACK = "call stack exhausted"
_FUEL = "all fuel consumed"
_HEAP = "GC heap out of memory"
_NO_VALUE = "`ffi.wasmtime_valkind_t`"
"""What the engine's package says of a v128 or a reference of the guest's that is to become a value of Python."""


def ended_by(guest: Guest, error: Exception) -> GuestFailed:
    """Why the guest's code did not come to its end: a limit, or what WebAssembly forbids."""
    message = str(error)
    # The reason comes last, after a backtrace with names that the guest chose.
    reason = next((line for line in reversed(message.splitlines()) if line.strip()), "")
    if _FUEL in reason and guest.limits.fuel is not None:
        return GuestOutOfFuel(
            f"{guest.name} is out of fuel",
            cause=f"it executed as much as {guest.limits.fuel} allow",
            hint=f"--fuel {guest.limits.fuel * 10}",
        )
    if guest.refusal is not None or _HEAP in reason:
        return GuestOutOfMemory(
            f"{guest.name} is out of memory",
            cause="\n".join(filter(None, (guest.refusal, f"what it did then: {_short(reason).strip()}"))),
            hint="--memory SIZE gives it more",
        )
    if _NO_VALUE in reason and guest.stubs:
        return GuestTrapped(
            f"{guest.name} called what it imports and nobody has",
            cause="one of: " + ", ".join(printable(name, 200) for name in sorted(guest.stubs)[:_SHOWN_NAMES]),
        )
    if _STACK in reason:
        return GuestTrapped(
            f"{guest.name} used up its stack",
            cause=f"{_short(message)}\nits stack has {guest.limits.stack_bytes} bytes",
            hint=f"if it is no endless recursion: --stack {guest.limits.stack_bytes * 4 // 1024}KiB",
        )
    return GuestTrapped(f"{guest.name} trapped", cause=_short(message))


def timed_out(guest: Guest) -> GuestTimedOut:
    """The guest was ended by the clock."""
    limits = guest.limits
    flags = f"--timeout {limits.seconds:g}s"  # those that make other code
    flags += f" --fuel {limits.fuel}" if limits.fuel is not None else ""
    flags += f" --memory {limits.memory_bytes}" if limits.memory_bytes < MEMORY_BYTES else ""
    return GuestTimedOut(
        f"{guest.name} took longer than {limits.seconds:g} s",
        cause="it was ended where it was, within 100 ms",
        hint=f"--timeout TIME gives it more; compiling counts, and is done before by: wasmbuild compile {flags}",
    )


def cannot_start(guest: Guest, error: Exception) -> GuestFailed:
    """The engine refused before any of the guest's code ran."""
    message = str(error)
    if not isinstance(error, wasmtime.Trap):
        for words, flag, what in _LIMITS:
            if words in message:
                return _beyond_a_limit(guest, message, flag, what)
    return GuestFailed(
        f"{guest.name} cannot be started",
        cause=_short(message),
        hint="only what WASI offers is there for a guest; see what it asks for with: wasmbuild inspect FILE",
    )


_LIMITS = (
    ("exceeds table limits", "--table-elements", "more elements in a table"),
    ("table count too high", "--tables", "more tables"),
    ("instance count too high", "--instances", "more instances"),
    ("exceeds memory limits", "--memory", "more memory"),
    ("may have no more memory", "--memory", "more memory"),
    ("memory count too high", "--memory", "more memories"),
)
"""What the engine says of its limits, at the end of a message."""


def _beyond_a_limit(guest: Guest, message: str, flag: str, what: str) -> GuestFailed:
    kind = GuestOutOfMemory if flag == "--memory" else GuestFailed
    hint = f"{flag} sets how {'much' if what == 'more memory' else 'many'} it may have"
    if what == "more memories":
        hint = "--memory 3GiB, or any below 4GiB: then they are counted together, however many there are"
    return kind(f"{guest.name} needs {what} than a guest may have", cause=_short(message), hint=hint)


def not_a_command(name: str, missing: str, exports: Iterable[str]) -> GuestFailed:
    """A library, or a guest for another host."""
    names = list(exports)
    shown = ", ".join(printable(export) for export in names[:_SHOWN_NAMES]) or "nothing"
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return GuestFailed(
        f"{name} is not a command: it does not export {missing}",
        cause=f"it exports {shown}{more}",
        hint="call one of its functions with: wasmbuild run --invoke NAME FILE ARGUMENTS" if names else None,
    )


def _short(message: str) -> str:
    lines = [printable(line, 400) for line in message.splitlines() if line.strip()]
    if len(lines) > _SHOWN_LINES:
        lines = [*lines[: _SHOWN_LINES // 2], "    ...", *lines[-_SHOWN_LINES // 2 :]]
    return "\n".join(lines)
