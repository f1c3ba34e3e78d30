"""Run a component: a WASI 0.2 command, the one that exports ``wasi:cli/run``, or a function that it exports."""

from typing import TYPE_CHECKING

import wasmtime
from wasmtime import component as components

from wasmbuild.errors import EngineUnable
from wasmbuild.run import stubs
from wasmbuild.run.failures import cannot_start, ended_by, not_a_command
from wasmbuild.run.guest import Guest
from wasmbuild.run.memory import StoreLimits
from wasmbuild.wasm.model import WasmBinary

if TYPE_CHECKING:
    from wasmbuild.run.calls.component import Call

__all__ = ["check_command", "run_component"]

_RUN = "wasi:cli/run@0.2."
_WASI_3 = "@0.3."


def check_command(binary: WasmBinary, name: str) -> None:
    """Insist on ``wasi:cli/run``, before anything is compiled.

    Raises EngineUnable for WASI 0.3, GuestFailed, which says what is exported instead.
    """
    if _run_interface(binary) is not None:
        return
    if any(export.startswith("wasi:") and _WASI_3 in export for export in binary.export_names):
        raise EngineUnable(
            f"{name} cannot be started", cause="it is written for WASI 0.3, which this engine does not run yet"
        )
    raise not_a_command(name, "wasi:cli/run@0.2", binary.export_names)


def run_component(engine: wasmtime.Engine, component: components.Component, guest: Guest, limits: StoreLimits) -> int:
    """Run to the end; returns the guest's exit code: a result of ``err`` is 1.

    Raises GuestFailed when an import is missing or a limit is too low, before any code ran, and how the
    guest ended if it did not do so by itself.
    """
    with components.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.add_wasip2()
        store.set_wasi(guest.wasi())
        if guest.grants.http:
            linker.add_wasi_http()
            store.set_wasi_http()
        stubs.define_in_component(linker, component, guest.stubs)
        limits.apply(store)
        call = _invocation(engine, component, guest)
        try:
            instance = linker.instantiate(store, component)
            if call is None:
                return _call_run(instance, component, store, guest)
            guest.show(call.run(instance, component, store))
        except wasmtime.ExitTrap as exited:
            return exited.code & 0xFF
        except wasmtime.WasmtimeError as error:
            raise _failed(guest, error) from error
    return 0


def _invocation(engine: wasmtime.Engine, component: components.Component, guest: Guest) -> "Call | None":
    if guest.invocation is None:
        return None
    from wasmbuild.run.calls.component import prepare  # noqa: PLC0415  (few runs invoke)

    return prepare(engine, component, guest.name, guest.invocation)


def _failed(guest: Guest, error: wasmtime.WasmtimeError) -> Exception:
    """Code that runs while a component is instantiated can trap, too: then there is a trace of it."""
    return ended_by(guest, error) if "wasm trap: " in str(error) else cannot_start(guest, error)


def _call_run(
    instance: components.Instance, component: components.Component, store: wasmtime.Store, guest: Guest
) -> int:
    interface = _run_interface(guest.program.binary) or ""
    found = component.get_export_index(interface)
    index = component.get_export_index("run", found) if found is not None else None
    function = instance.get_func(store, index) if index is not None else None
    if function is None or not _is_run(function.type(store)):
        raise cannot_start(guest, ValueError(f"its {interface} has no function run: func() -> result"))
    return 1 if function(store).tag == "err" else 0


def _is_run(kind: components.FuncType) -> bool:
    """Whether it takes nothing, and returns success or failure without more: the engine does not check that."""
    result = kind.result
    return not kind.params and isinstance(result, components.ResultType) and result.ok is None and result.err is None


def _run_interface(binary: WasmBinary) -> str | None:
    return next((export for export in binary.export_names if export.startswith(_RUN)), None)
