"""WIT types that are made of others, as ``values`` has the plain ones: lists, records, results and so on."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wasmtime import _ffi as ffi

from wasmbuild.run.http.values import Case, Err, Ignored, Misuse, Ok, Type, insist, insist_few, text_of

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["Enum", "ListOf", "OptionOf", "Record", "Result", "TupleOf", "Variant"]

_LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT = 13, 14, 15, 16, 17, 18, 19
_MOST_ELEMENTS = 4096


@dataclass(frozen=True, slots=True)
class ListOf:
    """``list<…>`` of anything but bytes."""

    element: Type

    def lift(self, host: "Host", raw: Any) -> list[Any]:  # noqa: ANN401
        """Read every element."""
        insist(raw, _LIST)
        found = raw.of.list
        insist_few(found.size, _MOST_ELEMENTS)
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
        insist(raw, _TUPLE)
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
        insist(raw, _OPTION)
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
        insist(raw, _RESULT)
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
        insist(raw, _VARIANT)
        name = text_of(raw.of.variant.discriminant)
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
