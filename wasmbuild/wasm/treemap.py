"""A treemap of a file: rectangles whose areas are bytes, squarified (Bruls, Huizing, van Wijk, 2000).

Numbers only, and always the same for the same file. Not here: how it looks (``wasmbuild.workflows.treemap``).
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wasmbuild.wasm.anatomy import Anatomy, Part
from wasmbuild.wasm.sizes import FRAMING, extents, label

__all__ = ["Box", "Node", "Tile", "bytes_tree", "layout", "pruned"]

_NAMES = frozenset({"name", "component-name"})


@dataclass(frozen=True, slots=True)
class Node:
    """Some bytes of a file, and what they consist of, if anything; ``kind`` is for a colour.

    The sizes of its children add up to its own.
    """

    label: str
    kind: str
    size: int
    children: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in the units of the picture; ``x`` and ``y`` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tile:
    """A node in its place; ``trail`` are the labels that lead to it, its own last."""

    node: Node
    box: Box
    trail: tuple[str, ...]


def bytes_tree(anatomy: Anatomy) -> Node:
    """The bytes of a file: sections, the parts nested in them, and functions. Every byte is in one leaf."""
    nested = {(part.offset, part.size): part for part in anatomy.parts[1:]}
    return _part_node(anatomy.outermost, nested)


def _part_node(part: Part, nested: dict[tuple[int, int], Part]) -> Node:
    title = " ".join([part.kind, *(str(number) for number in part.path[-1:]), *([part.name] if part.name else [])])
    children = []
    for section, size in extents(part):
        inner = nested.get((section.offset, section.size))
        if inner is not None:
            children.append(_part_node(inner, nested))
        elif section.kind == "code":
            bodies = [Node(label(each), "code", each.size) for each in part.functions]
            children.append(_completed(Node("code", "code", size, tuple(bodies))))
        else:
            name = section.kind if section.name is None else section.name
            children.append(Node(name, _kind(section.kind, section.name), size))
    return _completed(Node(title, part.kind, part.size, tuple(children)))


def _completed(node: Node) -> Node:
    """The node with a child for the bytes that are in none."""
    left = node.size - sum(child.size for child in node.children)
    if not node.children or left <= 0:
        return node
    return replace(node, children=(*node.children, Node(FRAMING, FRAMING, left)))


def _kind(section: str, name: str | None) -> str:
    if name is None:
        return section if section == "data" else "structure"
    if name.startswith(".debug_"):
        return "debug"
    return "names" if name in _NAMES else "custom"


def pruned(tree: Node, most: int) -> Node:
    """The tree with its ``most`` largest nodes; below each, what is left out is one node for the rest.

    There are at most twice as many nodes then.
    """
    sizes = heapq.nlargest(most, (node.size for node in _every(tree)))
    least = max(sizes[-1], 1)
    spare = most - sum(size > least for size in sizes)
    return _cut(tree, least, [spare])


def _every(tree: Node) -> Iterator[Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def _cut(node: Node, least: int, spare: list[int]) -> Node:
    """What remains of a node; ``spare`` is how many more of exactly the least size may stay."""
    kept: list[Node] = []
    gone: list[Node] = []
    for child in sorted(node.children, key=lambda child: -child.size):
        stays = child.size > least or (child.size == least and spare[0] > 0)
        spare[0] -= stays and child.size == least
        (kept if stays else gone).append(child)
    kept = [_cut(child, least, spare) for child in kept]
    rest = sum(child.size for child in gone)
    if kept and rest:
        kept.append(Node(f"{len(gone):,} smaller", gone[0].kind, rest))
    return replace(node, children=tuple(kept))


def layout(tree: Node, box: Box) -> Iterator[Tile]:
    """Every node in its place, the outer ones first; areas are as sizes, and children fill their parent."""
    waiting = [Tile(tree, box, (tree.label,))]
    while waiting:
        tile = waiting.pop()
        yield tile
        children = sorted((child for child in tile.node.children if child.size > 0), key=lambda child: -child.size)
        boxes = _squarified([child.size for child in children], tile.box)
        below = [Tile(child, place, (*tile.trail, child.label)) for child, place in zip(children, boxes, strict=True)]
        waiting += reversed(below)


def _squarified(sizes: Sequence[int], box: Box) -> list[Box]:
    """A rectangle for each size, which fall; rows are laid along the shorter side while that makes them squarer."""
    boxes: list[Box] = []
    while len(boxes) < len(sizes):
        left = sizes[len(boxes) :]
        count, row = _row(left, box)
        share = row / sum(left) if count < len(left) else 1.0
        upright = box.width >= box.height
        thickness = (box.width if upright else box.height) * share
        boxes += _laid(left[:count], row, box, thickness, upright=upright)
        if upright:
            box = Box(box.x + thickness, box.y, box.width - thickness, box.height)
        else:
            box = Box(box.x, box.y + thickness, box.width, box.height - thickness)
    return boxes


def _row(sizes: Sequence[int], box: Box) -> tuple[int, int]:
    """How many of the sizes make the best first row, and their sum."""
    scale = box.width * box.height / sum(sizes)
    side = min(box.width, box.height) ** 2
    row = sizes[0]
    best = _worst(sizes[0], sizes[0], row, scale, side)
    for count, size in enumerate(sizes[1:], start=1):
        ratio = _worst(sizes[0], size, row + size, scale, side)
        if ratio > best:
            return count, row
        best, row = ratio, row + size
    return len(sizes), row


def _worst(largest: int, smallest: int, row: int, scale: float, side: float) -> float:
    """The longest side by the shortest, of the rectangles of a row."""
    area = (row * scale) ** 2
    return max(side * largest * scale / area, area / (side * smallest * scale)) if area and side else 0.0


def _laid(sizes: Sequence[int], row: int, box: Box, thickness: float, *, upright: bool) -> Iterator[Box]:
    done = 0
    for size in sizes:
        at, long = done / row, size / row
        if upright:
            yield Box(box.x, box.y + box.height * at, thickness, box.height * long)
        else:
            yield Box(box.x + box.width * at, box.y, box.width * long, thickness)
        done += size
