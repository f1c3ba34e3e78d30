"""Strip a wasm file of custom sections: nothing that is executed changes, and the file gets smaller.

What stays unless more is asked for is what ``wasm-tools strip`` leaves: names, the types of a component to be,
and what a dynamic linker needs. Not here: function bodies, which ``optimize`` makes smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wasmbuild.wasm.editing.rewrite import Custom, rewrite

__all__ = ["KEPT", "SIGNATURE", "Dropped", "Stripped", "choice", "strip"]

KEPT = ("name", "component-type*", "dylink.0")
"""Names and patterns of what is kept by default."""

SIGNATURE = "signature"
"""The section that any change to the rest makes worthless."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A section that is gone: in which binary it was (see ``anatomy.Part``), and its size in bytes."""

    path: tuple[int, ...]
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file that was stripped. ``breaks_signature``: it is signed, and the signature holds no longer."""

    wasm: bytes
    dropped: tuple[Dropped, ...]
    breaks_signature: bool


def choice(*, everything: bool = False, keep: Sequence[str] = (), delete: Sequence[str] = ()) -> Callable[[str], bool]:
    """Which sections go, by their names: ``delete`` alone, if it is given; ``keep`` stays in any case.

    Both are patterns with ``*``, ``?`` and ``[…]``, of which case matters.
    """
    wanted = tuple(delete) or ("*",)
    kept = (*keep, *(() if everything or delete else KEPT))

    def goes(name: str) -> bool:
        return any(fnmatchcase(name, each) for each in wanted) and not any(fnmatchcase(name, each) for each in kept)

    return goes


def strip(data: bytes, goes: Callable[[str], bool]) -> Stripped:
    """The file without the custom sections that go, in it and in all that is nested in it. Raises InvalidWasm."""
    dropped: list[Dropped] = []
    signed = False

    def edit(custom: Custom) -> memoryview | None:
        nonlocal signed
        signed = signed or (custom.name == SIGNATURE and not custom.path)
        if not goes(custom.name):
            return custom.content
        dropped.append(Dropped(custom.path, custom.name, custom.size))
        return None

    wasm = rewrite(data, edit, nested=True)
    return Stripped(wasm, tuple(dropped), signed and bool(dropped))
