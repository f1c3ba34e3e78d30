"""WAVE, the notation for values of the component model, read and written by type.

https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wasm-wave describes it. Bounded: a text has
a greatest length, and values nest only so deep.
"""

import re
from typing import NoReturn

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
    describe,
    rounded,
)

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "InvalidWave", "parse"]

MAX_LENGTH = 1024**2
"""Characters of a text."""
MAX_DEPTH = 64
"""How deep values, and so types, may nest."""

_SPACE = re.compile(r"(?:[ \t\r\n]|//[^\n]*)*")
_INTEGER = re.compile(r"-?[0-9]{1,40}(?![0-9.eE])")
_FLOAT = re.compile(r"-?(?:[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,5})?|inf(?![\w-]))|nan(?![\w-])")
_LABEL = re.compile(r"%?([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)", re.ASCII)
_PLAIN = re.compile(r"""[^"'\\\n]+""")
_ESCAPE = re.compile(r"""\\(?:(["'\\tnr])|u\{([0-9A-Fa-f]{1,6})\})""")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}
_SURROGATES = range(0xD800, 0xE000)


class InvalidWave(ValueError):
    """The text is no value of the type; ``position`` counts characters from 1."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position = position


def parse(text: str, kind: Type) -> Value:
    """Read one value of a type. Raises InvalidWave."""
    if len(text) > MAX_LENGTH:
        raise InvalidWave(MAX_LENGTH, f"a value has at most {MAX_LENGTH} characters")
    parser = _Parser(text)
    value = parser.value(kind, 0)
    parser.skip()
    if parser.position < len(text):
        parser.fail(f"the {describe(kind)[:60]} ends here, and more follows")
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0

    def value(self, kind: Type, depth: int) -> Value:
        if depth > MAX_DEPTH:
            self.fail(f"values nest at most {MAX_DEPTH} deep")
        self.skip()
        match kind:
            case Bool():
                return self._label(kind, ("true", "false")) == "true"
            case Integer():
                return self._integer(kind)
            case Float(bits):
                return self._float(bits)
            case Char():
                return self._char()
            case String():
                return self._quoted('"')
            case _:
                return self._compound(kind, depth + 1)

    def _compound(self, kind: Type, depth: int) -> Value:  # noqa: C901, RET503 - a case for each kind
        match kind:
            case List(element):
                return self._list(element, depth)
            case Tuple(elements):
                return self._tuple(elements, depth)
            case Record(fields):
                return self._record(fields, depth)
            case Variant(cases):
                return self._case(kind, dict(cases), depth)
            case Enum(names):
                return Case(self._label(kind, names))
            case Option(payload):
                return self._case_or_payload(kind, {"some": payload, "none": None}, depth)
            case Result(ok, err):
                return self._case_or_payload(kind, {"ok": ok, "err": err}, depth)
            case Flags(names):
                return self._flags(kind, names)
            case _:
                self.fail(f"a {describe(kind)} is no compound type")

    def _integer(self, kind: Integer) -> int:
        found = _INTEGER.match(self._text, self.position)
        if found is None:
            self.fail(f"expected a whole number, a {describe(kind)}")
        number = int(found[0])
        if not kind.least <= number <= kind.most:
            self.fail(f"a {describe(kind)} is between {kind.least} and {kind.most}")
        self.position = found.end()
        return number

    def _float(self, bits: int) -> float:
        found = _FLOAT.match(self._text, self.position)
        if found is None:
            self.fail(f"expected a number, an f{bits}")
        try:
            number = rounded(float(found[0]), bits)
        except OverflowError:
            self.fail(f"an f{bits} is not that large; inf is what lies beyond")
        self.position = found.end()
        return number

    def _char(self) -> str:
        start = self.position
        text = self._quoted("'")
        if len(text) != 1:
            self.position = start
            self.fail(f"a char is one character, and here are {len(text)}")
        return text

    def _quoted(self, quote: str) -> str:
        if not self._taken(quote):
            self.fail(f"expected {quote}")
        parts: list[str] = []
        while not self._taken(quote):
            if found := _PLAIN.match(self._text, self.position):
                parts.append(found[0])
            elif found := _ESCAPE.match(self._text, self.position):
                parts.append(self._unescaped(found))
            elif self._next() in {'"', "'"}:
                parts.append(self._next())
                self.position += 1
                continue
            else:
                self.fail(r"expected more text, or the end of it; \ begins \n, \t, \r, \\, " + r"\', \" and \u{…}")
            self.position = found.end()
        return "".join(parts)

    def _unescaped(self, found: re.Match[str]) -> str:
        if found[1]:
            return _ESCAPED.get(found[1], found[1])
        number = int(found[2], 16)
        if number > 0x10FFFF or number in _SURROGATES:
            self.fail("there is no such character")
        return chr(number)

    def _list(self, element: Type, depth: int) -> list[Value]:
        self._insist("[")
        values: list[Value] = []
        while not self._ended("]", bool(values)):
            values.append(self.value(element, depth))
        return values

    def _tuple(self, elements: tuple[Type, ...], depth: int) -> tuple[Value, ...]:
        self._insist("(")
        values: list[Value] = []
        while not self._ended(")", bool(values)):
            if len(values) == len(elements):
                self.fail(f"expected ) after {len(elements)} values")
            values.append(self.value(elements[len(values)], depth))
        if len(values) < len(elements):
            self.fail(f"expected {len(elements)} values, and here are {len(values)}")
        return tuple(values)

    def _record(self, fields: tuple[tuple[str, Type], ...], depth: int) -> tuple[Value, ...]:
        self._insist("{")
        kinds, values = dict(fields), dict[str, Value]()
        if self._taken(":"):
            self._insist("}")
        else:
            while not self._ended("}", bool(values)):
                start = self.position
                name = self._label(Record(fields), tuple(kinds))
                if name in values:
                    self.position = start
                    self.fail(f"{name} is here twice")
                self._insist(":")
                values[name] = self.value(kinds[name], depth)
        for name, kind in fields:
            if name not in values and not isinstance(kind, Option):
                self.fail(f"the field {name} is missing")
        return tuple(values.get(name, Case("none")) for name, _ in fields)

    def _flags(self, kind: Flags, names: tuple[str, ...]) -> frozenset[str]:
        self._insist("{")
        found: set[str] = set()
        while not self._ended("}", bool(found)):
            found.add(self._label(kind, names))
        return frozenset(found)

    def _case_or_payload(self, kind: Type, cases: dict[str, Type | None], depth: int) -> Value:
        """What is a case is one, and everything else the value of the first: ``1`` is ``some(1)`` and ``ok(1)``."""
        first, payload = next(iter(cases.items()))
        found = _LABEL.match(self._text, self.position)
        named = found is not None and found[1] in cases and not found[0].startswith("%")
        if named or payload is None or isinstance(payload, Option | Result):
            return self._case(kind, cases, depth)
        return Case(first, self.value(payload, depth))

    def _case(self, kind: Type, cases: dict[str, Type | None], depth: int) -> Case:
        name = self._label(kind, tuple(cases))
        payload = cases[name]
        if payload is None:
            return Case(name)
        self._insist("(")
        value = self.value(payload, depth)
        self._insist(")")
        return Case(name, value)

    def _label(self, kind: Type, names: tuple[str, ...]) -> str:
        self.skip()
        found = _LABEL.match(self._text, self.position)
        if found is None or found[1] not in names:
            shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            self.fail(f"expected one of {shown}" if names else f"{describe(kind)} has no names")
        self.position = found.end()
        return found[1]

    def _ended(self, closing: str, begun: bool) -> bool:
        """Whether a sequence is over; between its members there is a comma, and after the last there may be one."""
        if self._taken(closing):
            return True
        if begun:
            if not self._taken(","):
                self.fail(f"expected , or {closing}")
            return self._taken(closing)
        return False

    def _insist(self, character: str) -> None:
        self.skip()
        if not self._taken(character):
            self.fail(f"expected {character}")

    def _taken(self, character: str) -> bool:
        if character not in {'"', "'"}:
            self.skip()
        if self._next() != character:
            return False
        self.position += 1
        return True

    def _next(self) -> str:
        return self._text[self.position : self.position + 1]

    def skip(self) -> None:
        found = _SPACE.match(self._text, self.position)
        self.position = found.end() if found else self.position

    def fail(self, message: str) -> NoReturn:
        raise InvalidWave(self.position + 1, message)
