import pytest
import wasmtime

from registry.errors import Failure
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import pack
from wasmbuild.errors import UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.push import Destination, prepare, push

PACKED = pack(bytes(wasmtime.wat2wasm("(module)")), "empty")
REFERENCE = Reference.parse("127.0.0.1:1/a/b:v1")


class Recording(MemoryStore):
    def __init__(self, fail_at=None):
        super().__init__()
        self.order, self.fail_at = [], fail_at

    def push(self, descriptor, body, /):
        if len(self.order) == self.fail_at:
            raise Failure("broken")
        super().push(descriptor, body)
        self.order.append(descriptor.digest)

    def tag(self, descriptor, name, /):
        super().tag(descriptor, name)
        self.order.append(name)


def run(store, key=None):
    return push(PACKED, Destination(REFERENCE, store, "v1"), key=key, sink=ignore, environment={})


def test_blobs_then_manifest_then_signature_then_the_tag():
    store = Recording()
    pushed = run(store, PrivateKey.generate())
    assert set(store.order[:2]) == {PACKED.config.digest, PACKED.layer.digest}
    assert store.order[2] == PACKED.manifest.digest
    assert store.order[-2:] == [pushed.signature.digest, "v1"]
    assert [entry.digest for entry in store.referrers(PACKED.manifest)] == [pushed.signature.digest]


@pytest.mark.parametrize("fail_at", range(6))
def test_a_push_that_breaks_sets_no_tag(fail_at):
    store = Recording(fail_at)
    with pytest.raises(Failure):
        run(store, PrivateKey.generate())
    assert "v1" not in store.order
    store.fail_at = None
    run(store, PrivateKey.generate())
    assert store.resolve("v1") == PACKED.manifest


@pytest.mark.parametrize("text", ["127.0.0.1:1/a/b", f"127.0.0.1:1/a/b@{PACKED.manifest.digest}"])
def test_a_push_needs_a_tag_and_no_digest(text):
    with pytest.raises(UsageFailed):
        prepare(Reference.parse(text))


def test_signing_again_with_the_same_key_adds_nothing():
    store, key = Recording(), PrivateKey.generate()
    assert run(store, key).signature is not None
    assert run(store, key).signature is None
    assert run(store, PrivateKey.generate()).signature is not None
    assert len(store.referrers(PACKED.manifest)) == 2
