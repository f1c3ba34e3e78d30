"""The graph that manifests and indexes span: what is below a document, and what refers to it.

Moving it from store to store is :mod:`registry.copying`'s.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

from registry.content import Fetcher, Pusher, read_all
from registry.digest import Digest
from registry.errors import GraphTooLarge
from registry.model import Descriptor, Index, Manifest, is_document, parse_document

__all__ = [
    "DEFAULT_LIMITS",
    "Budget",
    "Limits",
    "describe_referrer",
    "push_bytes",
    "read_document",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a graph may span before it is refused; the defaults are far above honest artifacts.

    ``document_bytes`` bounds the manifests and indexes together: they are held while their
    content moves.
    """

    depth: int = 8
    nodes: int = 10_000
    document_bytes: int = 64 * 1024 * 1024


DEFAULT_LIMITS = Limits()


class Budget:
    """What is left of some :class:`Limits`, for one traversal."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes = 0
        self._bytes = 0

    def spend(self, node: Descriptor, depth: int) -> None:
        """Count a node. Raises GraphTooLarge when it is one too many, too deep, or too large."""
        self._nodes += 1
        if depth > self._limits.depth:
            raise GraphTooLarge(f"the graph is deeper than {self._limits.depth} levels")
        if self._nodes > self._limits.nodes:
            raise GraphTooLarge(f"the graph has more than {self._limits.nodes} nodes")
        if is_document(node.media_type):
            self._bytes += node.size
        if self._bytes > self._limits.document_bytes:
            raise GraphTooLarge(f"the graph has more than {self._limits.document_bytes} bytes of manifests")


def read_document(store: Fetcher, descriptor: Descriptor) -> tuple[bytes, Manifest | Index]:
    """The verified bytes of a manifest or an index, and what they say."""
    data = read_all(store, descriptor)
    return data, parse_document(data, descriptor.media_type)


def push_bytes(store: Pusher, descriptor: Descriptor, data: bytes) -> None:
    """Push content that is held in memory."""
    store.push(descriptor, lambda: io.BytesIO(data))


def describe_referrer(descriptor: Descriptor, document: Manifest | Index) -> Descriptor:
    """How a referrers list shows a document (distribution-spec 1.1, "Listing Referrers")."""
    return replace(descriptor.plain(), artifact_type=document.kind, annotations=document.annotations)


def walk(
    store: Fetcher, root: Descriptor, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[Descriptor, bytes | None]]:
    """Every content below ``root``, each once, children before the document that lists them.

    Documents come with their bytes, blobs with None. Raises GraphTooLarge over ``limits``.
    """
    yield from _below(store, root, 1, Budget(limits), set())


def _below(
    store: Fetcher, node: Descriptor, depth: int, budget: Budget, claimed: set[Digest]
) -> Iterator[tuple[Descriptor, bytes | None]]:
    if node.digest in claimed:
        return
    claimed.add(node.digest)
    budget.spend(node, depth)
    if not is_document(node.media_type):
        yield node, None
        return
    data, document = read_document(store, node)
    for child in document.successors:
        yield from _below(store, child, depth + 1, budget, claimed)
    yield node, data
