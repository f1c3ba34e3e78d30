"""The interface of a component as WIT says it: what its world imports and exports, and of what types.

Read by ``interface_json``; what follows from a difference is ``compat``'s.
"""

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["RESOURCE", "Member", "World", "WorldItem", "track", "version_of"]

RESOURCE = "resource"
"""The text of a type that only its own interface can make values of."""

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Member:
    """A function or a type of an interface.

    ``text`` is WIT, for people, and may be cut. ``shape`` stands for the whole structure, with the types that
    it uses: two members of equal shape fit each other, whatever their types are called.
    """

    name: str
    kind: Literal["func", "type"]
    text: str
    shape: str


@dataclass(frozen=True, slots=True)
class WorldItem:
    """What a world imports or exports; a function or a type of its own has one member, without a name."""

    name: str
    kind: Literal["interface", "func", "type"]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a component asks for and offers."""

    imports: tuple[WorldItem, ...]
    exports: tuple[WorldItem, ...]


def version_of(name: str) -> tuple[int, int, int] | None:
    """The version at the end of ``namespace:package/interface@version``; None for a pre-release, or none."""
    found = _VERSION.fullmatch(name.rpartition("@")[2]) if "@" in name else None
    if found is None or found[4]:
        return None
    return int(found[1]), int(found[2]), int(found[3])


def track(name: str) -> str:
    """The name up to where versions are compatible: ``wasi:io/streams@0.2`` for ``wasi:io/streams@0.2.3``.

    By the first number of the version that is not 0 (Semantic Versioning 2.0.0, section 4, as Component Model
    linkers read it); a pre-release is compatible with nothing else.
    """
    version = version_of(name)
    if version is None:
        return name
    major, minor, patch = version
    kept = f"{major}" if major else f"0.{minor}" if minor else f"0.0.{patch}"
    return f"{name.rpartition('@')[0]}@{kept}"
