"""Between the engine's types and values and those of WAVE.

The engine's package writes a variant without its case where the values of its cases are of different
Python types (``_tagged``), and then finds the case by that type.
"""

from collections.abc import Mapping

from wasmtime import component as components
from wasmtime.component import _types as engine  # some kinds of types have no public name

from wasmbuild.run.calls.wave import MAX_DEPTH
from wasmbuild.run.calls.wave_types import (
    Bool,
    Case,
    Char,
    Enum,
    Flags,
    Float,
    Integer,
    List,
    Option,
    Record,
    Result,
    String,
    Tuple,
    Type,
    Value,
    Variant,
)

__all__ = ["Untranslatable", "lowered", "raised", "type_of"]

_SIMPLE: Mapping[type, Type] = {
    engine.Bool: Bool(),
    engine.F32: Float(32),
    engine.F64: Float(64),
    engine.Char: Char(),
    engine.String: String(),
} | {
    getattr(engine, f"{'S' if signed else 'U'}{bits}"): Integer(bits, signed)
    for bits in (8, 16, 32, 64)
    for signed in (True, False)
}


class Untranslatable(Exception):
    """What has no text; the words say what it is."""


def type_of(kind: components.ValType, depth: int = 0) -> Type:
    """The engine's type as ours. Raises Untranslatable for resources, streams, and what nests too deep."""
    if depth > MAX_DEPTH:
        raise Untranslatable(f"its types nest more than {MAX_DEPTH} deep")
    simple = _SIMPLE.get(type(kind))
    return simple if simple is not None else _compound(kind, depth + 1)


def _compound(kind: components.ValType, depth: int) -> Type:  # noqa: C901 - a case for each kind
    match kind:
        case engine.ListType():
            return List(type_of(kind.element, depth))
        case engine.TupleType():
            return Tuple(tuple(type_of(each, depth) for each in kind.elements))
        case engine.RecordType():
            return Record(tuple((name, type_of(each, depth)) for name, each in kind.fields))
        case engine.VariantType():
            return Variant(tuple((name, _maybe(each, depth)) for name, each in kind.cases))
        case engine.EnumType():
            return Enum(tuple(kind.names))
        case engine.OptionType():
            return Option(type_of(kind.payload, depth))
        case engine.ResultType():
            return Result(_maybe(kind.ok, depth), _maybe(kind.err, depth))
        case engine.FlagsType():
            return Flags(tuple(kind.names))
    raise Untranslatable(f"it takes or returns a {type(kind).__name__.removesuffix('Type').lower()}")


def _maybe(kind: components.ValType | None, depth: int) -> Type | None:
    return None if kind is None else type_of(kind, depth)


def lowered(value: Value, kind: Type) -> object:  # noqa: C901 - a case for each kind
    """A value as the engine's package takes it. Raises Untranslatable where it would take it for another."""
    match kind, value:
        case List(Integer(8, False)), list():
            return bytes(value)  # type: ignore[arg-type]  # numbers of 8 bits
        case List(element), list():
            return [lowered(each, element) for each in value]
        case Tuple(elements), tuple():
            return tuple(map(lowered, value, elements))
        case Record(fields), tuple():
            record = components.Record()
            for (name, of), each in zip(fields, value, strict=True):
                setattr(record, name, lowered(each, of))
            return record
        case Flags(), frozenset():
            return set(value)
        case Enum(), Case(name):
            return name
        case _, Case(name, payload):
            return _lowered_case(name, payload, _cases(kind))
    return value


def _lowered_case(name: str, value: Value | None, cases: Mapping[str, Type | None]) -> object:
    kind = cases[name]
    payload = None if value is None or kind is None else lowered(value, kind)
    if _tagged(cases):
        return components.Variant(name, payload)
    integers = {case for case, of in cases.items() if isinstance(of, Integer)}
    if isinstance(payload, bool) and integers:
        raise Untranslatable(
            f"the engine takes a bool for a number where a variant has both ({name}, {', '.join(integers)})"
        )
    return payload


def raised(value: object, kind: Type) -> Value:
    """What the engine's package returned, as a value of ours."""
    match kind:
        case List(element):
            return [raised(each, element) for each in value]  # type: ignore[attr-defined]
        case Tuple(elements):
            return tuple(map(raised, value, elements))  # type: ignore[call-overload]
        case Record(fields):
            return tuple(raised(getattr(value, name), of) for name, of in fields)
        case Flags():
            return frozenset(value)  # type: ignore[call-overload, no-any-return]
        case Enum():
            return Case(str(value))
        case Variant() | Option() | Result():
            return _raised_case(value, _cases(kind))
    return value  # type: ignore[return-value]


def _raised_case(value: object, cases: Mapping[str, Type | None]) -> Case:
    if _tagged(cases):
        assert isinstance(value, components.Variant)
        name, inner = value.tag, value.payload
    else:
        name = next(case for case, of in cases.items() if type(value) in _classes(of))
        inner = value
    kind = cases[name]
    return Case(name, None if kind is None else raised(inner, kind))


def _cases(kind: Type) -> Mapping[str, Type | None]:
    match kind:
        case Variant(cases):
            return dict(cases)
        case Option(payload):
            return {"none": None, "some": payload}
        case Result(ok, err):
            return {"ok": ok, "err": err}
    return {}


def _tagged(cases: Mapping[str, Type | None]) -> bool:
    found: set[type] = set()
    for kind in cases.values():
        classes = _classes(kind)
        if classes & found:
            return True
        found |= classes
    return False


def _classes(kind: Type | None) -> set[type]:
    """The Python types of what the package makes of values of a type; a case without one is None."""
    match kind:
        case None:
            return {type(None)}
        case Variant() | Option() | Result():
            cases = _cases(kind)
            return {components.Variant} if _tagged(cases) else set().union(*map(_classes, cases.values()))
        case List(Integer(8, False)):
            return {bytes}
    return {_CLASSES[type(kind)]}


_CLASSES: Mapping[type, type] = {
    Bool: bool,
    Integer: int,
    Float: float,
    Char: str,
    String: str,
    Enum: str,
    List: list,
    Tuple: tuple,
    Record: components.Record,
    Flags: set,
}
