"""The engine and compiled code: wasmtime, and what it remembers between runs.

Settings come from here alone: some combinations abort the whole process, so none is taken from input
before ``GuestLimits`` has checked it.
"""

import contextlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

import wasmtime
from wasmtime import _ffi as ffi  # for what the package offers no other way to

from wasmbuild.run.cache import CodeCache, CodeCacheFailed
from wasmbuild.run.hashing import SIZE, blake2b
from wasmbuild.run.limits import MEMORY_BYTES, STACK_BYTES, GuestLimits

if TYPE_CHECKING:
    from wasmtime import component as components

    from wasmbuild.events import Sink
    from wasmbuild.run.ledger import Ledger

__all__ = ["Code", "Compiled", "Settings", "compiled", "engine_version", "new_engine", "warn"]

_FIBER_MARGIN = 2 * 1024**2
"""Bytes of a fiber's stack beside the guest's own, for the host's code."""

_WHERE = 8
_PROCESSOR = 16 * 1024
"""Bytes of ``/proc/cpuinfo`` that tell what its first processor can do."""


class Compiled(Protocol):
    """What the engine makes of a binary: its ``Module`` and its ``Component`` are alike in this."""

    def serialize(self) -> bytearray:
        """The compiled code, for the same engine only."""


C = TypeVar("C", bound=Compiled)


@dataclass(frozen=True, slots=True)
class Settings:
    """What code is compiled for.

    ``interruptible`` puts checks into loops and functions, which ``increment_epoch`` then stops; ``metered``
    counts fuel. Both cost speed. ``counted`` is for memories of the host's (``ledger``), which cannot be
    mapped with their first content. ``sequential`` is without asynchronous calls: with them, the engine
    (50.0) loses count when a function of the host's is called with a second borrow, and the guest traps.
    """

    interruptible: bool = False
    metered: bool = False
    counted: bool = False
    sequential: bool = False

    @classmethod
    def of(cls, limits: GuestLimits) -> Self:
        """No more than the limits need."""
        return cls(
            interruptible=limits.seconds is not None,
            metered=limits.fuel is not None,
            counted=limits.memory_bytes < MEMORY_BYTES,
        )

    @property
    def variant(self) -> str:
        """Tells apart what the same bytes are compiled to."""
        words = {
            "timed": self.interruptible,
            "metered": self.metered,
            "counted": self.counted,
            "sequential": self.sequential,
        }
        return "-".join(word for word, wanted in words.items() if wanted) or "plain"


_PLAIN = Settings()


def new_engine(
    settings: Settings = _PLAIN, *, stack_bytes: int = STACK_BYTES, ledger: "Ledger | None" = None
) -> wasmtime.Engine:
    """An engine for code that is compiled so, with so much stack for it; a ledger is there for counted code."""
    config = wasmtime.Config()
    config.epoch_interruption = settings.interruptible
    config.consume_fuel = settings.metered
    if settings.sequential:
        ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
    if settings.counted:
        ffi.wasmtime_config_memory_init_cow_set(config.ptr(), False)
    if ledger is not None:
        ledger.attach(config)
    if stack_bytes != STACK_BYTES:
        config.max_wasm_stack = stack_bytes
        ffi.wasmtime_config_async_stack_size_set(config.ptr(), stack_bytes + _FIBER_MARGIN)
    return wasmtime.Engine(config)


class Code(Generic[C]):
    """How a kind of binary becomes compiled code: from its bytes, or from a file of what it became before."""

    __slots__ = ("build", "kind", "load")

    def __init__(
        self, kind: str, build: Callable[[wasmtime.Engine, bytes], C], load: Callable[[wasmtime.Engine, str], C]
    ) -> None:
        self.kind = kind
        self.build = build
        self.load = load

    @classmethod
    def module(cls) -> "Code[wasmtime.Module]":
        """A core module."""
        return Code("module", wasmtime.Module, wasmtime.Module.deserialize_file)

    @classmethod
    def component(cls) -> "Code[components.Component]":
        """A component."""
        from wasmtime.component import Component  # noqa: PLC0415  (costs a third of a module's start)

        return Code("component", Component, Component.deserialize_file)


def compiled(
    engine: wasmtime.Engine, settings: Settings, code: Code[C], wasm: bytes, cache: CodeCache | None, notify: "Sink"
) -> C:
    """Compiled code from the cache, or made now and put there.

    Raises WasmtimeError when the binary is not valid; a cache that fails becomes a warning.
    """
    if cache is None:
        return code.build(engine, wasm)
    key = _key(wasm, code.kind, settings)
    try:
        with cache.opened(key) as path, contextlib.suppress(wasmtime.WasmtimeError):
            # The engine refuses what another version, other settings or another processor made.
            if path is not None:
                return code.load(engine, path)
    except CodeCacheFailed as error:
        warn(notify, f"the cache of compiled code is not used: {error}")
        return code.build(engine, wasm)
    product = code.build(engine, wasm)
    try:
        cache.store(key, bytes(product.serialize()))
    except CodeCacheFailed as error:
        warn(notify, f"compiled code could not be kept: {error}")
    return product


def warn(notify: "Sink", text: str) -> None:
    """Tell a person something that does not stop the run."""
    from wasmbuild.events import Note  # noqa: PLC0415  (few runs have something to say)

    notify(Note("warning", text))


def _key(wasm: bytes, kind: str, settings: Settings) -> str:
    """What the engine makes of the bytes is the same wherever this is.

    A home folder may be shared by machines with other processors, and other versions of the engine.
    """
    where = blake2b(f"{engine_version()} {platform.machine()} {_processor()}".encode(), digest_size=_WHERE)
    return f"{blake2b(wasm, digest_size=SIZE).hexdigest()}-{kind}-{settings.variant}-{where.hexdigest()}"


def engine_version() -> str:
    """Of the installed package; importlib.metadata would cost more than a whole start."""
    with contextlib.suppress(OSError):
        for name in os.listdir(os.path.dirname(os.path.dirname(wasmtime.__file__))):  # noqa: PTH120, PTH208
            if name.startswith("wasmtime-") and name.endswith(".dist-info"):
                return name.removeprefix("wasmtime-").removesuffix(".dist-info")
    return "unknown"


def _processor() -> str:
    """The features of the processor, as Linux tells them; elsewhere the engine itself looks."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:  # noqa: PTH123
            text = file.read(_PROCESSOR).decode(errors="replace")
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() in {"flags", "Features", "isa"}), "")
