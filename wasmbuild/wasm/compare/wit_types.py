"""Types of WIT, as ``wasm-tools component wit --json`` lists them: their text, and their structure.

A type is an index into that list, or the name of a primitive one. Whatever breaks that form is a
ToolFailed. Nothing here recurses further than types may nest, or grows with what a type repeats.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wasmbuild.errors import ToolFailed
from wasmbuild.wasm.compare.interface import RESOURCE, track

__all__ = ["MAX_ITEMS", "Types", "array", "fields", "odd", "shape_of", "text"]

MAX_ITEMS = 100_000
"""Types, interfaces, and what is in one of them."""

_MAX_DEPTH = 60
"""Of types that are used before they are listed; wasm-tools lists them the other way round."""
_MAX_TEXT = 1500
_PRIMITIVES = frozenset(
    {*(f"{sign}{bits}" for sign in "us" for bits in (8, 16, 32, 64)), "bool", "f32", "f64", "char", "string"}
    | {"error-context"}
)


def odd(detail: str) -> ToolFailed:
    """The error for JSON that is not of that form."""
    return ToolFailed("the WIT of the component cannot be understood", cause=f"wasm-tools gave {detail[:200]}")


def fields(value: object) -> Mapping[str, Any]:
    """An object. Raises ToolFailed."""
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise odd("something else where an object belongs")
    return value


def array(value: object) -> Sequence[Any]:
    """A list. Raises ToolFailed."""
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise odd("something else where a list belongs")
    return value


def text(value: object) -> str:
    """A text. Raises ToolFailed."""
    if not isinstance(value, str):
        raise odd("something else where a text belongs")
    return value


def shape_of(*parts: object) -> str:
    """What stands for a structure of these parts, in their order."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Type:
    """A type that is known: where it is defined, if it has a name there, what it is, and its shape."""

    text: str
    shape: str
    name: str | None = None
    owner: str | None = None


@dataclass(slots=True)
class Types:
    """The types of a document; ``owners`` names interfaces by index, a world's own types have no owner's name."""

    listed: Sequence[Any]
    owners: Mapping[int, str]
    _known: dict[int, _Type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read them all, so that each finds those that it uses read already. Raises ToolFailed."""
        for index in range(len(self.listed)):
            self._type(index, 0)

    def definition(self, index: object) -> tuple[str, str]:
        """Text and shape of a named type. Raises ToolFailed."""
        found = self._type(index, 0)
        return found.text, found.shape

    def reference(self, value: object, depth: int = 0) -> tuple[str, str]:
        """Text and shape of a type where it is used: its name, where it has one. Raises ToolFailed."""
        if isinstance(value, str):
            if value not in _PRIMITIVES:
                raise odd(f"the type {value!r}")
            return value, value
        found = self._type(value, depth)
        return found.name or found.text, found.shape

    def _type(self, index: object, depth: int) -> _Type:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(self.listed):
            raise odd("a type that is not in its list")
        if depth > _MAX_DEPTH:
            raise odd(f"types that nest more than {_MAX_DEPTH} deep")
        if index not in self._known:
            self._known[index] = self._read(fields(self.listed[index]), depth + 1)
        return self._known[index]

    def _read(self, definition: Mapping[str, Any], depth: int) -> _Type:
        name = definition.get("name")
        owner = self._owner(definition.get("owner"))
        kind = definition.get("kind")
        if kind == RESOURCE:
            shape = shape_of(RESOURCE, track(owner or ""), text(name))
            return _Type(RESOURCE, shape, text(name), owner)
        word, content = _only(kind)
        if word not in _KINDS:
            raise odd(f"a type of the kind {word!r}")
        said, shape = _KINDS[word](content, partial(self.reference, depth=depth))
        if word == "type" and isinstance(content, int):
            said = self._meaning(self._known[content], owner)
        return _Type(said, shape, None if name is None else text(name), owner)

    def _meaning(self, meant: _Type, owner: str | None) -> str:
        """What another name stands for; one of another interface with that in front."""
        foreign = meant.name is not None and meant.owner is not None and meant.owner != owner
        return f"{meant.owner}.{{{meant.name}}}" if foreign else meant.name or meant.text

    def _owner(self, value: object) -> str | None:
        if value is None:
            return None
        kind, index = _only(value)
        return self.owners.get(index) if kind == "interface" and isinstance(index, int) else None


_Said = tuple[str, str]
"""Text and shape of a type."""
_Use = Callable[[Any], _Said]
"""Gives those of a type that another one uses."""


def _named(word: str, key: str, content: object, use: _Use) -> _Said:
    """A record, a variant, an enum or flags: names in their order, some with a type."""
    said, shapes = [], []
    for entry in map(fields, array(fields(content).get(key))):
        name, wanted = text(entry.get("name")), entry.get("type")
        inner, shape = ("", None) if wanted is None else use(wanted)
        joined = f"{name}: {inner}" if word == "record" else f"{name}({inner})"
        said.append(joined if inner else name)
        shapes.append((name, shape))
    return f"{word} {{ {_joined(said)} }}", shape_of(word, shapes)


def _applied(word: str, inner: Sequence[Any], use: _Use) -> _Said:
    """``list<u8>``, and what else is written so; without any type in it, the word alone."""
    pairs = [use(each) for each in inner]
    said = _joined(each for each, _ in pairs)
    return (f"{word}<{said}>" if pairs else word), shape_of(word, [shape for _, shape in pairs])


def _of_one(word: str) -> Callable[[Any, _Use], _Said]:
    return lambda content, use: _applied(word, [] if content is None else [content], use)


def _tuple(content: object, use: _Use) -> _Said:
    return _applied("tuple", array(fields(content).get("types")), use)


def _map(content: object, use: _Use) -> _Said:
    return _applied("map", array(content), use)


def _result(content: object, use: _Use) -> _Said:
    good, bad = fields(content).get("ok"), fields(content).get("err")
    (left, first), (right, second) = (("_", "") if each is None else use(each) for each in (good, bad))
    said = f"<{left}, {right}>" if bad is not None else f"<{left}>" if good is not None else ""
    return _cut(f"result{said}"), shape_of("result", first, second)


def _handle(content: object, use: _Use) -> _Said:
    word, resource = _only(content)
    if word not in ("own", "borrow"):
        raise odd("a handle that is neither owned nor borrowed")
    said, shape = use(resource)
    return (said if word == "own" else f"borrow<{said}>"), shape_of(word, shape)


def _fixed(content: object, use: _Use) -> _Said:
    if len(array(content)) != 2 or not isinstance(array(content)[1], int):
        raise odd("a list without a length")
    inner, length = array(content)
    said, shape = use(inner)
    return _cut(f"list<{said}, {length}>"), shape_of("list", shape, length)


def _alias(content: object, use: _Use) -> _Said:
    return use(content)


_KINDS: dict[str, Callable[[Any, _Use], _Said]] = {
    "record": partial(_named, "record", "fields"),
    "variant": partial(_named, "variant", "cases"),
    "enum": partial(_named, "enum", "cases"),
    "flags": partial(_named, "flags", "flags"),
    "tuple": _tuple,
    "result": _result,
    "handle": _handle,
    "type": _alias,
    "fixed-length-list": _fixed,
    "map": _map,
    **{word: _of_one(word) for word in ("list", "option", "stream", "future")},
}


def _only(value: object) -> tuple[str, Any]:
    """The one entry of an object that has one."""
    if len(fields(value)) != 1:
        raise odd("an object of several things where one belongs")
    ((word, content),) = fields(value).items()
    return word, content


def _cut(said: str) -> str:
    return said if len(said) <= _MAX_TEXT else f"{said[:_MAX_TEXT]}…"


def _joined(parts: Iterable[str]) -> str:
    """The parts with commas between them, no longer than people read."""
    said, length = [], 0
    for part in parts:
        if length > _MAX_TEXT:
            said.append("…")
            break
        said.append(_cut(part))
        length += len(said[-1])
    return ", ".join(said)
