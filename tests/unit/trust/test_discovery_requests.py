"""How often, and when, a store is asked for what is signed about an artifact."""

import io
from functools import partial
from threading import Barrier, Lock

import pytest

from registry.errors import Unreachable
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Manifest, describe
from registry.stores.memory import MemoryStore
from wasmbuild.trust.companion import add_layer
from wasmbuild.trust.discovery import all_wanted, found
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
