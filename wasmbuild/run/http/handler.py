"""A component that answers requests: compiled once, started anew for each, with a limit for its time.

A fresh instance per request keeps what one client sends from the next; it is what the interface
expects (wasi:http 0.2, ``incoming-handler``).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import wasmtime
from wasmtime.component import Component, ExportIndex, ResourceHost

from registry.words import printable
from wasmbuild.errors import EngineUnable, GuestFailed, GuestTimedOut, GuestTrapped
from wasmbuild.events import Sink, Step
from wasmbuild.run.cache import CodeCache
from wasmbuild.run.engine import Code, Settings, compiled, new_engine
from wasmbuild.run.failures import cannot_start, ended_by
from wasmbuild.run.guest import Guest
from wasmbuild.run.http.exchange import Abandoned, Exchange, OutOfTime, Request
from wasmbuild.run.http.host import Host
from wasmbuild.run.http.incoming import IncomingRequest, ResponseOutparam
from wasmbuild.run.http.linking import Interface, Linked, acting, watch
from wasmbuild.run.http.outgoing import OUTGOING_HANDLER
from wasmbuild.run.http.poll import POLL
from wasmbuild.run.http.powerless import POWERLESS
from wasmbuild.run.http.resources import number_of
from wasmbuild.run.http.streams import ERROR, STREAMS
from wasmbuild.run.http.system import SYSTEM
from wasmbuild.run.http.types import TYPES
from wasmbuild.run.http.values import Misuse
from wasmbuild.run.memory import StoreLimits
from wasmbuild.run.program import Program
from wasmbuild.run.supervisor import guest_is_left, supervise

__all__ = ["SECONDS", "Handler", "handler_export"]

SECONDS = 30.0
"""For a request, unless somebody says otherwise."""

_HANDLER = "wasi:http/incoming-handler@0.2."
_INTERFACES: tuple[Interface, ...] = (POLL, ERROR, STREAMS, TYPES, OUTGOING_HANDLER, *SYSTEM, *POWERLESS)
_PARAMETERS = 2
_TICK = 0.1
"""Seconds between looks at the time, for guests that compute; the others see it at their next call."""

_NOBODY = Request("GET", "/", "http", None, ())


def handler_export(program: Program) -> str:
    """The name of the handler that a component exports.

    Raises GuestFailed when it has none, EngineUnable when it is written for WASI 0.3.
    """
    names = program.binary.export_names if program.binary.kind == "component" else ()
    found = next((name for name in names if name.startswith(_HANDLER)), None)
    if found is not None:
        return found
    if any(name.startswith("wasi:http/handler@0.3") for name in names):
        raise EngineUnable(
            f"{program.name} cannot be served", cause="it is written for WASI 0.3, which is not hosted yet"
        )
    raise GuestFailed(
        f"{program.name} does not answer HTTP requests",
        cause="it does not export wasi:http/incoming-handler@0.2",
        hint="see what it exports with: wasmbuild inspect FILE",
    )


class Handler:
    """Answers requests with a component; any number of threads may call it.

    ``guest.limits.seconds`` is for each request; without it a guest may take ``SECONDS``. Raises GuestFailed
    when it cannot be compiled, GuestOutOfMemory when it asks for more memory than it may have.
    """

    def __init__(self, guest: Guest, *, cache: Path | None, notify: Sink) -> None:
        self.guest = guest
        self._seconds = guest.limits.seconds or SECONDS
        # Every request has memories of its own, so that the engine's own limits do: each has its even share.
        self._limits = StoreLimits(guest.program, guest.limits, counted=False)
        self._settings = Settings(interruptible=True, metered=guest.limits.fuel is not None, sequential=True)
        self._engine = new_engine(self._settings, stack_bytes=guest.limits.stack_bytes)
        export = handler_export(guest.program)
        code = None if cache is None else CodeCache(cache)
        try:
            told = _told(Code.component(), guest.name, notify)
            self._component = compiled(self._engine, self._settings, told, guest.program.wasm, code, notify)
            self._linked = Linked(self._engine, _INTERFACES, self._component, guest.program.binary.import_names)
        except wasmtime.WasmtimeError as error:
            raise cannot_start(guest, error) from error
        self._index = self._handle_index(export)
        self._closed = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="epochs", daemon=True)

    def __enter__(self) -> Self:
        self._ticking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._ticking.join()
        if not guest_is_left():  # which would go on with what is closed here
            self._linked.close()
            self._component.close()

    def interrupt(self) -> None:
        """Let every guest that runs look now whether it may go on."""
        self._engine.increment_epoch()

    def try_start(self) -> None:
        """Start an instance and end it, so that what keeps it from starting is known before a request comes.

        Raises GuestFailed.
        """
        exchange = Exchange(_NOBODY, 0, lambda: None)

        def stop() -> None:
            exchange.abandon()
            self.interrupt()

        # A thread has the stack that the guest may use, and can be left by Ctrl-C.
        supervise(lambda: self._start(exchange), stop, stack_bytes=self.guest.limits.stack_bytes)

    def _start(self, exchange: Exchange) -> None:
        exchange.begin(self._seconds)
        host = Host(exchange, self.guest.grants.environment, lambda _stream, _data: None)
        try:
            with wasmtime.Store(self._engine) as store, acting(host):
                self._prepare(store)
                self._linked.linker.instantiate(store, self._component)
        except wasmtime.WasmtimeError as error:
            if isinstance(host.failure, OutOfTime):
                raise self._timed_out() from error
            reason = host.failure if isinstance(host.failure, Exception) else error
            raise cannot_start(self.guest, reason) from error

    def answer(self, exchange: Exchange, say: Callable[[str, bytes], None]) -> GuestFailed | None:
        """Let a guest answer; returns when it has ended, with what went wrong. ``say`` takes what it prints."""
        exchange.begin(self._seconds)
        host = Host(exchange, self.guest.grants.environment, say)
        failure: GuestFailed | None = None
        try:
            self._call(host)
            failure = self._unanswered(exchange)
        except Abandoned:
            failure = None
        except OutOfTime:
            failure = self._timed_out()
        except Misuse as misuse:
            failure = GuestTrapped(f"{self.guest.name} trapped", cause=printable(str(misuse), 400))
        except wasmtime.WasmtimeError as error:
            failure = ended_by(self.guest, error)
        finally:
            exchange.end(failure)
        return failure

    def _call(self, host: Host) -> None:
        host.check()  # who asked may have left while this waited for a thread
        with wasmtime.Store(self._engine) as store, acting(host):
            self._prepare(store)
            try:
                self._handle(store, host)
            except wasmtime.WasmtimeError as error:
                raise host.failure or error from None
            except TypeError as error:  # how the engine's package says that an argument does not fit
                raise Misuse("its handle is not the function that the interface says") from error

    def _handle(self, store: wasmtime.Store, host: Host) -> None:
        request = host.resources.add(IncomingRequest(host.exchange))
        out = host.resources.add(ResponseOutparam(host.exchange))
        instance = self._linked.linker.instantiate(store, self._component)
        function = instance.get_func(store, self._index)
        if function is None or len(function.type(store).params) != _PARAMETERS:
            raise Misuse("its handle is not the function that the interface says")
        function(
            store,
            ResourceHost.own(request, number_of(IncomingRequest)),
            ResourceHost.own(out, number_of(ResponseOutparam)),
        )

    def _prepare(self, store: wasmtime.Store) -> None:
        self._limits.apply(store)
        watch(store)

    def _tick(self) -> None:
        while not self._closed.wait(_TICK):
            self._engine.increment_epoch()

    def _unanswered(self, exchange: Exchange) -> GuestFailed | None:
        """What is wrong with a guest that has returned: no answer, or half of one."""
        name = self.guest.name
        if exchange.refused is not None:
            return GuestFailed(f"{name} gave up on a request", cause=f"its error code is {exchange.refused}")
        if exchange.head is None:
            return GuestFailed(f"{name} ended without an answer")
        if not exchange.sent_all:
            return GuestFailed(f"{name} ended before its answer was complete")
        return None

    def _timed_out(self) -> GuestTimedOut:
        return GuestTimedOut(
            f"{self.guest.name} took longer than {self._seconds:g} s for a request",
            hint="--timeout TIME gives it more",
        )

    def _handle_index(self, export: str) -> ExportIndex:
        instance = self._component.get_export_index(export)
        found = self._component.get_export_index("handle", instance) if instance is not None else None
        if found is None:
            raise cannot_start(self.guest, ValueError(f"its {export} has no function handle"))
        return found


def _told(code: Code[Component], name: str, notify: Sink) -> Code[Component]:
    """Tell of compiling, which takes seconds where the cache has nothing."""

    def build(engine: wasmtime.Engine, wasm: bytes) -> Component:
        notify(Step("compile", name))
        began = time.monotonic()
        component = code.build(engine, wasm)
        notify(Step("compile", name, time.monotonic() - began))
        return component

    return Code(code.kind, build, code.load)
