"""Values of the component model written as WAVE, so that ``wave.parse`` reads them as they were.

What comes from a guest is escaped: nothing in it can steer a terminal.
"""

from wasmbuild.run.calls.wave_types import (
    Bool,
    Case,
    Char,
    Enum,
    Flags,
    Float,
    List,
    Option,
    Record,
    Result,
    String,
    Tuple,
    Type,
    Value,
    Variant,
    shortest,
)

__all__ = ["text_of"]

_KEYWORDS = frozenset({"true", "false", "inf", "nan", "some", "none", "ok", "err"})
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def text_of(value: Value, kind: Type) -> str:  # noqa: C901, PLR0911 - a case for each kind
    """One line of WAVE for a value of the type."""
    match kind, value:
        case Bool(), bool(truth):
            return "true" if truth else "false"
        case Float(bits), float(number):
            return shortest(number, bits)
        case Char(), str(text):
            return _quoted(text, "'")
        case String(), str(text):
            return _quoted(text, '"')
        case List(element), list(values):
            return f"[{', '.join(text_of(each, element) for each in values)}]"
        case Tuple(elements), tuple(values):
            return f"({', '.join(map(text_of, values, elements))})"
        case Record(fields), tuple(values):
            members = [f"{name}: {text_of(each, of)}" for (name, of), each in zip(fields, values, strict=True)]
            return f"{{{', '.join(members)}}}" if members else "{:}"
        case Flags(names), frozenset(found):
            return f"{{{', '.join(_label(name) for name in names if name in found)}}}"
        case _, Case(name, payload):
            return _case(name, payload, _payload(kind, name), plain=isinstance(kind, Option | Result))
    return str(value)


def _case(name: str, value: Value | None, kind: Type | None, *, plain: bool) -> str:
    label = name if plain else _label(name)
    return label if value is None or kind is None else f"{label}({text_of(value, kind)})"


def _payload(kind: Type, name: str) -> Type | None:
    match kind:
        case Variant(cases):
            return dict(cases).get(name)
        case Option(payload):
            return payload if name == "some" else None
        case Result(ok, err):
            return ok if name == "ok" else err
        case Enum():
            return None
    return None


def _label(name: str) -> str:
    return f"%{name}" if name in _KEYWORDS else name


def _quoted(text: str, quote: str) -> str:
    return quote + "".join(_escaped(character, quote) for character in text) + quote


def _escaped(character: str, quote: str) -> str:
    if character == quote:
        return f"\\{character}"
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
