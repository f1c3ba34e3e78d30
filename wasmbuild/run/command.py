"""Run a component that is a WASI 0.2 command: the one that exports ``wasi:cli/run``."""

import wasmtime
from wasmtime import component as components

from wasmbuild.run.failures import cannot_start, not_a_command, trapped
from wasmbuild.run.limits import StoreLimits
from wasmbuild.wasm.model import WasmBinary

__all__ = ["check_command", "run_component"]

_RUN = "wasi:cli/run@0.2."
_WASI_3 = "@0.3."


def check_command(binary: WasmBinary, name: str) -> None:
    """Insist on ``wasi:cli/run``, before anything is compiled.

    Raises GuestFailed, which says what is exported instead.
    """
    if _run_interface(binary) is not None:
        return
    if any(export.startswith("wasi:") and _WASI_3 in export for export in binary.export_names):
        raise cannot_start(name, "it is written for WASI 0.3, which this engine does not run yet")
    raise not_a_command(name, "wasi:cli/run@0.2", binary.export_names)


def run_component(
    engine: wasmtime.Engine,
    component: components.Component,
    wasi: wasmtime.WasiConfig,
    limits: StoreLimits,
    binary: WasmBinary,
    name: str,
) -> int:
    """Run to the end; returns the guest's exit code: a result of ``err`` is 1.

    Raises GuestFailed when an import is missing or a limit is too low, before any code ran, and when
    the guest traps.
    """
    with components.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.add_wasip2()
        store.set_wasi(wasi)
        store.set_epoch_deadline(1)
        limits.apply(store)
        try:
            instance = linker.instantiate(store, component)
        except wasmtime.Trap as error:
            raise trapped(name, str(error)) from error
        except wasmtime.WasmtimeError as error:
            raise cannot_start(name, str(error)) from error
        return _call_run(instance, component, store, _run_interface(binary) or "", name)


def _call_run(
    instance: components.Instance,
    component: components.Component,
    store: wasmtime.Store,
    interface: str,
    name: str,
) -> int:
    found = component.get_export_index(interface)
    index = component.get_export_index("run", found) if found is not None else None
    function = instance.get_func(store, index) if index is not None else None
    if function is None:
        raise cannot_start(name, f"its {interface} has no function run")
    try:
        result = function(store)
    except wasmtime.ExitTrap as exited:
        return exited.code & 0xFF
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        raise trapped(name, str(error)) from error
    return 1 if getattr(result, "tag", "ok") == "err" else 0


def _run_interface(binary: WasmBinary) -> str | None:
    return next((export for export in binary.export_names if export.startswith(_RUN)), None)
