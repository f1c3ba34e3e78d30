"""Rewrite the custom sections of a wasm file, and leave every other byte where it is.

A section that nobody changed is copied with the length it had, however that was written; of what encloses a
change only the length is written anew. Not here: which sections to change (``metadata``, ``strip``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wasmbuild.wasm.binary import Nested, read, read_all
from wasmbuild.wasm.model import Kind, Section

__all__ = ["Custom", "Edit", "encode_custom", "leb128", "rewrite", "sized"]

_PREAMBLE = 8
_NESTED = ("core module", "component")
_Piece = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom section, in the binary that ``path`` leads to (see ``anatomy.Part``), which is of a ``kind``.

    ``content`` is what follows the name. ``size``, in bytes, is that of the whole section.
    """

    path: tuple[int, ...]
    kind: Kind
    name: str
    content: memoryview
    size: int


Edit = Callable[[Custom], bytes | memoryview | None]
"""What becomes of a section's content: itself, other bytes, or None, which drops the section."""


def rewrite(data: bytes, edit: Edit, *, nested: bool = False, added: Iterable[tuple[str, bytes]] = ()) -> bytes:
    """The file with its custom sections edited, and others added at its end, by name and content.

    ``nested`` also edits those of the modules and components inside. Raises InvalidWasm, also for what is nested
    if that is looked into.
    """
    binaries = read_all(data) if nested else (Nested((), 0, read(data)),)
    with memoryview(data) as view:
        pieces = _Rewriting(view, binaries, edit).binary(()) or [view]
        return b"".join([*pieces, *(encode_custom(name, content) for name, content in added)])


def encode_custom(name: str, content: bytes | memoryview) -> bytes:
    """A custom section, its length written as shortly as can be."""
    return b"\0" + sized(sized(name.encode()) + content)


def sized(content: bytes) -> bytes:
    """Bytes behind their length."""
    return leb128(len(content)) + content


def leb128(number: int) -> bytes:
    """An unsigned number in as few bytes as it needs."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class _Rewriting:
    """One pass over a file and what is nested in it; what it gives are pieces of the new file."""

    def __init__(self, data: memoryview, binaries: Iterable[Nested], edit: Edit) -> None:
        self._data = data
        self._binaries = {each.path: each for each in binaries}
        self._edit = edit

    def binary(self, path: tuple[int, ...]) -> list[_Piece] | None:
        """The pieces of one binary, long runs of what stays among them; None when nothing of it changes."""
        this = self._binaries[path]
        pieces: list[_Piece] = []
        kept, begin, inner = this.offset, this.offset + _PREAMBLE, 0
        for section in this.binary.sections:
            end = section.offset + section.size
            if section.kind in _NESTED:
                changed = self._nested(section, (*path, inner))
                inner += 1
            else:
                changed = self._custom(section, end - begin, this) if section.name is not None else None
            if changed is not None:
                pieces += [self._data[kept:begin], *changed]
                kept = end
            begin = end
        return [*pieces, self._data[kept:begin]] if pieces else None

    def _nested(self, section: Section, path: tuple[int, ...]) -> list[_Piece] | None:
        pieces = self.binary(path) if path in self._binaries else None
        if pieces is None:
            return None
        return [bytes([section.id]) + leb128(sum(map(len, pieces))), *pieces]

    def _custom(self, section: Section, size: int, this: Nested) -> list[_Piece] | None:
        name, content = section.name or "", self._data[section.offset : section.offset + section.size]
        edited = self._edit(Custom(this.path, this.binary.kind, name, content, size))
        if edited is None:
            return []
        return None if edited is content or edited == content else [encode_custom(name, edited)]
