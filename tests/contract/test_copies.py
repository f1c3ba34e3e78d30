"""Copies between every two stores, through every fault: all arrives, or a Failure says why and nothing is half."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.copying import copy, copy_with_referrers
from registry.errors import DigestMismatch, Failure, InvalidDocument, SizeMismatch, Unreachable
from registry.stores.memory import MemoryStore
from tests.contract.faulty import FAULTS, Faulty, PushFailsOnce
from tests.contract.graphs import assert_arrived, assert_nothing_half, graphs
from tests.contract.making import blob, push_index, push_manifest

DESTINATIONS = ["memory", "layout", "remote"]
SOURCES = [*DESTINATIONS, "archive"]
LARGE = bytes(range(256)) * 8000


@pytest.fixture
def root_and_source():
    source = MemoryStore()
    first = push_manifest(source, blob(LARGE), blob(b"small"))
    second = push_manifest(source, blob(LARGE + b"!"), blob(b"small"), artifact_type="a/b")
    return push_index(source, first, second), source


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_fault_of_the_source(make_store, root_and_source, kind, fault):
    root, source = root_and_source
    destination = make_store(kind)
    push_manifest(destination)  # a repository exists once something is in it
    expected = {
        "breaks": Unreachable,
        "lies": (DigestMismatch, InvalidDocument),
        "ends early": SizeMismatch,
        "goes on": SizeMismatch,
    }.get(fault)
    if expected is None:
        copy(Faulty(source, FAULTS[fault]), destination, root)
    else:
        with pytest.raises(expected) as caught:
            copy(Faulty(source, FAULTS[fault]), destination, root)
        assert caught.value.side == "source"
        assert not destination.exists(root)
        assert_nothing_half(source, destination, root)
        copy(source, destination, root)
    assert_arrived(source, destination, root)


class OnlyBlobs:
    """A fault that spares documents: it is met in the middle of a copy, not at its root."""

    def __init__(self, fault):
        self.fault = fault

    def __call__(self, reader, descriptor):
        return reader if descriptor.size < 1000 else self.fault(reader, descriptor)


@pytest.mark.parametrize("fault", ["breaks", "lies", "ends early", "goes on"])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_fault_in_the_middle_of_a_copy(make_store, root_and_source, kind, fault, concurrency):
    root, source = root_and_source
    destination = make_store(kind)
    push_manifest(destination)
    with pytest.raises((Unreachable, DigestMismatch, SizeMismatch)) as caught:
        copy(Faulty(source, OnlyBlobs(FAULTS[fault])), destination, root, concurrency=concurrency)
    assert caught.value.side == "source"
    assert not destination.exists(root)
    assert_nothing_half(source, destination, root)
    copy(source, destination, root)
    assert_arrived(source, destination, root)


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_destination_that_fails_once(make_store, root_and_source, kind):
    root, source = root_and_source
    inner = make_store(kind)
    push_manifest(inner)
    destination = PushFailsOnce(inner)
    for _ in range(20):
        try:
            copy(source, destination, root)
            break
        except Failure as failure:
            assert isinstance(failure, Unreachable)
            assert failure.side == "destination"
            assert_nothing_half(source, inner, root)
    else:
        pytest.fail("each content fails once, and never again")
    assert_arrived(source, inner, root)


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("source_kind", SOURCES)
def test_random_graphs_arrive_whole(make_store, source_kind, kind):
    @settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
    @given(graphs(), st.sampled_from([1, 4]))
    def run(graph, concurrency):
        made, root = graph
        source, destination = make_store(source_kind), make_store(kind)
        push_manifest(destination)
        copy_with_referrers(made, source, root)
        assert_arrived(made, source, root)
        copy_with_referrers(source, destination, root, concurrency=concurrency)
        assert_arrived(made, destination, root)

    run()
