"""Values of WIT types as they cross the border to the engine: lifted from a guest's call, lowered to its result.

The engine's Python package converts by what the guest declares, byte by byte. Here it is by what WIT
says, so that a guest with other types is refused, and a list of bytes costs a copy.
Not here: types that are made of others (``compounds``), and resources (``resources``).
"""

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wasmtime import _ffi as ffi

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = [
    "BOOL",
    "BYTES",
    "STRING",
    "U8",
    "U16",
    "U32",
    "U64",
    "Case",
    "Err",
    "Ignored",
    "Misuse",
    "Ok",
    "Type",
    "insist",
    "insist_few",
    "text_of",
]

_VALUE = ctypes.sizeof(ffi.wasmtime_component_val_t)
_PAYLOAD = ffi.wasmtime_component_val_t.of.offset
_BOOL, _U8, _U16, _U32, _U64 = 0, 2, 4, 6, 8
_STRING, _LIST = 12, 13
_MOST_BYTES = 128 * 1024
# The engine itself hands over no more than 128 MiB in one call, as it counts: some million elements.

_ONE_BYTE = bytes([_U8]) + bytes(_VALUE - 1)


class Misuse(Exception):
    """What the guest did that the interface's WIT forbids: the guest traps."""


@dataclass(frozen=True, slots=True)
class Ok:
    """The good case of a WIT ``result``."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Err:
    """The bad case of a WIT ``result``."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a WIT ``variant``."""

    name: str
    value: Any = None


class Type(Protocol):
    """How values of a WIT type are read and written; ``raw`` is the engine's ``wasmtime_component_val_t``."""

    def lift(self, host: "Host", raw: Any) -> Any:  # noqa: ANN401 - a C structure, and what the type says
        """Read a value. Raises Misuse when it is of another type."""

    def lower(self, host: "Host", value: Any, raw: Any) -> None:  # noqa: ANN401 - as above
        """Write a value; its kind comes last, so that a failure leaves nothing half written."""


def insist(raw: Any, kind: int) -> None:  # noqa: ANN401 - a C structure
    """Raises Misuse when a value is of another kind, as the engine numbers them."""
    if raw.kind != kind:
        raise Misuse("a value is not of the type that the interface says")


def insist_few(size: int, most: int) -> None:
    """Raises Misuse when a list has more elements than are taken."""
    if size > most:
        raise Misuse(f"a list has {size} elements, and {most} are the most that are taken")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A number or a truth."""

    kind: int
    name: str

    def lift(self, _host: "Host", raw: Any) -> Any:  # noqa: ANN401
        insist(raw, self.kind)
        return getattr(raw.of, self.name)

    def lower(self, _host: "Host", value: Any, raw: Any) -> None:  # noqa: ANN401
        setattr(raw.of, self.name, value)
        raw.kind = self.kind


class _String:
    """Text; the engine has checked that it is UTF-8."""

    def lift(self, _host: "Host", raw: Any) -> str:  # noqa: ANN401
        insist(raw, _STRING)
        return text_of(raw.of.string)

    def lower(self, _host: "Host", value: str, raw: Any) -> None:  # noqa: ANN401
        raw.of.string = ffi.str_to_capi(value)
        raw.kind = _STRING


class _Bytes:
    """``list<u8>``, as bytes."""

    def lift(self, _host: "Host", raw: Any) -> bytes:  # noqa: ANN401
        insist(raw, _LIST)
        size = raw.of.list.size
        if not size:
            return b""
        insist_few(size, _MOST_BYTES)
        insist(raw.of.list.data[0], _U8)
        return ctypes.string_at(raw.of.list.data, size * _VALUE)[_PAYLOAD::_VALUE]

    def lower(self, _host: "Host", value: bytes, raw: Any) -> None:  # noqa: ANN401
        made = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(made), len(value))
        if value:
            spread = bytearray(_ONE_BYTE * len(value))
            spread[_PAYLOAD::_VALUE] = value
            ctypes.memmove(made.data, bytes(spread), len(spread))
        raw.of.list = made
        raw.kind = _LIST


BOOL = _Plain(_BOOL, "boolean")
U8 = _Plain(_U8, "u8")
U16 = _Plain(_U16, "u16")
U32 = _Plain(_U32, "u32")
U64 = _Plain(_U64, "u64")
STRING = _String()
BYTES = _Bytes()


class Ignored:
    """Something that a guest may hand over and nobody reads."""

    def lift(self, _host: "Host", _raw: Any) -> None:  # noqa: ANN401
        """Read nothing."""

    def lower(self, _host: "Host", _value: Any, _raw: Any) -> None:  # noqa: ANN401
        """Refuse: nothing of this type is ever handed out."""
        raise TypeError("a value that cannot be written")


def text_of(vector: Any) -> str:  # noqa: ANN401 - a C structure
    """A C vector of UTF-8, which the engine has checked, as text."""
    return ctypes.string_at(vector.data, vector.size).decode() if vector.size else ""
