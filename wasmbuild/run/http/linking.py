"""Interfaces, and how the engine learns of them: each function once, for every guest that is ever started.

A call finds its host by its thread: a guest stays on the thread that called it. What goes wrong in a
function is kept in the host, and the guest traps; the engine's Python package would keep it in one
place for all threads.
"""

import ctypes
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wasmtime import Engine, Store, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Linker, LinkerInstance, ResourceType

from wasmbuild.run.http.resources import number_of
from wasmbuild.run.http.values import Misuse, Type

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["Function", "Interface", "Linked", "acting", "watch"]

_TRAP = b"the host stopped the guest\0"
_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))
_EPOCH_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.POINTER(ffi.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ffi.wasmtime_update_deadline_kind_t),
)
_GO_ON = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A function of an interface: its WIT name, its types, and what it does with the host and the values."""

    name: str
    takes: tuple[Type, ...]
    gives: Type | None
    does: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of WASI 0.2: its name without a version, its functions and its resources."""

    name: str
    functions: tuple[Function, ...] = ()
    resources: tuple[tuple[str, type], ...] = ()


class _Here(threading.local):
    host: "Host | None" = None


_HERE = _Here()


@contextmanager
def acting(host: "Host") -> Iterator[None]:
    """Let calls that come on this thread be this host's."""
    _HERE.host = host
    try:
        yield
    finally:
        _HERE.host = None


def watch(store: Store) -> None:
    """Look at each epoch whether the guest may go on, also while it calls nothing."""
    ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), _LOOK, None, _NO_FINALIZER)


def _look(_context: Any, _data: Any, more: Any, kind: Any) -> int:  # noqa: ANN401 - C pointers
    host = _HERE.host
    if host is None:
        return _trap()
    try:
        host.check()
    except BaseException as error:  # noqa: BLE001 - as in ``_called``
        host.failure = host.failure or error
        return _trap()
    more[0], kind[0] = 1, _GO_ON
    return 0


_LOOK = _EPOCH_CALLBACK(_look)


class Linked:
    """A linker that offers what a component asks for, by the names that it uses.

    What is beyond our interfaces traps when it is called. Every 0.2 of WASI has the functions of those
    before it. Raises WasmtimeError.
    """

    def __init__(
        self, engine: Engine, interfaces: Iterable[Interface], component: Component, names: Iterable[str]
    ) -> None:
        known = {interface.name: interface for interface in interfaces}
        self.linker = Linker(engine)
        self._kept: list[object] = []
        with self.linker.root() as root:
            for name in names:
                base, _, version = name.partition("@")
                if base in known and version.startswith("0.2."):
                    with root.add_instance(name) as instance:
                        self._add(instance, known[base])
        self.linker.define_unknown_imports_as_traps(component)

    def close(self) -> None:
        """Give everything back."""
        self.linker.close()

    def _add(self, instance: LinkerInstance, interface: Interface) -> None:
        for name, kind in interface.resources:
            instance.add_resource(name, ResourceType.host(number_of(kind)), _dropped)
        for function in interface.functions:
            callback = ffi.wasmtime_component_func_callback_t(_called(function))
            self._kept.append(callback)
            encoded = function.name.encode()
            error = ffi.wasmtime_component_linker_instance_add_func(
                instance.ptr(), ctypes.create_string_buffer(encoded), len(encoded), callback, None, _NO_FINALIZER
            )
            if error:  # type: ignore[truthy-bool]  # a null pointer is false
                raise WasmtimeError._from_ptr(error)  # noqa: SLF001 - the only way to read it


def _called(function: Function) -> Callable[..., int]:
    takes, gives, does = function.takes, function.gives, function.does

    def call(_data: Any, context: Any, _type: Any, values: Any, count: int, results: Any, result_count: int) -> int:  # noqa: ANN401
        host = _HERE.host
        if host is None:
            return _trap()
        try:
            host.context = context
            host.check()
            _insist(function, count, result_count)
            result = does(host, *[each.lift(host, values[at]) for at, each in enumerate(takes)])
            if gives is not None:
                gives.lower(host, result, results[0])
        except BaseException as error:  # noqa: BLE001 - nothing may unwind through the engine; it is raised again later
            host.failure = host.failure or error
            return _trap()
        return 0

    return call


def _insist(function: Function, count: int, result_count: int) -> None:
    if count != len(function.takes) or result_count != (function.gives is not None):
        raise Misuse(f"{function.name} does not have the type that the interface says")


def _trap() -> int:
    error = ffi.wasmtime_error_new(ctypes.create_string_buffer(_TRAP))
    return ctypes.cast(error, ctypes.c_void_p).value or 0


def _dropped(_store: object, number: int) -> None:
    host = _HERE.host
    if host is not None:
        host.resources.drop(number)
