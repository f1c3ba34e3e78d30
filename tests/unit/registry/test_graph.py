import io
import threading
import time

import pytest

from registry.content import VerifyingReader, read_all
from registry.copying import CopyHooks, CopyReport, copy, copy_with_referrers
from registry.errors import ContentNotFound, ContentTooLarge, DigestMismatch, Failure, GraphTooLarge, SizeMismatch
from registry.graph import Limits, walk
from registry.model import EMPTY, OCI_MANIFEST, Descriptor, Manifest, describe
from registry.stores.memory import MemoryStore
from tests.contract.making import BLOB, Content, blob, push_index, push_manifest


class Counting(MemoryStore):
    """Counts what it is asked."""

    def __init__(self):
        super().__init__()
        self.fetched, self.pushed, self.asked = [], [], []

    def fetch(self, descriptor, /):
        self.fetched.append(descriptor.digest)
        return super().fetch(descriptor)

    def push(self, descriptor, body, /):
        super().push(descriptor, body)
        self.pushed.append(descriptor.digest)

    def exists(self, descriptor, /):
        self.asked.append(descriptor.digest)
        return super().exists(descriptor)


def tree(store):
    shared = blob(b"shared")
    manifests = [push_manifest(store, shared, blob(f"own {number}".encode())) for number in range(3)]
    return push_index(store, *manifests)


def test_all_of_it_arrives_once():
    source, destination = Counting(), Counting()
    root = tree(source)
    source.fetched.clear()
    report = copy(source, destination, root)
    assert report == CopyReport(copied=9, skipped=0, bytes=report.bytes)
    assert sorted(source.fetched) == sorted(set(source.fetched)), "something was read twice"
    assert {node.digest for node, _ in walk(destination, root)} == {node.digest for node, _ in walk(source, root)}


def test_children_come_before_what_lists_them():
    source, destination = MemoryStore(), Counting()
    root = tree(source)
    copy(source, destination, root)
    place = {digest: number for number, digest in enumerate(destination.pushed)}
    for node, data in walk(source, root):
        if data is not None:
            below = [place[child.digest] for child, _ in walk(source, node) if child.digest != node.digest]
            assert max(below) < place[node.digest]


def test_what_is_there_is_skipped_with_all_below_it():
    source, destination = Counting(), Counting()
    root = tree(source)
    copy(source, destination, root)
    source.fetched.clear()
    destination.asked.clear()
    seen = []
    report = copy(source, destination, root, hooks=CopyHooks(skipped=seen.append))
    assert report == CopyReport(skipped=1)
    assert source.fetched == []
    assert destination.asked == [root.digest]
    assert seen == [root]


def test_what_an_earlier_run_left_is_used():
    source, destination = Counting(), MemoryStore()
    root = push_manifest(source, blob(b"one"), blob(b"two"))
    blob(b"one").push_to(destination)
    report = copy(source, destination, root)
    assert report.skipped == 1
    assert blob(b"one").descriptor.digest not in source.fetched


def test_hooks_tell_what_happens():
    source, destination = MemoryStore(), MemoryStore()
    layer = blob(b"x" * 100)
    root = push_manifest(source, layer)
    events = []
    hooks = CopyHooks(
        begun=lambda content: events.append(("begun", content.digest)),
        moving=lambda content, done: events.append(("moving", content.digest, done)),
        done=lambda content: events.append(("done", content.digest)),
    )
    copy(source, destination, root, hooks=hooks, concurrency=1)
    assert events.index(("begun", layer.descriptor.digest)) < events.index(("moving", layer.descriptor.digest, 100))
    assert events.index(("moving", layer.descriptor.digest, 100)) < events.index(("done", layer.descriptor.digest))
    assert events[-1] == ("done", root.digest)


def test_a_graph_that_is_too_deep_is_refused():
    store = MemoryStore()
    node = push_manifest(store, blob(b"leaf"))
    for _ in range(8):
        node = push_index(store, node)
    with pytest.raises(GraphTooLarge, match="deeper than 8"):
        copy(store, MemoryStore(), node)


def test_a_graph_with_too_many_nodes_is_refused():
    store = MemoryStore()
    root = tree(store)
    with pytest.raises(GraphTooLarge, match="more than 5"):
        copy(store, MemoryStore(), root, limits=Limits(nodes=5))


def test_an_index_that_lists_one_manifest_many_times_costs_nothing():
    store, destination = Counting(), MemoryStore()
    root = push_index(store, *[push_manifest(store, blob(b"same"))] * 1000)
    store.fetched.clear()
    assert copy(store, destination, root).copied == 4
    assert len(store.fetched) == 4  # the index, the manifest, its config and its layer


class Lying(MemoryStore):
    """Gives other bytes than it was asked for."""

    def __init__(self, victim):
        super().__init__()
        self.victim = victim

    def fetch(self, descriptor, /):
        if descriptor.digest == self.victim.digest:
            return VerifyingReader(io.BytesIO(b"!" * descriptor.size), descriptor)
        return super().fetch(descriptor)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_source_that_lies_is_named(concurrency):
    victim = blob(b"victim")
    source, destination = Lying(victim.descriptor), MemoryStore()
    root = push_manifest(source, victim, blob(b"other"))
    with pytest.raises(DigestMismatch) as caught:
        copy(source, destination, root, concurrency=concurrency)
    assert caught.value.side == "source"
    assert not destination.exists(root)
    assert not destination.exists(victim.descriptor)


def test_a_source_that_lacks_something_is_named():
    source = MemoryStore()
    root = push_manifest(source, blob(b"here"))
    incomplete = MemoryStore()
    Content(root, read_all(source, root)).push_to(incomplete)
    with pytest.raises(ContentNotFound) as caught:
        copy(incomplete, MemoryStore(), root)
    assert caught.value.side == "source"


def test_a_destination_that_fails_is_named():
    class Full(MemoryStore):
        def push(self, descriptor, body, /):
            raise Failure("the disk is full")

    source = MemoryStore()
    with pytest.raises(Failure) as caught:
        copy(source, Full(), push_manifest(source, blob(b"x")))
    assert caught.value.side == "destination"


def test_one_failure_stops_the_others():
    started = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size=-1, /):
            started.set()
            assert not failed.is_set() or failed.wait(10)
            return b"s"

    class Source(MemoryStore):
        def fetch(self, descriptor, /):
            if descriptor.digest == endless.digest:
                return VerifyingReader(Slow(), endless)
            if descriptor.digest == victim.descriptor.digest:
                assert started.wait(10)
                failed.set()
                raise ContentNotFound("gone")
            return super().fetch(descriptor)

    failed = threading.Event()
    victim = blob(b"victim")
    endless = describe(BLOB, b"s" * 50_000_000)
    source = Source()
    victim.push_to(source)
    source._content[endless.digest] = b""
    root = push_manifest(source, victim, Content(endless, b""))
    with pytest.raises(ContentNotFound, match="gone"):
        copy(source, MemoryStore(), root)


def test_a_single_blob_can_be_copied():
    source, destination = MemoryStore(), MemoryStore()
    content = blob(b"alone")
    content.push_to(source)
    assert copy(source, destination, content.descriptor).copied == 1
    assert copy(source, destination, content.descriptor).skipped == 1


def test_read_all_is_bounded():
    store = MemoryStore()
    content = blob(b"x" * 11)
    content.push_to(store)
    with pytest.raises(ContentTooLarge):
        read_all(store, content.descriptor, limit=10)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"12345", None), (b"1234", SizeMismatch), (b"123456", SizeMismatch), (b"1234x", DigestMismatch)],
)
@pytest.mark.parametrize("step", [1, 2, 100, -1])
def test_the_verifying_reader(data, error, step):
    reader = VerifyingReader(io.BytesIO(data), describe(BLOB, b"12345"))

    def drain():
        if step < 0:
            return reader.read()
        return b"".join(iter(lambda: reader.read(step), b""))

    if error is None:
        assert drain() == data
        assert reader.read(1) == b""
    else:
        with pytest.raises(error):
            drain()


def test_the_empty_descriptor_is_the_specs():
    assert str(EMPTY.digest) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert EMPTY.size == 2


def signed(store, subject, kind="a/signature"):
    return push_manifest(store, blob(f"{kind} of {subject.digest}".encode()), artifact_type=kind, subject=subject)


def test_referrers_travel_along_with_their_own():
    source, destination = MemoryStore(), MemoryStore()
    root = tree(source)
    child = push_manifest(source, blob(b"shared"), blob(b"own 1"))
    signature, sbom = signed(source, root), signed(source, child, "a/sbom")
    of_sbom = signed(source, sbom)
    unrelated = signed(source, push_manifest(source, blob(b"unrelated")))
    report = copy_with_referrers(source, destination, root)
    for each in (root, child, signature, sbom, of_sbom):
        assert destination.exists(each)
    assert not destination.exists(unrelated)
    assert [entry.digest for entry in destination.referrers(sbom)] == [of_sbom.digest]
    assert copy_with_referrers(source, destination, root).copied == 0
    assert report.copied > 9


def test_new_referrers_of_what_is_there_already_are_found():
    source, destination = MemoryStore(), MemoryStore()
    root = tree(source)
    copy(source, destination, root)
    late = signed(source, push_manifest(source, blob(b"shared"), blob(b"own 2")))
    copy_with_referrers(source, destination, root)
    assert destination.exists(late)


def test_a_list_of_referrers_that_lies_is_not_believed():
    class Lying(MemoryStore):
        def referrers(self, subject, artifact_type=None, /):
            return [claimed]

    source, destination = Lying(), MemoryStore()
    root = push_manifest(source, blob(b"root"))
    claimed = push_manifest(source, blob(b"claimed"), artifact_type="a/b")
    copy_with_referrers(source, destination, root)
    assert not destination.exists(claimed)


def test_too_many_referrers_are_refused():
    source = MemoryStore()
    root = push_manifest(source, blob(b"root"))
    for number in range(6):
        signed(source, root, f"a/{number}")
    with pytest.raises(GraphTooLarge, match="more than 5 nodes"):
        copy_with_referrers(source, MemoryStore(), root, limits=Limits(nodes=5))


def test_what_it_refers_to_travels_along_too():
    source, destination = MemoryStore(), MemoryStore()
    root = push_manifest(source, blob(b"root"))
    signature, sbom = signed(source, root), signed(source, root, "a/sbom")
    copy_with_referrers(source, destination, signature)
    assert all(destination.exists(each) for each in (root, signature, sbom))


def test_a_subject_that_nobody_has_is_left_out():
    source, destination = MemoryStore(), MemoryStore()
    elsewhere = push_manifest(MemoryStore(), blob(b"elsewhere"))
    signature = signed(source, elsewhere)
    copy_with_referrers(source, destination, signature)
    assert destination.exists(signature)
    assert not destination.exists(elsewhere)


def test_a_referrer_that_is_listed_and_missing_is_an_error():
    class Forgetful(MemoryStore):
        def referrers(self, subject, artifact_type=None, /):
            return [gone] if subject.digest == root.digest else []

    source = Forgetful()
    root = push_manifest(source, blob(b"root"))
    gone = push_manifest(MemoryStore(), blob(b"gone"), subject=root)
    with pytest.raises(ContentNotFound) as caught:
        copy_with_referrers(source, MemoryStore(), root)
    assert caught.value.side == "source"


def test_what_a_list_claims_falsely_still_comes_where_an_index_needs_it():
    class Lying(MemoryStore):
        def referrers(self, subject, artifact_type=None, /):
            return [] if subject.digest == claimed.digest else [claimed]

    source, destination = Lying(), MemoryStore()
    claimed = push_manifest(source, blob(b"claimed"))
    root = push_index(source, push_manifest(source, blob(b"first")), claimed)
    copy_with_referrers(source, destination, root)
    assert destination.exists(root)
    assert destination.exists(claimed)


def test_companions_go_along():
    source, destination = MemoryStore(), MemoryStore()
    root = push_manifest(source, blob(b"root"))
    companion = push_manifest(source, blob(b"companion"))
    copy_with_referrers(source, destination, root, companions=lambda document: [companion] * (document == root))
    assert destination.exists(companion)


def test_manifests_are_held_within_a_budget():
    source = MemoryStore()
    root = push_index(source, *[push_manifest(source, blob(bytes([number]))) for number in range(10)])
    with pytest.raises(GraphTooLarge, match="bytes of manifests"):
        copy(source, MemoryStore(), root, limits=Limits(document_bytes=3000))
    with pytest.raises(GraphTooLarge, match="bytes of manifests"):
        list(walk(source, root, Limits(document_bytes=3000)))


def test_two_sizes_of_one_content_are_a_lie():
    source = MemoryStore()
    content = blob(b"twelve bytes")
    other = Content(Descriptor(BLOB, content.descriptor.digest, 11), content.data)
    manifests = [push_manifest(source, content), Manifest(config=EMPTY, layers=(other.descriptor,)).encode()]
    lying = describe(OCI_MANIFEST, manifests[1])
    Content(lying, manifests[1]).push_to(source)
    with pytest.raises(SizeMismatch) as caught:
        copy(source, MemoryStore(), push_index(source, manifests[0], lying))
    assert caught.value.side == "source"


def test_a_neighbour_is_asked_to_mount_before_anything_moves():
    class Neighbour(Counting):
        def mount(self, descriptor, source, /):
            if descriptor.digest == stubborn.descriptor.digest:
                return False
            with source.fetch(descriptor) as reader:
                self._content[descriptor.digest] = reader.read()
            return True

    source, destination = MemoryStore(), Neighbour()
    stubborn = blob(b"stubborn")
    root = push_manifest(source, blob(b"willing"), stubborn)
    mounted = []
    report = copy(source, destination, root, hooks=CopyHooks(mounted=mounted.append))
    assert (report.mounted, report.copied) == (2, 2)
    assert {each.digest for each in mounted} == {EMPTY.digest, blob(b"willing").descriptor.digest}
    assert destination.pushed == [stubborn.descriptor.digest, root.digest]


def test_no_more_run_at_once_than_asked_for():
    running, most, lock = 0, 0, threading.Lock()

    class Crowded(MemoryStore):
        def push(self, descriptor, body, /):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            super().push(descriptor, body)
            with lock:
                running -= 1

    source = MemoryStore()
    root = push_manifest(source, *[blob(bytes([number])) for number in range(20)])
    copy(source, Crowded(), root, concurrency=3)
    assert 2 <= most <= 3
