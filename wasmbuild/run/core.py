"""Run a core module that is a WASI preview 1 command: the one with ``_start``."""

from typing import NoReturn

import wasmtime

from wasmbuild.run.failures import cannot_start, not_a_command, trapped
from wasmbuild.run.limits import StoreLimits
from wasmbuild.wasm.model import WasmBinary

__all__ = ["check_command", "run_module"]

_START = "_start"
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


def run_module(
    engine: wasmtime.Engine, module: wasmtime.Module, wasi: wasmtime.WasiConfig, limits: StoreLimits, name: str
) -> int:
    """Run to the end; returns the guest's exit code.

    Raises GuestFailed when an import is missing or a limit is too low, before any code ran, and when
    the guest traps.
    """
    with wasmtime.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.allow_shadowing = True
        linker.define_wasi()
        # The engine's own proc_exit turns codes from 126 on into traps.
        linker.define_func(_WASI, "proc_exit", wasmtime.FuncType([wasmtime.ValType.i32()], []), _exit)
        store.set_wasi(wasi)
        store.set_epoch_deadline(1)
        limits.apply(store)
        try:
            prepared = linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            raise cannot_start(name, str(error)) from error
        with prepared:
            return _call_start(prepared, store, name)


def _call_start(prepared: wasmtime.InstancePre, store: wasmtime.Store, name: str) -> int:
    try:
        instance = _instantiate(prepared, store, name)
        _check_signature(instance.exports(store)[_START], store, name)(store)
    except _Exited as exited:
        return exited.code & 0xFF
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        raise trapped(name, str(error)) from error
    return 0


def _instantiate(prepared: wasmtime.InstancePre, store: wasmtime.Store, name: str) -> wasmtime.Instance:
    try:
        return prepared.instantiate(store)
    except wasmtime.WasmtimeError as error:  # a limit; what the guest's own code did is a Trap
        raise cannot_start(name, str(error)) from error


def _check_signature(start: object, store: wasmtime.Store, name: str) -> wasmtime.Func:
    if not isinstance(start, wasmtime.Func) or start.type(store).params:
        raise cannot_start(name, "its _start takes arguments, and a command's takes none")
    return start


def _exit(code: int) -> NoReturn:
    raise _Exited(code)
