"""The types of the component model's values, and the values of those types, as WAVE writes them.

Not here: resources, streams and futures, which cannot be written; and how the engine holds any of it.
"""

import contextlib
import math
import struct
from dataclasses import dataclass
from typing import Union

__all__ = [
    "Bool",
    "Case",
    "Char",
    "Enum",
    "Flags",
    "Float",
    "Integer",
    "List",
    "Option",
    "Record",
    "Result",
    "String",
    "Tuple",
    "Type",
    "Value",
    "Variant",
    "describe",
    "rounded",
    "shortest",
]


@dataclass(frozen=True, slots=True)
class Bool:
    """``true`` or ``false``."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of so many bits."""

    bits: int
    signed: bool

    @property
    def least(self) -> int:
        """The smallest there is."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def most(self) -> int:
        """The largest there is."""
        return (1 << self.bits - self.signed) - 1


@dataclass(frozen=True, slots=True)
class Float:
    """A number of IEEE 754, of 32 or 64 bits."""

    bits: int


@dataclass(frozen=True, slots=True)
class Char:
    """A Unicode scalar value."""


@dataclass(frozen=True, slots=True)
class String:
    """Unicode scalar values."""


@dataclass(frozen=True, slots=True)
class List:
    """Any number of values of one type."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Tuple:
    """A value of each of these types."""

    elements: tuple["Type", ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A value for each of these names; the value is a tuple in their order."""

    fields: tuple[tuple[str, "Type"], ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One of these cases, some of which have a value; the value is a Case."""

    cases: tuple[tuple[str, "Type | None"], ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """One of these names; the value is a Case."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A value or none; the value is a Case, ``some`` or ``none``."""

    payload: "Type"


@dataclass(frozen=True, slots=True)
class Result:
    """Success or failure, each perhaps with a value; the value is a Case, ``ok`` or ``err``."""

    ok: "Type | None"
    err: "Type | None"


@dataclass(frozen=True, slots=True)
class Flags:
    """Any of these names; the value is a frozenset."""

    names: tuple[str, ...]


Type = Bool | Integer | Float | Char | String | List | Tuple | Record | Variant | Enum | Option | Result | Flags


@dataclass(frozen=True, slots=True)
class Case:
    """The case of a variant, and its value, if it has one."""

    name: str
    value: "Value | None" = None


Value = Union[bool, int, float, str, list["Value"], tuple["Value", ...], frozenset[str], Case]  # noqa: UP007 - it names itself


def describe(kind: Type | None) -> str:  # noqa: C901, PLR0911 - a case for each kind
    """The type in the words of WIT; ``_`` for none."""
    match kind:
        case None:
            return "_"
        case Integer(bits, signed):
            return f"{'s' if signed else 'u'}{bits}"
        case Float(bits):
            return f"f{bits}"
        case List(element):
            return f"list<{describe(element)}>"
        case Tuple(elements):
            return f"tuple<{', '.join(map(describe, elements))}>"
        case Option(payload):
            return f"option<{describe(payload)}>"
        case Result(ok, err):
            return "result" if ok is err is None else f"result<{describe(ok)}, {describe(err)}>"
        case Record(fields):
            return f"record {{ {', '.join(f'{name}: {describe(each)}' for name, each in fields)} }}"
        case Variant(cases):
            return f"variant {{ {', '.join(_case(name, each) for name, each in cases)} }}"
        case Enum(names) | Flags(names):
            return f"{type(kind).__name__.lower()} {{ {', '.join(names)} }}"
    return type(kind).__name__.lower()


def _case(name: str, kind: Type | None) -> str:
    return name if kind is None else f"{name}({describe(kind)})"


def rounded(number: float, bits: int) -> float:
    """The nearest number that so many bits hold. Raises OverflowError beyond the largest."""
    if bits == 64 or not math.isfinite(number):
        return number
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def shortest(number: float, bits: int) -> str:
    """The fewest digits that mean this number and no other: ``0.1``, ``1e+30``, ``nan``, ``-inf``."""
    if bits == 64 or not math.isfinite(number):
        return repr(number)
    for digits in range(1, 10):
        nearby = float(f"{number:.{digits}g}")
        with contextlib.suppress(OverflowError):  # a few digits of the largest number may be more than that
            if rounded(nearby, bits) == number:
                return repr(nearby)
    return repr(number)
