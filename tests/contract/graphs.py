"""Random graphs of manifests, indexes and referrers, and whether one of them arrived whole."""

from hypothesis import strategies as st

from registry.content import Store, read_all
from registry.graph import walk
from registry.model import Descriptor, parse_document
from registry.stores.memory import MemoryStore
from tests.contract.making import blob, push_index, push_manifest

__all__ = ["assert_arrived", "assert_nothing_half", "graphs"]

_BYTES = st.binary(max_size=20)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[MemoryStore, Descriptor]:
    """A store in memory and a root in it: manifests, indexes of them and of each other, and referrers anywhere."""
    store = MemoryStore()
    blobs = [blob(data) for data in draw(st.lists(_BYTES, min_size=1, max_size=4, unique=True))]
    documents: list[Descriptor] = []
    for number in range(draw(st.integers(1, 6))):
        subject = draw(st.sampled_from([None, *documents]))
        fields = {"annotations": {"number": str(number)}, "artifact_type": draw(st.sampled_from([None, "a/b"]))}
        if documents and draw(st.booleans()):
            below = draw(st.lists(st.sampled_from(documents), max_size=3))
            documents.append(push_index(store, *below, subject=subject, **fields))
        else:
            layers = draw(st.lists(st.sampled_from(blobs), max_size=3))
            documents.append(push_manifest(store, *layers, subject=subject, **fields))
    return store, draw(st.sampled_from(documents))


def assert_arrived(source: Store, destination: Store, root: Descriptor) -> None:
    """All below the root, and all that refers to it, and so on."""
    waiting, seen = [root], set()
    while waiting:
        for node, _ in walk(source, waiting.pop()):
            if node.digest in seen:
                continue
            seen.add(node.digest)
            assert destination.exists(node)
            assert read_all(destination, node) == read_all(source, node)
            referrers = source.referrers(node)
            assert destination.referrers(node) == referrers
            waiting += [referrer.plain() for referrer in referrers]


def assert_nothing_half(source: Store, destination: Store, root: Descriptor) -> None:
    """What the destination says that it has is right, and all that it needs is there."""
    for node, data in walk(source, root):
        if not destination.exists(node):
            continue
        assert read_all(destination, node) == (read_all(source, node) if data is None else data)
        children = parse_document(data, node.media_type).successors if data is not None else ()
        for child in children:
            assert destination.exists(child)
