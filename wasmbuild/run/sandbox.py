"""Run a WebAssembly file with nothing but arguments, standard streams, clock and randomness.

No folder, no environment, no network. How modules and components differ is in ``core`` and
``command``; where the file came from, and whether it is trusted, was decided before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import wasmtime

from registry.files import open_regular
from wasmbuild.errors import GuestFailed, UsageFailed
from wasmbuild.events import Sink, ignore
from wasmbuild.run import core
from wasmbuild.run.cache import CodeCache
from wasmbuild.run.engine import compiled, new_engine
from wasmbuild.run.failures import cannot_start
from wasmbuild.run.limits import MEMORY_BYTES, StoreLimits
from wasmbuild.run.pipes import broken_pipes_end_the_process
from wasmbuild.run.supervisor import supervise
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import WasmBinary

__all__ = ["run"]

_MAX_WASM = 1024 * 1024 * 1024


def run(
    wasm_path: Path,
    argv: Sequence[str],
    *,
    cache: Path | None = None,
    interruptible: bool = True,
    memory_bytes: int = MEMORY_BYTES,
    notify: Sink = ignore,
) -> int:
    """Run a command and return its exit code, 0 to 255.

    ``argv[0]`` is the name that the guest sees as its own. ``cache`` is a private folder for compiled
    code; without it everything is compiled anew. ``interruptible`` lets Ctrl-C stop the guest itself,
    at some cost in speed; without it the guest ends with the process. ``memory_bytes`` is what all
    memories of the guest may have together. Writing to a pipe that nobody reads any more ends the
    process, as it does for native programs. Raises InvalidWasm, GuestFailed, UsageFailed, and
    KeyboardInterrupt within 100 ms of Ctrl-C, whatever the guest does.
    """
    guest = _Guest(
        path=wasm_path,
        arguments=_checked(argv),
        engine=new_engine(interruptible=interruptible),
        variant="interruptible" if interruptible else "plain",
        cache=None if cache is None else CodeCache(cache),
        memory_bytes=memory_bytes,
        notify=notify,
    )
    with broken_pipes_end_the_process():
        return supervise(guest.run, guest.engine.increment_epoch)


@dataclass(frozen=True, slots=True)
class _Guest:
    """One run: what to run, and with what."""

    path: Path
    arguments: list[str]
    engine: wasmtime.Engine
    variant: str
    cache: CodeCache | None
    memory_bytes: int
    notify: Sink

    def run(self) -> int:
        wasm = _read_file(self.path)
        binary = read(wasm)
        try:
            return self._run_module(wasm, binary) if binary.kind == "module" else self._run_component(wasm, binary)
        except wasmtime.WasmtimeError as error:
            raise cannot_start(self.path.name, str(error)) from error

    def _run_module(self, wasm: bytes, binary: WasmBinary) -> int:
        core.check_command(binary, self.path.name)
        build = partial(wasmtime.Module, self.engine)
        load = partial(wasmtime.Module.deserialize, self.engine)
        with compiled(wasm, f"{self.variant}-module", self.cache, self.notify, build=build, load=load) as module:
            limits = self._limits(wasm, binary)
            return core.run_module(self.engine, module, self._wasi(), limits, self.path.name)

    def _run_component(self, wasm: bytes, binary: WasmBinary) -> int:
        from wasmtime.component import Component  # noqa: PLC0415  (costs a third of a module's start)

        from wasmbuild.run import command  # noqa: PLC0415

        command.check_command(binary, self.path.name)
        build = partial(Component, self.engine)
        load = partial(Component.deserialize, self.engine)
        with compiled(wasm, f"{self.variant}-component", self.cache, self.notify, build=build, load=load) as component:
            limits = self._limits(wasm, binary)
            return command.run_component(self.engine, component, self._wasi(), limits, binary, self.path.name)

    def _limits(self, wasm: bytes, binary: WasmBinary) -> StoreLimits:
        return StoreLimits.of(wasm, binary, self.memory_bytes, self.path.name)

    def _wasi(self) -> wasmtime.WasiConfig:
        wasi = wasmtime.WasiConfig()
        wasi.argv = self.arguments
        wasi.inherit_stdin()
        wasi.inherit_stdout()
        wasi.inherit_stderr()
        return wasi


def _read_file(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            wasm = file.read(_MAX_WASM + 1)
    except OSError as error:
        raise GuestFailed(f"{path} cannot be read", cause=error.strerror) from error
    if len(wasm) > _MAX_WASM:
        raise GuestFailed(f"{path} is too large to run", cause=f"it has more than {_MAX_WASM} bytes")
    return wasm


def _checked(argv: Sequence[str]) -> list[str]:
    """Arguments as the guest can take them: UTF-8 without NUL."""
    for number, argument in enumerate(argv):
        try:
            sound = b"\0" not in argument.encode()
        except UnicodeEncodeError:
            sound = False
        if not sound:
            raise UsageFailed(f"argument {number} is not text", cause="WASI hands over UTF-8 without NUL")
    return list(argv)
