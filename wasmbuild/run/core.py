"""Run a core module: a WASI preview 1 command, the one with ``_start``, or a function that it exports."""

from typing import TYPE_CHECKING, NoReturn

import wasmtime

from wasmbuild.run import stubs
from wasmbuild.run.failures import cannot_start, ended_by, not_a_command
from wasmbuild.run.guest import Guest
from wasmbuild.run.memory import StoreLimits
from wasmbuild.wasm.model import WasmBinary

if TYPE_CHECKING:
    from wasmbuild.run.calls.core import Call

__all__ = ["check_command", "run_module"]

_START = "_start"
_INITIALIZE = "_initialize"
_WASI = "wasi_snapshot_preview1"


class _Exited(Exception):
    """The guest called ``proc_exit``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def check_command(binary: WasmBinary, name: str) -> None:
    """Insist on a ``_start``, before anything is compiled.

    Raises GuestFailed, which says what is exported instead.
    """
    if not any(export.name == _START and export.kind == "function" for export in binary.exports):
        raise not_a_command(name, _START, binary.export_names)


def run_module(engine: wasmtime.Engine, module: wasmtime.Module, guest: Guest, limits: StoreLimits) -> int:
    """Run to the end; returns the guest's exit code, 0 after an invocation.

    Raises GuestFailed when an import is missing or a limit is too low, before any code ran, and how the
    guest ended if it did not do so by itself.
    """
    with wasmtime.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.allow_shadowing = True
        linker.define_wasi()
        # The engine's own proc_exit turns codes from 126 on into traps.
        linker.define_func(_WASI, "proc_exit", wasmtime.FuncType([wasmtime.ValType.i32()], []), _exit)
        stubs.define_in_module(linker, module, guest.stubs)
        store.set_wasi(guest.wasi())
        limits.apply(store)
        call = _invocation(guest)
        try:
            prepared = linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            raise cannot_start(guest, error) from error
        with prepared:
            return _run(prepared, store, guest, call)


def _invocation(guest: Guest) -> "Call | None":
    if guest.invocation is None:
        return None
    from wasmbuild.run.calls.core import prepare  # noqa: PLC0415  (few runs invoke)

    return prepare(guest, guest.invocation.name, guest.invocation.arguments)


def _run(prepared: wasmtime.InstancePre, store: wasmtime.Store, guest: Guest, call: "Call | None") -> int:
    try:
        instance = _instantiate(prepared, store, guest)
        if call is None:
            _command(instance, store, guest)(store)
        else:
            _initialize(instance, store)
            guest.show(call.run(instance, store))
    except _Exited as exited:
        return exited.code & 0xFF
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        raise ended_by(guest, error) from error
    return 0


def _instantiate(prepared: wasmtime.InstancePre, store: wasmtime.Store, guest: Guest) -> wasmtime.Instance:
    try:
        return prepared.instantiate(store)
    except wasmtime.WasmtimeError as error:  # a limit; what the guest's own code did is a Trap
        raise cannot_start(guest, error) from error


def _initialize(instance: wasmtime.Instance, store: wasmtime.Store) -> None:
    """What a reactor wants to be called first."""
    start = instance.exports(store).get(_INITIALIZE)
    if isinstance(start, wasmtime.Func):
        kind = start.type(store)
        if not kind.params and not kind.results:
            start(store)


def _command(instance: wasmtime.Instance, store: wasmtime.Store, guest: Guest) -> wasmtime.Func:
    start = instance.exports(store)[_START]
    kind = start.type(store) if isinstance(start, wasmtime.Func) else None
    if not isinstance(start, wasmtime.Func) or kind is None or kind.params or kind.results:
        raise cannot_start(guest, ValueError("its _start takes or returns something, and a command's does neither"))
    return start


def _exit(code: int) -> NoReturn:
    raise _Exited(code)
