"""A picture of where the bytes of a file are: one page that needs nothing else, and no script to be read.

The layout is ``wasmbuild.wasm.treemap``'s. Names come from the file: they are made printable, and escaped.
"""

from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from registry.words import printable
from wasmbuild.wasm.anatomy import Anatomy
from wasmbuild.wasm.treemap import Box, Tile, bytes_tree, layout, pruned

__all__ = ["MOST_NODES", "page"]

MOST_NODES = 1000
"""Nodes that are shown on their own; what is left out of each is one more, so that there are at most 2,000."""

_CANVAS = Box(0, 0, 1200, 720)
_LONGEST = 160
_ROWS = 50
_LETTER = 6.6
"""Units that a letter of a label takes, and rather more than it does."""
_LINE = 15.0
_SHORTEST = 8
_KINDS = {
    "code": "code",
    "data": "data",
    "debug": "debug information",
    "names": "names",
    "custom": "other custom sections",
    "structure": "types, imports, tables and the like",
    "framing": "headers",
}


def page(anatomy: Anatomy, title: str) -> str:
    """The page, as HTML, for a file that people know as ``title``."""
    total = anatomy.outermost.size
    tiles = list(layout(pruned(bytes_tree(anatomy), MOST_NODES), _CANVAS))
    leaves = [tile for tile in tiles if not tile.node.children]
    groups = [tile for tile in tiles[1:] if tile.node.children]
    present = {tile.node.kind for tile in leaves}
    legend = (f'<li><svg width="14" height="14"><rect class="{kind}" width="14" height="14"/></svg> {words}</li>'
              for kind, words in _KINDS.items() if kind in present)  # fmt: skip
    return _template().substitute(
        title=_safe(title),
        bytes=f"{total:,}",
        width=_number(_CANVAS.width),
        height=_number(_CANVAS.height),
        legend="\n".join(legend),
        tiles="\n".join(line for tile in leaves for line in _leaf(tile, total)),
        outlines="\n".join(_outline(tile) for tile in groups),
        rows="\n".join(_row(tile, total) for tile in _largest(leaves)),
    )


@cache
def _template() -> Template:
    return Template(files("wasmbuild.workflows").joinpath("treemap.html").read_text(encoding="utf-8"))


def _leaf(tile: Tile, total: int) -> Iterator[str]:
    box, node = tile.box, tile.node
    kind = node.kind if node.kind in _KINDS else "structure"
    yield (
        f'<rect class="{kind}" {_place(box)} data-bytes="{node.size}">'
        f"<title>{_safe(_trail(tile))}: {node.size:,} bytes, {node.size / total:.1%}</title></rect>"
    )
    words = _fitting(printable(node.label, _LONGEST), box)
    if words:
        yield f'<text x="{_number(box.x + 4)}" y="{_number(box.y + _LINE)}">{escape(words)}</text>'


def _fitting(words: str, box: Box) -> str:
    """As much of a label as a box has room for; nothing where that would not say much."""
    room = int((box.width - 8) / _LETTER)
    if box.height < _LINE + 4 or room < min(len(words), _SHORTEST):
        return ""
    return words if len(words) <= room else f"{words[: room - 1]}…"


def _outline(tile: Tile) -> str:
    thickness = max(4 - len(tile.trail), 1)
    return f'<rect class="outline" {_place(tile.box)} stroke-width="{thickness}"/>'


def _row(tile: Tile, total: int) -> str:
    size = tile.node.size
    return f"<tr><td>{_safe(_trail(tile))}</td><td>{size:,}</td><td>{size / total:.1%}</td></tr>"


def _largest(leaves: list[Tile]) -> list[Tile]:
    return sorted(leaves, key=lambda tile: (-tile.node.size, tile.trail))[:_ROWS]


def _trail(tile: Tile) -> str:
    """What leads to a tile, without the file itself, which is what everything is in."""
    return " / ".join(tile.trail[1:] or tile.trail)


def _place(box: Box) -> str:
    return f'x="{_number(box.x)}" y="{_number(box.y)}" width="{_number(box.width)}" height="{_number(box.height)}"'


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _safe(text: str) -> str:
    return escape(printable(text, _LONGEST))
