"""Whether a module is valid, by the engine that would run it. Not here: components, which ``wasm-tools`` knows."""

import wasmtime

from registry.words import printable
from wasmbuild.errors import InvalidWasm
from wasmbuild.run.engine import new_engine

__all__ = ["check_module"]


def check_module(wasm: bytes) -> None:
    """Insist on a valid module, by the features that the engine has switched on.

    Raises InvalidWasm in the engine's words; nothing is compiled.
    """
    try:
        wasmtime.Module.validate(new_engine(), wasm)
    except wasmtime.WasmtimeError as error:
        raise InvalidWasm("the module is not valid", cause=printable(str(error))) from error
