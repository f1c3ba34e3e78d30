"""Run a WebAssembly file with arguments, standard streams, clock and randomness, and what it is granted.

How modules and components differ is in ``core`` and ``command``; where the file came from, whether it is
trusted and what it may be granted was decided before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime

from wasmbuild.errors import UsageFailed
from wasmbuild.run import core
from wasmbuild.run.cache import CodeCache
from wasmbuild.run.deciding.grants import NOTHING, Grants
from wasmbuild.run.engine import Code, Settings, compiled, new_engine, warn
from wasmbuild.run.failures import cannot_start, timed_out
from wasmbuild.run.guest import Guest
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.memory import StoreLimits
from wasmbuild.run.program import Program
from wasmbuild.run.supervisor import OutOfTime, supervise

if TYPE_CHECKING:
    from wasmbuild.events import Event, Sink
    from wasmbuild.run.calls.invocation import Invocation
    from wasmbuild.run.ledger import Ledger

__all__ = ["run"]

_NO_LIMITS = GuestLimits()


def _ignore(_: "Event") -> None:
    """Nobody listens."""


def run(  # noqa: PLR0913 - one for each thing that is decided on
    program: Program,
    arguments: Sequence[str],
    *,
    grants: Grants = NOTHING,
    stubs: frozenset[str] = frozenset(),
    limits: GuestLimits = _NO_LIMITS,
    invoke: "Invocation | None" = None,
    cache: Path | None = None,
    notify: "Sink" = _ignore,
) -> int:
    """Run a command, or one function of a library, and return its exit code, 0 to 255.

    ``arguments[0]`` is the name that the guest sees as its own. ``stubs`` are imports, as ``str(Import)``,
    that trap when called. ``cache`` is a private folder for compiled code. A guest that writes to a pipe that
    nobody reads gets an error (``pipes`` has another end for it). Raises InvalidWasm, UsageFailed, GuestFailed and
    its kinds; GuestTimedOut and KeyboardInterrupt come within 100 ms, whatever the guest does. One that is then
    inside a call of its host, or has no time limit compiled in, goes on in a thread of its own until the
    process ends (``supervisor.guest_is_left``).
    """
    settings = Settings.of(limits)
    ledger = _ledger(limits) if settings.counted else None
    guest = Guest(program, _checked(arguments), grants, stubs, limits, invoke, ledger)
    engine = new_engine(settings, stack_bytes=limits.stack_bytes, ledger=ledger)
    stop = engine.increment_epoch if settings.interruptible else None

    def work() -> int:
        try:
            return _run(guest, engine, settings, CodeCache(cache) if cache else None, notify)
        except wasmtime.WasmtimeError as error:
            raise cannot_start(guest, error) from error

    try:
        code = supervise(work, stop, seconds=limits.seconds, stack_bytes=limits.stack_bytes)
    except OutOfTime:
        raise timed_out(guest) from None
    if code and guest.refusal:
        warn(notify, f"{guest.name} was refused memory: {guest.refusal} (--memory)")
    return code


def _ledger(limits: GuestLimits) -> "Ledger":
    from wasmbuild.run.ledger import Ledger  # noqa: PLC0415  (few runs count memory)

    return Ledger(limits.memory_bytes)


def _run(guest: Guest, engine: wasmtime.Engine, settings: Settings, cache: CodeCache | None, notify: "Sink") -> int:
    program = guest.program
    limits = StoreLimits(program, guest.limits)
    if program.binary.kind == "module":
        if guest.invocation is None:
            core.check_command(program.binary, program.name)
        with compiled(engine, settings, Code.module(), program.wasm, cache, notify) as module:
            return core.run_module(engine, module, guest, limits)

    from wasmbuild.run import command  # noqa: PLC0415  (costs a third of a module's start)

    if guest.invocation is None:
        command.check_command(program.binary, program.name)
    with compiled(engine, settings, Code.component(), program.wasm, cache, notify) as component:
        return command.run_component(engine, component, guest, limits)


def _checked(arguments: Sequence[str]) -> list[str]:
    """Arguments as the guest can take them: UTF-8 without NUL."""
    for number, argument in enumerate(arguments):
        try:
            sound = b"\0" not in argument.encode()
        except UnicodeEncodeError:
            sound = False
        if not sound:
            raise UsageFailed(f"argument {number} is not text", cause="WASI hands over UTF-8 without NUL")
    return list(arguments)
