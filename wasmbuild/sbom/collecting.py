"""Collection: the items, relations and facts of an inventory while it is put together, each once and counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from wasmbuild.errors import InvalidWasm
from wasmbuild.sbom.inventory import Item, Relation, RelationKind
from wasmbuild.sbom.names import safe

__all__ = ["MAX_ENTRIES", "Collection"]

MAX_ENTRIES = 50_000
"""Items, relations and facts in one inventory."""


@dataclass(slots=True)
class Collection:
    """What was found so far."""

    items: dict[str, Item] = field(default_factory=dict)
    relations: set[Relation] = field(default_factory=set)
    facts: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    counted: int = 0

    def add(self, item: Item) -> str:
        """Add an item or merge it with the one of its key: what anybody needs to run is not for building only.

        Returns its key. Raises InvalidWasm for too many.
        """
        before = self.items.get(item.key)
        if before is None:
            self._count()
            self.items[item.key] = item
        elif before.build and not item.build:
            self.items[item.key] = item
        return item.key

    def relate(self, source: str, kind: RelationKind, target: str) -> None:
        """Relate two items by key. Raises InvalidWasm for too many."""
        before = len(self.relations)
        self.relations.add(Relation(source, kind, target))
        self._count(len(self.relations) - before)

    def tell(self, key: str, name: str, value: str) -> None:
        """Note a fact of an item; the value need not be safe yet. Raises InvalidWasm for too many."""
        known = self.facts.setdefault(key, set())
        before = len(known)
        known.add((name, safe(value)))
        self._count(len(known) - before)

    def finished(self) -> Iterable[Item]:
        """All items, with their facts."""
        return (self.with_facts(item) for item in self.items.values())

    def with_facts(self, item: Item) -> Item:
        """An item with what was told of its key."""
        return replace(item, facts=tuple(sorted(self.facts.get(item.key, ()))))

    def _count(self, more: int = 1) -> None:
        self.counted += more
        if self.counted > MAX_ENTRIES:
            raise InvalidWasm(
                "the file names too much for an SBOM",
                cause=f"more than {MAX_ENTRIES} components, properties and relations between them",
            )
