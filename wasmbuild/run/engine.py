"""The engine and compiled code: wasmtime, and what it remembers between runs.

Settings come from here alone: some combinations abort the whole process, so none is taken from input.
"""

import contextlib
import hashlib
import platform
from collections.abc import Callable
from typing import Protocol, TypeVar

import wasmtime

from wasmbuild.events import Note, Sink
from wasmbuild.run.cache import CodeCache, CodeCacheFailed

__all__ = ["Compilable", "compiled", "new_engine"]


class Compilable(Protocol):
    """What the engine makes of a binary: its ``Module`` and its ``Component`` are alike in this."""

    def serialize(self) -> bytearray:
        """The compiled code, for the same engine only."""


C = TypeVar("C", bound=Compilable)


def new_engine(*, interruptible: bool) -> wasmtime.Engine:
    """An engine; ``interruptible`` compiles checks into loops, which ``increment_epoch`` then stops."""
    config = wasmtime.Config()
    config.epoch_interruption = interruptible
    return wasmtime.Engine(config)


def compiled(
    wasm: bytes,
    variant: str,
    cache: CodeCache | None,
    notify: Sink,
    *,
    build: Callable[[bytes], C],
    load: Callable[[bytes], C],
) -> C:
    """Compiled code from the cache, or made now and put there.

    ``variant`` tells apart what the same bytes may be compiled to. Raises WasmtimeError when the
    binary is not valid; a cache that fails becomes a warning.
    """
    if cache is None:
        return build(wasm)
    key = f"{hashlib.sha256(wasm).hexdigest()}-{platform.machine()}-{variant}"
    try:
        code = cache.load(key)
    except CodeCacheFailed as error:
        notify(Note("warning", f"the cache of compiled code is not used: {error}"))
        return build(wasm)
    if code is not None:
        # The engine refuses what another version, other settings or another processor made.
        with contextlib.suppress(wasmtime.WasmtimeError):
            return load(code)
    product = build(wasm)
    try:
        cache.store(key, bytes(product.serialize()))
    except CodeCacheFailed as error:
        notify(Note("warning", f"compiled code could not be kept: {error}"))
    return product
