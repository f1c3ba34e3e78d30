"""How often, and when, a store is asked for what is signed about an artifact."""

import io
from dataclasses import replace
from functools import partial
from threading import Barrier, Lock

import pytest

from registry.client.repository import Repository
from registry.client.transport import Transport
from registry.errors import GraphTooLarge, Unreachable
from registry.model import EMPTY, EMPTY_BYTES, OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from registry.stores.memory import MemoryStore
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import scripted
from wasmbuild.trust import discovery
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.companion import add_layer, add_layers
from wasmbuild.trust.discovery import MAX_ATTESTATIONS, all_wanted, found, found_referrers, found_under_tag
from wasmbuild.trust.dsse import DSSE
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign, sign_payload
from wasmbuild.trust.simplesigning import Payload

ARTIFACT = Manifest(EMPTY, ()).encode()
SUBJECT = describe(OCI_MANIFEST, ARTIFACT)
NAME = "127.0.0.1/a"


class Watched(MemoryStore):
    """Counts what it is asked for, and how much of that at once."""

    def __init__(self):
        super().__init__()
        self.asked, self.most, self._now, self._lock = [], 0, 0, Lock()

    def counted(self, name, call, *arguments):
        with self._lock:
            self.asked.append(name)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return call(*arguments)
        finally:
            with self._lock:
                self._now -= 1

    def referrers(self, *arguments):
        return self.counted("referrers", super().referrers, *arguments)

    def resolve(self, *arguments):
        return self.counted("resolve", super().resolve, *arguments)

    def fetch(self, *arguments):
        return self.counted("fetch", super().fetch, *arguments)


def signed(store, count):
    for number in range(count):
        key = PrivateKey.generate()
        sign(SUBJECT, NAME, key, "1970-01-01T00:00:00Z").push_to(store)
        layer, data = sign_payload(Payload(SUBJECT.digest, f"{NAME}{number}"), key)
        add_layer(store, SUBJECT.digest, layer, data)
    store.asked.clear()
    store.most = 0
    return store


@pytest.fixture
def store():
    made = Watched()
    for descriptor, data in ((EMPTY, EMPTY_BYTES), (SUBJECT, ARTIFACT)):
        made.push(descriptor, partial(io.BytesIO, data))
    return made


def test_each_signature_is_asked_for_once(store):
    candidates = found(signed(store, 3), SUBJECT)
    assert [each.kind.value for each in candidates] == ["bundle"] * 3 + ["legacy"] * 3
    # a manifest and a blob of each bundle; the manifest under the tag, and three payloads
    assert sorted(store.asked) == ["fetch"] * 10 + ["referrers", "resolve"]


def test_the_lists_are_asked_for_at_once_and_no_more_than_four_things(store, monkeypatch):
    signed(store, 8)
    meeting = Barrier(3, timeout=10)
    monkeypatch.setattr(store, "referrers", lambda *_: (meeting.wait(), [])[1])
    resolve = store.resolve
    monkeypatch.setattr(store, "resolve", lambda name: (meeting.wait(), resolve(name))[1])
    assert len(found(store, SUBJECT, all_wanted)) == 8  # the barrier breaks when they come one by one
    monkeypatch.undo()
    assert len(found(store, SUBJECT)) == 16
    assert store.most <= 4


def test_what_one_of_them_raises_is_raised(store, monkeypatch):
    def broken(*_):
        raise Unreachable("the line is dead")

    signed(store, 2)
    monkeypatch.setattr(store, "referrers", broken)
    with pytest.raises(Unreachable):
        found(store, SUBJECT)
    monkeypatch.undo()
    monkeypatch.setattr(store, "fetch", broken)
    with pytest.raises(Unreachable):
        found(store, SUBJECT)


def test_what_many_layers_share_is_counted_for_each_of_them(store, monkeypatch):
    """It is parsed for each: a thousand layers of one large envelope would take minutes."""
    data = bytes(1000)
    layers = [replace(describe(DSSE, data), annotations={"number": str(number)}) for number in range(20)]
    add_layers(store, SUBJECT.digest, [(layer, data) for layer in layers], "att")
    monkeypatch.setattr(discovery, "MAX_BYTES", 20 * 1000)
    assert len(found_under_tag(store, SUBJECT, "att", all_wanted)) == 20
    monkeypatch.setattr(discovery, "MAX_BYTES", 20 * 1000 - 1)
    with pytest.raises(GraphTooLarge, match="too large"):
        found_under_tag(store, SUBJECT, "att", all_wanted)


def attestations(count):
    """What a list says of attestations that nobody has to fetch."""
    types = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
    return [
        replace(describe(OCI_MANIFEST, bytes([number % 256, number // 256])), artifact_type=BUNDLE, annotations=types)
        for number in range(count)
    ]


class Crowded(Watched):
    """Lists attestations that are not there beside what is."""

    crowd = ()

    def referrers(self, subject, artifact_type=None, /):
        return [*self.crowd, *super().referrers(subject)]


def test_a_signature_is_found_beside_any_number_of_attestations():
    store = Crowded()
    for descriptor, data in ((EMPTY, EMPTY_BYTES), (SUBJECT, ARTIFACT)):
        store.push(descriptor, partial(io.BytesIO, data))
    signed(store, 1)
    store.crowd = attestations(MAX_ATTESTATIONS + 1)
    assert [each.kind.value for each in found(store, SUBJECT)] == ["bundle", "legacy"]
    with pytest.raises(GraphTooLarge, match="1001 attestations"):
        found(store, SUBJECT, all_wanted)


def test_a_signature_is_found_on_a_crowded_list_that_stands_in_for_the_api():
    with scripted(OldRegistry()) as server:
        repository = Repository(Transport(server.address), "a")
        for descriptor, data in ((EMPTY, EMPTY_BYTES), (SUBJECT, ARTIFACT)):
            repository.push(descriptor, partial(io.BytesIO, data))
        sign(SUBJECT, NAME, PrivateKey.generate(), "1970-01-01T00:00:00Z").push_to(repository)
        listed = Index(manifests=(*attestations(200), *repository.referrers(SUBJECT))).encode()
        repository.put(describe(OCI_INDEX, listed), listed, f"sha256-{SUBJECT.digest.encoded}")
        assert [each.kind.value for each in found(Repository(Transport(server.address), "a"), SUBJECT)] == ["bundle"]


def test_the_manifests_of_a_list_are_bounded_together(store, monkeypatch):
    signed(store, 2)
    total = sum(entry.size for entry in store.referrers(SUBJECT))
    monkeypatch.setattr(discovery, "MAX_BYTES", total - 1)
    with pytest.raises(GraphTooLarge, match=f"{total} bytes"):
        found_referrers(store, SUBJECT)
