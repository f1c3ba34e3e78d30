"""Compile a program before it is run, as a run with the same limits would, and keep it where that finds it."""

from pathlib import Path
from typing import TypeVar

import wasmtime

from registry.words import printable
from wasmbuild.errors import InvalidWasm
from wasmbuild.events import Sink
from wasmbuild.run.cache import CodeCache
from wasmbuild.run.engine import Code, Compiled, Settings, compiled, new_engine
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.run.supervisor import supervise

__all__ = ["compile_ahead"]

C = TypeVar("C", bound=Compiled)


def compile_ahead(program: Program, limits: GuestLimits, *, cache: Path, notify: Sink) -> bytes:
    """The compiled code, which is now in the cache as well; a cache that does not work is a warning.

    It is for this version of the engine, these settings and processors like this one. Raises InvalidWasm in
    the engine's words; Ctrl-C ends the wait for it.
    """
    settings = Settings.of(limits)
    engine = new_engine(settings)

    def work() -> bytes:
        if program.binary.kind == "module":
            return made(Code.module())
        return made(Code.component())

    def made(code: Code[C]) -> bytes:
        product = compiled(engine, settings, code, program.wasm, CodeCache(cache), notify)
        return bytes(product.serialize())

    try:
        return supervise(work, None)
    except wasmtime.WasmtimeError as error:
        raise InvalidWasm(f"{program.name} cannot be compiled", cause=printable(str(error))) from error
