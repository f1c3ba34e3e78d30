"""Values of WIT types as they cross the border to the engine: lifted from a guest's call, lowered to its result.

The engine's Python package converts by what the guest declares, byte by byte. Here it is by what WIT
says, so that a guest with other types is refused, and a list of bytes costs a copy.
What resources are is in ``resources``.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    "Enum",
    "Err",
    "Ignored",
    "ListOf",
    "Misuse",
    "Ok",
    "OptionOf",
    "Record",
    "Result",
    "TupleOf",
    "Type",
    "Variant",
]

_VALUE = ctypes.sizeof(ffi.wasmtime_component_val_t)
_PAYLOAD = ffi.wasmtime_component_val_t.of.offset
_BOOL, _U8, _U16, _U32, _U64 = 0, 2, 4, 6, 8
_STRING, _LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT = 12, 13, 14, 15, 16, 17, 18, 19
_MOST_BYTES = 128 * 1024
_MOST_ELEMENTS = 4096
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


def _insist(raw: Any, kind: int) -> None:  # noqa: ANN401 - a C structure
    if raw.kind != kind:
        raise Misuse("a value is not of the type that the interface says")


def _insist_few(size: int, most: int) -> None:
    if size > most:
        raise Misuse(f"a list has {size} elements, and {most} are the most that are taken")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A number or a truth."""

    kind: int
    name: str

    def lift(self, _host: "Host", raw: Any) -> Any:  # noqa: ANN401
        _insist(raw, self.kind)
        return getattr(raw.of, self.name)

    def lower(self, _host: "Host", value: Any, raw: Any) -> None:  # noqa: ANN401
        setattr(raw.of, self.name, value)
        raw.kind = self.kind


class _String:
    """Text; the engine has checked that it is UTF-8."""

    def lift(self, _host: "Host", raw: Any) -> str:  # noqa: ANN401
        _insist(raw, _STRING)
        return _text(raw.of.string)

    def lower(self, _host: "Host", value: str, raw: Any) -> None:  # noqa: ANN401
        raw.of.string = ffi.str_to_capi(value)
        raw.kind = _STRING


class _Bytes:
    """``list<u8>``, as bytes."""

    def lift(self, _host: "Host", raw: Any) -> bytes:  # noqa: ANN401
        _insist(raw, _LIST)
        size = raw.of.list.size
        if not size:
            return b""
        _insist_few(size, _MOST_BYTES)
        _insist(raw.of.list.data[0], _U8)
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


@dataclass(frozen=True, slots=True)
class ListOf:
    """``list<…>`` of anything but bytes."""

    element: Type

    def lift(self, host: "Host", raw: Any) -> list[Any]:  # noqa: ANN401
        """Read every element."""
        _insist(raw, _LIST)
        found = raw.of.list
        _insist_few(found.size, _MOST_ELEMENTS)
        return [self.element.lift(host, found.data[at]) for at in range(found.size)]

    def lower(self, host: "Host", value: list[Any], raw: Any) -> None:  # noqa: ANN401
        """Write every element."""
        made = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(made), len(value))
        for at, each in enumerate(value):
            self.element.lower(host, each, made.data[at])
        raw.of.list = made
        raw.kind = _LIST


@dataclass(frozen=True, slots=True)
class TupleOf:
    """``tuple<…>``."""

    elements: tuple[Type, ...]

    def lift(self, host: "Host", raw: Any) -> tuple[Any, ...]:  # noqa: ANN401
        """Read each by its type."""
        _insist(raw, _TUPLE)
        found = raw.of.tuple
        if found.size != len(self.elements):
            raise Misuse("a tuple is not as long as the interface says")
        return tuple(each.lift(host, found.data[at]) for at, each in enumerate(self.elements))

    def lower(self, host: "Host", value: tuple[Any, ...], raw: Any) -> None:  # noqa: ANN401
        """Write each by its type."""
        made = ffi.wasmtime_component_valtuple_t()
        ffi.wasmtime_component_valtuple_new_uninit(ctypes.byref(made), len(self.elements))
        for at, (each, one) in enumerate(zip(self.elements, value, strict=True)):
            each.lower(host, one, made.data[at])
        raw.of.tuple = made
        raw.kind = _TUPLE


@dataclass(frozen=True, slots=True)
class Record:
    """``record``; only handed out, from a tuple in the order of the fields."""

    fields: tuple[tuple[str, Type], ...]

    def lift(self, _host: "Host", _raw: Any) -> Any:  # noqa: ANN401
        """Refuse: no function here takes one."""
        raise Misuse("a record where none belongs")

    def lower(self, host: "Host", value: tuple[Any, ...], raw: Any) -> None:  # noqa: ANN401
        """Write each field with its name."""
        made = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(made), len(self.fields))
        for at, ((name, each), one) in enumerate(zip(self.fields, value, strict=True)):
            each.lower(host, one, made.data[at].val)
            made.data[at].name = ffi.str_to_capi(name)
        raw.of.record = made
        raw.kind = _RECORD


@dataclass(frozen=True, slots=True)
class OptionOf:
    """``option<…>``; None is none."""

    some: Type

    def lift(self, host: "Host", raw: Any) -> Any:  # noqa: ANN401
        """Read what is there, or None."""
        _insist(raw, _OPTION)
        return self.some.lift(host, raw.of.option.contents) if raw.of.option else None

    def lower(self, host: "Host", value: Any, raw: Any) -> None:  # noqa: ANN401
        """Write what is there."""
        raw.of.option = None if value is None else _boxed(host, self.some, value)
        raw.kind = _OPTION


@dataclass(frozen=True, slots=True)
class Result:
    """``result<…, …>``, as Ok or Err; a case without a type carries nothing."""

    ok: Type | None = None
    err: Type | None = None

    def lift(self, host: "Host", raw: Any) -> Ok | Err:  # noqa: ANN401
        """Read the case that it is."""
        _insist(raw, _RESULT)
        good = raw.of.result.is_ok
        return (Ok if good else Err)(_payload(host, self.ok if good else self.err, raw.of.result.val))

    def lower(self, host: "Host", value: Ok | Err, raw: Any) -> None:  # noqa: ANN401
        """Write the case that it is."""
        good = isinstance(value, Ok)
        inner = self.ok if good else self.err
        raw.of.result.val = None if inner is None else _boxed(host, inner, value.value)
        raw.of.result.is_ok = good
        raw.kind = _RESULT


@dataclass(frozen=True, slots=True)
class Variant:
    """``variant``, as Case; ``cases`` says what each carries."""

    cases: Mapping[str, Type | None] = field(default_factory=dict)

    def lift(self, host: "Host", raw: Any) -> Case:  # noqa: ANN401
        """Read the case that it is."""
        _insist(raw, _VARIANT)
        name = _text(raw.of.variant.discriminant)
        if name not in self.cases:
            raise Misuse("a variant has a case that the interface does not know")
        return Case(name, _payload(host, self.cases[name], raw.of.variant.val))

    def lower(self, host: "Host", value: Case, raw: Any) -> None:  # noqa: ANN401
        """Write the case that it is."""
        inner = self.cases[value.name]
        raw.of.variant.val = None if inner is None else _boxed(host, inner, value.value)
        raw.of.variant.discriminant = ffi.str_to_capi(value.name)
        raw.kind = _VARIANT


class Enum:
    """``enum``, as the name of its case; only handed out."""

    def lift(self, _host: "Host", _raw: Any) -> str:  # noqa: ANN401
        """Refuse: no function here takes one."""
        raise Misuse("an enum where none belongs")

    def lower(self, _host: "Host", value: str, raw: Any) -> None:  # noqa: ANN401
        """Write the name."""
        raw.of.enumeration = ffi.str_to_capi(value)
        raw.kind = _ENUM


def _text(vector: Any) -> str:  # noqa: ANN401 - a C structure
    return ctypes.string_at(vector.data, vector.size).decode() if vector.size else ""


def _payload(host: "Host", inner: Type | None, pointer: Any) -> Any:  # noqa: ANN401
    if inner is None or isinstance(inner, Ignored):
        return None
    if not pointer:
        raise Misuse("a case carries nothing where the interface says that it does")
    return inner.lift(host, pointer.contents)


def _boxed(host: "Host", inner: Type, value: Any) -> Any:  # noqa: ANN401
    made = ffi.wasmtime_component_val_t()
    inner.lower(host, value, made)
    return ffi.wasmtime_component_val_new(ctypes.byref(made))
