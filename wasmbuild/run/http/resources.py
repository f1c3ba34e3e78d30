"""Resources that one guest holds: handles of its own, numbers for the engine, our objects behind them."""

import ctypes
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from wasmtime import _ffi as ffi

from wasmbuild.run.http.values import Misuse

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["Borrow", "Own", "Resources", "handed", "number_of"]

R = TypeVar("R")

_RESOURCE = 21
_MOST = 4096
"""How many resources a guest may hold at once: they live in our memory, which its limit does not cover."""

_NUMBERS: dict[type, int] = {}


def number_of(kind: type) -> int:
    """The engine's number for a type of resource, the same as long as the process lives."""
    return _NUMBERS.setdefault(kind, len(_NUMBERS) + 1)


class Resources:
    """A table of objects by number. Numbers are not used again."""

    def __init__(self) -> None:
        self._held: dict[int, Any] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, resource: object) -> int:
        """Keep an object; its number. Raises Misuse when the guest holds too many."""
        if len(self._held) >= _MOST:
            raise Misuse(f"the guest holds more than {_MOST} resources")
        # A number is 32 bits wide, and a guest cannot make so many in its time; the engine would trap.
        number = next(self._numbers) & 0xFFFFFFFF
        self._held[number] = resource
        return number

    def get(self, number: int, kind: type[R]) -> R:
        """The object. Raises Misuse when it is of another kind."""
        found = self._held.get(number)
        if not isinstance(found, kind):
            raise Misuse("a handle is not of the resource that the interface says")
        return found

    def take(self, number: int, kind: type[R]) -> R:
        """The object, which the guest holds no longer."""
        found = self.get(number, kind)
        del self._held[number]
        return found

    def drop(self, number: int) -> None:
        """Forget an object that the guest let go of, and tell it."""
        dropped = getattr(self._held.pop(number, None), "dropped", None)
        if dropped is not None:
            dropped()


@dataclass(frozen=True, slots=True)
class Borrow:
    """``borrow<…>``: the object, which the guest keeps."""

    kind: type

    def lift(self, host: "Host", raw: Any) -> Any:  # noqa: ANN401 - a C structure
        """The object. Raises Misuse when the handle is of another kind."""
        return host.resources.get(_number(host, raw), self.kind)

    def lower(self, _host: "Host", _value: object, _raw: Any) -> None:  # noqa: ANN401
        """Refuse: a borrow is never handed out."""
        raise TypeError("a borrow cannot be written")


@dataclass(frozen=True, slots=True)
class Own:
    """``own<…>``: the object, which changes hands."""

    kind: type

    def lift(self, host: "Host", raw: Any) -> Any:  # noqa: ANN401 - a C structure
        """The object, which the guest holds no longer."""
        return host.resources.take(_number(host, raw), self.kind)

    def lower(self, host: "Host", value: object, raw: Any) -> None:  # noqa: ANN401
        """Hand an object to the guest."""
        raw.of.resource = handed(host, value, self.kind)
        raw.kind = _RESOURCE


def handed(host: "Host", value: object, kind: type) -> Any:  # noqa: ANN401 - a C pointer
    """An owned handle for an object, for the engine."""
    made = ffi.wasmtime_component_resource_host_new(True, host.resources.add(value), number_of(kind))
    whole = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
    try:
        error = ffi.wasmtime_component_resource_host_to_any(host.context, made, ctypes.byref(whole))
    finally:
        ffi.wasmtime_component_resource_host_delete(made)
    if error:  # type: ignore[truthy-bool]  # a null pointer is false
        ffi.wasmtime_error_delete(error)
        raise Misuse("the engine has no room for another resource")
    return whole


def _number(host: "Host", raw: Any) -> int:  # noqa: ANN401 - a C structure
    if raw.kind != _RESOURCE:
        raise Misuse("a value is not of the type that the interface says")
    found = ctypes.POINTER(ffi.wasmtime_component_resource_host_t)()
    error = ffi.wasmtime_component_resource_any_to_host(host.context, raw.of.resource, ctypes.byref(found))
    if error:  # type: ignore[truthy-bool]  # a null pointer is false
        ffi.wasmtime_error_delete(error)
        raise Misuse("a handle is not of a resource of the host")
    try:
        return int(ffi.wasmtime_component_resource_host_rep(found))
    finally:
        ffi.wasmtime_component_resource_host_delete(found)
