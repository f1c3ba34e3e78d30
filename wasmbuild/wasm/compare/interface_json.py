"""Read ``wasm-tools component wit --json`` of a component into a World, strictly.

The document was written by a tool of ours about a file that nobody trusts: what is not of its form is a
ToolFailed. WIT packages, which may have several worlds, are not read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wasmbuild.wasm.compare.interface import Member, World, WorldItem
from wasmbuild.wasm.compare.wit_types import Types, array, fields, odd, shape_of, text

__all__ = ["read_world"]

_ROOT = "root:component"
_NUMBERED = re.compile(r"interface-(\d{1,9})")


def read_world(document: object) -> World:
    """The world of a component. Raises ToolFailed."""
    whole = fields(document)
    world = _root(whole)
    names = _names(whole, world)
    reader = _Reader(array(whole.get("interfaces")), names, Types(array(whole.get("types")), names))
    sides = (tuple(reader.items(fields(world.get(side)))) for side in ("imports", "exports"))
    return World(*sides)


def _root(whole: Mapping[str, Any]) -> Mapping[str, Any]:
    packages = [fields(each).get("name") for each in array(whole.get("packages"))]
    worlds = [fields(each) for each in array(whole.get("worlds"))]
    found = [each for each in worlds if _entry(packages, each.get("package")) == _ROOT] if len(worlds) > 1 else worlds
    if len(found) != 1:
        raise odd(f"{len(worlds)} worlds; a component has one")
    return found[0]


def _names(whole: Mapping[str, Any], world: Mapping[str, Any]) -> dict[int, str]:
    """Interfaces by index: ``namespace:package/interface@version``, or what the world calls those without a name."""
    packages = [text(fields(each).get("name")) for each in array(whole.get("packages"))]
    found: dict[int, str] = {}
    for index, interface in enumerate(map(fields, array(whole.get("interfaces")))):
        package = _entry(packages, interface.get("package"))
        if package is not None and interface.get("name") is not None:
            base, at, version = package.partition("@")
            found[index] = f"{base}/{text(interface['name'])}{at}{version}"
    for side in ("imports", "exports"):
        for key, item in fields(world.get(side)).items():
            number = fields(fields(item).get("interface", {})).get("id")
            if isinstance(number, int):
                found.setdefault(number, key)
    return found


def _entry(listed: list[Any], index: object) -> Any:  # noqa: ANN401 - of any list
    return listed[index] if isinstance(index, int) and 0 <= index < len(listed) else None


class _Reader:
    """Interfaces, functions and types of one document."""

    def __init__(self, interfaces: Any, names: Mapping[int, str], types: Types) -> None:  # noqa: ANN401 - JSON
        self._interfaces = interfaces
        self._names = names
        self._types = types

    def items(self, listed: Mapping[str, Any]) -> Iterator[WorldItem]:
        """What a world imports, or what it exports."""
        for key, item in listed.items():
            given = fields(item)
            if "interface" in given:
                yield self._interface(key, fields(given["interface"]).get("id"))
            elif "function" in given:
                yield WorldItem(key, "func", (self._function("", given["function"]),))
            elif "type" in given:
                yield WorldItem(key, "type", (self._type("", given["type"]),))
            else:
                raise odd("an item that is no interface, function or type")

    def _interface(self, key: str, index: object) -> WorldItem:
        interface = fields(_entry(list(self._interfaces), index))
        assert isinstance(index, int)
        name = self._names.get(index, key)
        types = [self._type(each, number) for each, number in fields(interface.get("types")).items()]
        functions = fields(interface.get("functions")).items()
        members = [*types, *(self._function(each, function) for each, function in functions)]
        # A world may import an interface under a name of its own, beside the interface's.
        shown = name if _NUMBERED.fullmatch(key) and interface.get("name") is not None else key
        return WorldItem(shown, "interface", tuple(sorted(members, key=lambda each: (each.kind, each.name))))

    def _type(self, name: str, index: object) -> Member:
        said, shape = self._types.definition(index)
        return Member(name, "type", said, shape)

    def _function(self, name: str, value: object) -> Member:
        function = fields(value)
        kind = function.get("kind")
        word = kind if isinstance(kind, str) else next(iter(fields(kind)), "")
        later = "async " if word.startswith("async") else ""
        said, shapes = [], []
        for parameter in map(fields, array(function.get("params"))):
            inner, shape = self._types.reference(parameter.get("type"))
            said.append(f"{text(parameter.get('name'))}: {inner}")
            shapes.append((parameter["name"], shape))
        result, shape = ("", "")
        if function.get("result") is not None:
            result, shape = self._types.reference(function["result"])
        arrow = f" -> {result}" if result else ""
        return Member(name, "func", f"{later}func({', '.join(said)}){arrow}", shape_of("func", later, shapes, shape))
