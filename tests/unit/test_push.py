from contextlib import contextmanager

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.client.settings import Settings
from registry.content import read_all
from registry.errors import Failure, RegistryRefused
from registry.model import DOCKER_MANIFEST, Manifest, parse_document
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from tests.client.scripted import Answer, scripted
from wasmbuild.artifact import pack
from wasmbuild.errors import UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.annotations import annotated, parse_annotations
from wasmbuild.workflows.beside import Attached
from wasmbuild.workflows.push import Destination, push
from wasmbuild.workflows.rehearse import rehearse
from wasmbuild.workflows.sign import Wish, attach_signatures

PACKED = pack(bytes(wasmtime.wat2wasm("(module)")), "empty")
ONE = (SignatureKind.BUNDLE,)
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

    def tag_all(self, descriptor, names):
        for name in names:
            self.tag(descriptor, name)
            self.order.append(name)


def run(store, key=None, tags=("v1",)):
    return push(PACKED, Destination(REFERENCE, store, tags), key=key, sink=ignore, environment={})


def test_blobs_then_manifest_then_signature_then_the_tags():
    store = Recording()
    pushed = run(store, PrivateKey.generate(), ("v1", "latest"))
    assert set(store.order[:2]) == {PACKED.config.digest, PACKED.layer.digest}
    assert store.order[2] == PACKED.manifest.digest
    bundle, legacy = pushed.signatures
    assert store.order[-3:] == [legacy.manifest.digest, "v1", "latest"]
    assert bundle.manifest.digest in store.order[3:-3]
    assert [entry.digest for entry in store.referrers(PACKED.manifest)] == [bundle.manifest.digest]
    assert pushed.to_json()["referrers"] == [bundle.manifest.to_json()]
    assert pushed.to_json()["tags"] == ["v1", "latest"]


@pytest.mark.parametrize("fail_at", range(9))
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
        Destination.open(Reference.parse(text), (), Registries())


@pytest.mark.parametrize("tag", ["", "-", ".a", "a/b", "a b", "a:b", "x" * 129, "\udcff", "a\n", "ä"])
def test_all_tags_are_checked_first(tag):
    with scripted(lambda _: Answer(500)) as server:
        with pytest.raises(UsageFailed, match="is not a tag"):
            Destination.open(Reference.parse(f"{server.address}/a/b:v1"), ("fine", tag), Registries())
        assert server.asked == []


def test_a_tag_may_come_from_the_option_alone_and_counts_once():
    destination = Destination.open(Reference.parse("127.0.0.1:1/a/b"), ("x", "y", "x"), Registries())
    assert destination.tags == ("x", "y")


def test_signing_again_with_the_same_key_adds_nothing():
    store, key = Recording(), PrivateKey.generate()
    assert [each.added for each in run(store, key).signatures] == [True, True]
    again = run(store, key)
    assert [each.added for each in again.signatures] == [False, False]
    assert again.to_json()["referrers"] == []
    assert [each.added for each in run(store, PrivateKey.generate()).signatures] == [True, True]
    assert len(store.referrers(PACKED.manifest)) == 2


def test_the_signature_that_is_there_is_named():
    store, key, other = Recording(), PrivateKey.generate(), PrivateKey.generate()
    PACKED.push_to(store)
    where = Attached(store, REFERENCE, PACKED.manifest)

    def attach(by):
        return [
            (each.manifest, each.added)
            for each in attach_signatures(where, Wish(by, "1970-01-01T00:00:00Z", ONE), ignore)
        ]

    ((first, _),), ((second, _),) = attach(key), attach(other)
    assert attach(key) == [(first, False)]
    assert attach(other) == [(second, False)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], {}),
        (["a=b"], {"a": "b"}),
        (["a=b=c"], {"a": "b=c"}),
        (["a="], {"a": ""}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
    ],
)
def test_annotations(given, found):
    assert parse_annotations(given) == found


@pytest.mark.parametrize("given", [["a"], ["=a"], ["  =a"], ["a=1", "a=1"], ["a=\udcff"], [""]])
def test_what_is_no_annotation(given):
    with pytest.raises(UsageFailed, match="is not an annotation"):
        parse_annotations(given)


def test_annotations_are_in_the_manifest_and_what_was_given_wins():
    packed = pack(b"\0asm\x01\0\0\0", "x", annotations={"kept": "1", "changed": "1"})
    store = MemoryStore()
    changed = annotated(packed, {"changed": "2", "new": "é"})
    changed.push_to(store)
    document = parse_document(read_all(store, changed.manifest), changed.manifest.media_type)
    assert isinstance(document, Manifest)
    assert document.annotations == {"kept": "1", "changed": "2", "new": "é"}
    assert document.layers == (packed.layer,)
    assert annotated(packed, {}) is packed


def test_annotations_that_no_registry_would_take():
    with pytest.raises(UsageFailed, match="too long"):
        annotated(PACKED, {"a": "x" * 5_000_000})


@contextmanager
def opened(registry_address, repository_name, *tags):
    reference = Reference.parse(f"{registry_address}/{repository_name}:{tags[0]}")
    yield Destination.open(reference, tags[1:], Registries())


def test_a_rehearsal_says_what_a_push_does_and_changes_nothing(registry_address, repository_name):
    with opened(registry_address, repository_name, "v1", "v2") as destination:
        before = rehearse(PACKED, destination, signs=False)
        assert [content["exists"] for content in before.to_json()["contents"]] == [False] * 3
        assert before.to_json()["tags"] == ["v1", "v2"]
        assert before.to_json()["tagsNow"] == {"v1": None, "v2": None}
        assert not any(destination.repository.exists(each) for each in (PACKED.layer, PACKED.manifest))
        push(PACKED, destination, key=None, sink=ignore, environment={})
        after = rehearse(PACKED, destination, signs=True)
        assert [content["exists"] for content in after.to_json()["contents"]] == [True] * 3
        assert after.lines().splitlines()[-3:] == [
            "to sign   with the key that was given",
            "same tag  v1",
            "same tag  v2",
        ]
        other = annotated(PACKED, {"a": "b"})
        moved = rehearse(other, destination, signs=False).lines()
        assert f"move tag  v1 from {PACKED.manifest.digest}" in moved


def test_a_rehearsal_only_reads():
    def script(asked):
        if asked.method not in ("GET", "HEAD"):
            return Answer(403)
        if asked.path.endswith("/manifests/v1"):
            return Answer(200, PACKED.manifest_bytes, {"Content-Type": PACKED.manifest.media_type})
        return Answer(404)

    with scripted(script) as server:
        destination = Destination.open(Reference.parse(f"{server.address}/a/b:v1"), ("v2",), Registries())
        assert rehearse(PACKED, destination, signs=False).to_json()["tagsNow"]["v2"] is None
        assert {asked.method for asked in server.asked} == {"GET", "HEAD"}


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_registry_that_cannot_say_is_no_empty_one(status):
    impatient = Registries(Settings(retry_for=0))
    with scripted(lambda _: Answer(status)) as server, pytest.raises(RegistryRefused):
        destination = Destination.open(Reference.parse(f"{server.address}/a/b:v1"), (), impatient)
        rehearse(PACKED, destination, signs=False)


def test_a_tag_that_means_something_of_docker_is_shown():
    document = PACKED.manifest_bytes.replace(PACKED.manifest.media_type.encode(), DOCKER_MANIFEST.encode(), 1)

    def script(asked):
        return Answer(200, document, {"Content-Type": DOCKER_MANIFEST}) if "v1" in asked.path else Answer(404)

    with scripted(script) as server:
        destination = Destination.open(Reference.parse(f"{server.address}/a/b:v1"), (), Registries())
        now = rehearse(PACKED, destination, signs=False).to_json()["tagsNow"]
        assert now["v1"]["mediaType"] == DOCKER_MANIFEST
