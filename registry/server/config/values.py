"""Settings out of plain values (TOML, JSON, texts of the environment), by the types of the dataclasses.

Not here: where the values come from (``toml``), and what they mean (each section's own file).
"""

import difflib
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from registry.errors import InvalidConfiguration
from registry.words import printable

__all__ = ["InvalidValue", "closest", "decode", "duration", "encode", "is_secret", "optional_of", "refused", "size"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_SIZES = {
    "": 1, "B": 1,
    "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
}  # fmt: skip
_QUANTITY = re.compile(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})")
_SECRET = re.compile(r"password|secret|private|credential|_token$|^token$")


class InvalidValue(Exception):  # no Failure: who reads the file knows where it is
    """A value is not what its key takes; ``key`` is its whole path, ``hint`` what would be right."""

    def __init__(self, key: str, problem: str, hint: str | None = None) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem
        self.hint = hint


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def duration(text: str) -> float:
    """Seconds, of ``90s``, ``1.5h``, ``7d``. Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise ValueError("a duration is a number with ms, s, m, h, d or w, for example 90s")
    return float(match[1]) * _UNITS[match[2]]


def size(text: str) -> int:
    """Bytes, of ``64GiB``, ``10MB``, ``4096``. Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _SIZES:
        raise ValueError("a size is a number, perhaps with KB, MB, GB, TB or KiB, MiB, GiB, TiB, for example 64GiB")
    whole = float(match[1]) * _SIZES[match[2]] if "." in match[1] else int(match[1]) * _SIZES[match[2]]
    return int(whole)


def is_secret(field: "Field[Any]") -> bool:
    """Whether nobody may see what a setting says."""
    return not field.repr or _SECRET.search(field.name) is not None


def optional_of(kind: Any) -> Any:  # noqa: ANN401 - a type, of which there is no type
    """The type without ``None``."""
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [each for each in get_args(kind) if each is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007 - made at run time
    return kind


def decode(kind: Any, value: object, key: str) -> Any:  # noqa: ANN401 - whatever the type says
    """A value as a type has it. Raises InvalidValue, which does not repeat the value, and InvalidConfiguration."""
    kind = optional_of(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return _any_of(get_args(kind), value, key)
    if is_dataclass(kind) and isinstance(kind, type):
        return _section(kind, value, key)
    if get_origin(kind) is Literal:
        return _choice(get_args(kind), value, key)
    if get_origin(kind) in (tuple, frozenset, list):
        return _several(kind, value, key)
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        return _mapping(kind, value, key)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_choice(tuple(each.value for each in kind), value, key))
    return _simple(kind, value, key)


def _any_of(kinds: tuple[Any, ...], value: object, key: str) -> Any:  # noqa: ANN401
    for kind in kinds[:-1]:
        try:
            return decode(kind, value, key)
        except InvalidValue:
            continue
    return decode(kinds[-1], value, key)


def _section(kind: type, value: object, key: str) -> Any:  # noqa: ANN401
    if not isinstance(value, Mapping):
        raise InvalidValue(key, "is not a table")
    hints, known = get_type_hints(kind), {each.name: each for each in fields(kind) if each.init}
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in known:
            shown, guess = printable(str(name), 60), closest(str(name), known)
            hint = f"did you mean {guess}?" if guess else f"known here: {', '.join(sorted(known))}"
            raise InvalidValue(f"{prefix}{shown}", "is not a setting", hint)
    for name, each in known.items():
        if name not in value and each.default is MISSING and each.default_factory is MISSING:
            raise InvalidValue(f"{prefix}{name}", "is missing")
    return kind(**{name: decode(hints[name], each, f"{prefix}{name}") for name, each in value.items()})


def _choice(choices: tuple[Any, ...], value: object, key: str) -> Any:  # noqa: ANN401
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice
    shown = [str(choice) for choice in choices]
    guess = closest(value, shown) if isinstance(value, str) else None
    raise InvalidValue(key, f"is not one of {', '.join(shown)}", f"did you mean {guess}?" if guess else None)


def _several(kind: Any, value: object, key: str) -> Any:  # noqa: ANN401
    origin, item = get_origin(kind), get_args(kind)[0]
    if not isinstance(value, list | tuple):
        raise InvalidValue(key, "is not a list")
    return origin(decode(item, each, f"{key}[{number}]") for number, each in enumerate(value))


def _mapping(kind: Any, value: object, key: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        raise InvalidValue(key, "is not a table")
    return {str(name): decode(get_args(kind)[1], each, f"{key}.{name}") for name, each in value.items()}


def _simple(kind: Any, value: object, key: str) -> Any:  # noqa: ANN401
    if kind is Path and isinstance(value, str | Path):
        return Path(_clean(str(value), key))
    if kind is str and isinstance(value, str):
        return _clean(value, key)
    if kind is bool and isinstance(value, bool):
        return value
    if kind in (int, float) and isinstance(value, int | float | str) and not isinstance(value, bool):
        return _number(kind, value, key)
    words = {str: "a text", Path: "a path", bool: "true or false", int: "a whole number", float: "a number or duration"}
    raise InvalidValue(key, f"is not {words.get(kind, 'what is taken here')}")


def _number(kind: type, value: float | str, key: str) -> float:
    if isinstance(value, str):
        read: Callable[[str], float] = size if kind is int else _seconds
        try:
            value = read(value)
        except ValueError as error:
            raise InvalidValue(key, "is not a number", str(error)) from error
    if kind is int and not isinstance(value, int):
        raise InvalidValue(key, "is not a whole number")
    if value < 0 or not math.isfinite(value):
        raise InvalidValue(key, "is negative or without an end")
    return float(value) if kind is float else value


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text) else duration(text)


def _clean(text: str, key: str) -> str:
    if any(ord(character) < 32 for character in text):
        raise InvalidValue(key, "holds a control character")
    return text


def encode(value: object) -> Any:  # noqa: ANN401 - what JSON has
    """A setting as plain values that ``decode`` takes: secrets are in it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value) if _said(value, each)}
    if isinstance(value, Mapping):
        return {name: encode(each) for name, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(encode(each) for each in value)
    if isinstance(value, tuple | list):
        return [encode(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _said(value: object, field: "Field[Any]") -> bool:
    return field.init and getattr(value, field.name) is not None


def refused(error: InvalidValue, where: str) -> InvalidConfiguration:
    """The error for a person, who wrote the value at ``where``."""
    return InvalidConfiguration(f"{where}: {error.key} {error.problem}", hint=error.hint)
