"""YAML with places: what a file of a CI system says, and in which line and column.

Built from PyYAML's events without recursion; nothing is constructed of what a tag names. Bounded: an alias
stands for the node it names, and what a document comes to with all of them written out is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from registry.words import printable

__all__ = ["MAX_BYTES", "Malformed", "Node", "read_documents"]

MAX_BYTES = 512 * 1024
"""Of a file; GitHub takes 512 KiB for a workflow, too."""

_MAX_SIZE = 200_000
_CHARACTERS = 40
"""Of a scalar that count as much as a node does: an alias of a long text is work, too."""
_MAX_DEPTH = 100

Kind = Literal["text", "list", "map"]


class Malformed(ValueError):
    """What is wrong with a document; ``line`` and ``column`` from 1."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(what)
        self.line, self.column = line, column


@dataclass(slots=True)
class Node:
    """A scalar (``text``), a list or a map, where it begins (from 1), and which characters of the file it is."""

    kind: Kind
    line: int
    column: int
    start: int
    end: int
    text: str = ""
    items: list["Node"] = field(default_factory=list)
    pairs: list[tuple["Node", "Node"]] = field(default_factory=list)
    tag: str | None = None
    size: int = 1
    values: dict[str, "Node"] = field(default_factory=dict)
    """What the map says itself, by name."""
    merged: list["Node"] = field(default_factory=list)

    def get(self, *names: str) -> "Node | None":
        """The value under a name, and under the next one in that; None where there is none."""
        found: Node | None = self
        for name in names:
            found = found.own(name) if found is not None else None
        return found

    def own(self, name: str) -> "Node | None":
        """The value under one name, which a merged map (``<<``) may have."""
        return next((found for each in self._layers() if (found := each.values.get(name)) is not None), None)

    def entries(self) -> "Iterator[tuple[Node, Node]]":
        """The names and values of a map, those of merged maps among them."""
        for each in self._layers():
            yield from (pair for pair in each.pairs if pair[0].text != "<<")

    def put(self, key: "Node", value: "Node") -> None:
        """Add a name with its value."""
        self.pairs.append((key, value))
        if key.kind == "text" and key.text == "<<":
            self.merged += value.items if value.kind == "list" else [value]
        elif key.kind == "text":
            self.values[key.text] = value

    def _layers(self) -> "Iterator[Node]":
        """Itself, and the maps that are merged into it, each once, the nearest first."""
        waiting, seen = [self], set[int]()
        while waiting:
            each = waiting.pop()
            if id(each) not in seen:
                seen.add(id(each))
                yield each
                waiting += reversed(each.merged)

    def each(self) -> "Iterator[Node]":
        """Its items; of a scalar, itself; of a map, nothing."""
        if self.kind == "list":
            yield from self.items
        elif self.kind == "text":
            yield self


def read_documents(text: str) -> tuple[Node, ...]:
    """The documents of a file. Raises Malformed for what is no YAML, has a name twice, or comes to too much."""
    import yaml  # noqa: PLC0415 - for one command

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = printable(str(getattr(error, "problem", None) or error))[:200]
        raise Malformed(f"not YAML: {said}", mark.line + 1 if mark else 1, mark.column + 1 if mark else 1) from error
    return tuple(builder.documents)


class _Builder:
    """Puts events together; the open nodes are a stack, and a map's pending key is beside it."""

    def __init__(self) -> None:
        self.documents: list[Node] = []
        self._open: list[tuple[Node, str | None]] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:  # noqa: ANN401 - PyYAML has no types
        name = type(event).__name__
        if name == "DocumentStartEvent":
            self._anchors = {}
        elif name in {"MappingStartEvent", "SequenceStartEvent"}:
            self._begin(_node("map" if name.startswith("M") else "list", event), event.anchor)
        elif name in {"MappingEndEvent", "SequenceEndEvent"}:
            self._end(event)
        elif name == "ScalarEvent":
            node = _node("text", event)
            self._add(node)
            self._remember(event.anchor, node)
        elif name == "AliasEvent":
            self._add(self._named(event))

    def _begin(self, node: Node, anchor: str | None) -> None:
        if len(self._open) >= _MAX_DEPTH:
            raise Malformed(f"more than {_MAX_DEPTH} levels deep", node.line, node.column)
        self._open.append((node, anchor))
        self._keys.append(None)

    def _end(self, event: Any) -> None:  # noqa: ANN401 - PyYAML has no types
        node, anchor = self._open.pop()
        self._keys.pop()
        node.end = event.end_mark.index
        self._add(node)
        self._remember(anchor, node)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.documents.append(node)
            return
        holder, _ = self._open[-1]
        holder.size += node.size
        if holder.size > _MAX_SIZE:
            raise Malformed("too much, with its aliases written out", node.line, node.column)
        if holder.kind == "list":
            holder.items.append(node)
            return
        key, self._keys[-1] = self._keys[-1], None
        if key is not None:
            holder.put(key, node)
            return
        if node.kind == "text" and node.text in holder.values:
            raise Malformed(f"{printable(node.text)[:80]!r} is there twice", node.line, node.column)
        self._keys[-1] = node

    def _named(self, event: Any) -> Node:  # noqa: ANN401 - PyYAML has no types
        found = self._anchors.get(event.anchor)
        if found is None:
            mark = event.start_mark
            name = printable(event.anchor)[:80]
            raise Malformed(f"*{name} names nothing that is complete before it", mark.line + 1, mark.column + 1)
        return found

    def _remember(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node


def _node(kind: Kind, event: Any) -> Node:  # noqa: ANN401 - PyYAML has no types
    start, end = event.start_mark, event.end_mark
    text = event.value if kind == "text" else ""
    size = 1 + len(text) // _CHARACTERS
    return Node(kind, start.line + 1, start.column + 1, start.index, end.index, text, tag=event.tag, size=size)
