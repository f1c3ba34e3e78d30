"""Inventory: what a wasm file is made of, before anybody writes it down in one form or another.

The nouns only. All texts are safe to show. Not here: where they come from (``gathering``), and documents
(``cyclonedx``, ``spdx``).
"""

import uuid
from dataclasses import dataclass
from typing import Literal

from registry.digest import Digest

__all__ = ["About", "Inventory", "Item", "ItemKind", "Relation", "RelationKind", "identity"]

ItemKind = Literal["module", "component", "crate", "tool", "sdk", "wit", "go", "npm", "python"]
RelationKind = Literal["contains", "depends", "built-by", "implements"]


@dataclass(frozen=True, slots=True)
class About:
    """What a binary says about itself, in its words; empty where it does not."""

    authors: str = ""
    description: str = ""
    licenses: str = ""
    source: str = ""
    homepage: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing. ``key`` is unique in its inventory, printable ASCII without spaces.

    ``digest`` is of its bytes, where it is in the file; ``archives`` are of what is downloaded of it. ``build``
    says that it was needed to build only, ``perhaps`` that it may be in the file, which does not say so itself;
    ``found`` are the files of a project that name it.
    ``facts`` are names and values for which neither form has a field, sorted.
    """

    key: str
    kind: ItemKind
    name: str
    version: str = ""
    group: str = ""
    purl: str | None = None
    digest: Digest | None = None
    archives: tuple[Digest, ...] = ()
    build: bool = False
    perhaps: bool = False
    found: tuple[str, ...] = ()
    runs: bool = False
    about: About = About()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """What one item has to do with another, both by key."""

    source: str
    kind: RelationKind
    target: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The file itself, then what it is made of by key, and how these hang together, sorted."""

    root: Item
    digest: Digest
    items: tuple[Item, ...]
    relations: tuple[Relation, ...]


def identity(inventory: Inventory, form: str) -> uuid.UUID:
    """What a document of that form about that file is called: the same each time (RFC 9562, version 5).

    What lock files add to what the file says makes it another document.
    """
    added = [f"{each.key} {each.found} {each.archives} {each.perhaps}" for each in inventory.items if each.found]
    more = f":{Digest.of(chr(10).join(added).encode())}" if added else ""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{form}:{inventory.digest}{more}")
