"""The custom sections ``name`` and ``component-name``: what a part and its functions are called.

Core spec 3.0, "Appendix / Custom Sections / Name Section"; component model, ``design/mvp/Binary.md``.
These sections cannot make a file invalid: reading stops at whatever breaks their form. Names of locals,
types, memories and the like are not read.
"""

from dataclasses import dataclass, field

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.format.reader import Reader

__all__ = ["Names", "read_names"]

_PART, _FUNCTIONS = 0, 1


@dataclass(slots=True)
class Names:
    """What a part calls itself, and its functions by their index."""

    part: str | None = None
    functions: dict[int, str] = field(default_factory=dict)


def read_names(reader: Reader, names: Names, most_functions: int) -> None:
    """Add what a section says, as far as it can be read; 0 functions for that of a component."""
    try:
        while reader.left:
            kind = reader.byte()
            content = reader.within(reader.u32())
            if kind == _PART:
                names.part = content.name()
            elif kind == _FUNCTIONS and most_functions:
                _read_functions(content, names.functions, most_functions)
    except InvalidWasm:
        return  # engines overlook it too


def _read_functions(reader: Reader, names: dict[int, str], most: int) -> None:
    for _ in range(reader.count(most)):
        index = reader.u32()
        names[index] = reader.name()
