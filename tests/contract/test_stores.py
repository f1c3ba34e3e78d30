"""What every store must do, asked of every store: memory, OCI layout, archive, and a repository over a real socket."""

import io
import json

import pytest

from registry.content import Store, read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, Failure, InvalidDocument, SizeMismatch
from registry.model import EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, describe
from registry.stores.memory import MemoryStore
from tests.contract.making import BLOB, Content, blob, push_index, push_manifest


@pytest.fixture(params=["memory", "layout", "archive", "remote"])
def store(request: pytest.FixtureRequest, make_store) -> Store:
    return make_store(request.param)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, 1, 100_000, 5_000_000])
def test_what_is_pushed_is_fetched(store, size, algorithm):
    content = blob(b"w" * size, algorithm)
    push_manifest(store)  # a repository exists once something is in it
    assert not store.exists(content.descriptor)
    content.push_to(store)
    assert store.exists(content.descriptor)
    with store.fetch(content.descriptor) as reader:
        assert b"".join(reader) == content.data


def test_pushing_twice_is_fine(store):
    content = blob(b"twice")
    content.push_to(store)
    content.push_to(store)
    assert read_all(store, content.descriptor) == b"twice"


def test_what_is_not_there_is_not_found(store):
    missing = blob(b"missing").descriptor
    push_manifest(store)
    assert not store.exists(missing)
    with pytest.raises(ContentNotFound):
        store.fetch(missing)
    with pytest.raises(ContentNotFound):
        store.resolve("missing")
    with pytest.raises(ContentNotFound):
        store.resolve(str(missing.digest))


@pytest.mark.parametrize(
    ("sent", "error"),
    [(b"content that liez", DigestMismatch), (b"content", SizeMismatch), (b"content that lies and more", SizeMismatch)],
    ids=["other", "shorter", "longer"],
)
@pytest.mark.parametrize("media_type", [BLOB, OCI_MANIFEST])
def test_bytes_that_are_not_the_described_ones_are_refused(store, sent, error, media_type):
    push_manifest(store)
    described = describe(media_type, b"content that lies")
    with pytest.raises(error):
        store.push(described, lambda: io.BytesIO(sent))
    assert not store.exists(described)


def test_a_body_that_breaks_leaves_nothing(store):
    push_manifest(store)

    class Broken(io.BytesIO):
        def read(self, size=-1, /):
            if self.tell() > 0:
                raise ConnectionError("the other side went away")
            return super().read(10)

    described = describe(BLOB, b"x" * 100)
    with pytest.raises((ConnectionError, Failure)):
        store.push(described, lambda: Broken(b"x" * 100))
    assert not store.exists(described)


def test_a_tag_names_a_document_and_can_move(store):
    first, second = push_manifest(store, blob(b"one")), push_manifest(store, blob(b"two"))
    store.tag(first, "v1")
    assert store.resolve("v1") == first
    store.tag(second, "v1")
    store.tag(first, "old")
    assert store.resolve("v1") == second
    assert store.resolve("old") == first
    assert store.resolve(str(second.digest)) == second


def test_tags_are_listed_in_order(store):
    manifest = push_manifest(store, blob(b"tagged"))
    assert store.tags() == []
    for name in ("v2", "v10", "V1", "a.b-c_d"):
        store.tag(manifest, name)
    assert store.tags() == ["V1", "a.b-c_d", "v10", "v2"]


def test_an_untagged_document_is_found_by_digest(store):
    manifest = push_manifest(store, blob(b"untagged"))
    assert store.resolve(str(manifest.digest)) == manifest


def test_what_is_not_there_cannot_be_tagged(store):
    push_manifest(store)
    with pytest.raises(ContentNotFound):
        store.tag(describe(OCI_MANIFEST, b"{}"), "v1")


def test_documents_keep_their_bytes(store):
    manifest = push_manifest(store, blob(b"layer"))
    fields = json.loads(read_all(store, manifest))
    odd = json.dumps({**fields, "annotations": {"ü": "é", "a": "b"}, "x-unknown": [1, {"y": None}]}, indent=3).encode()
    content = Content(describe(OCI_MANIFEST, odd), odd)
    content.push_to(store)
    store.tag(content.descriptor, "odd")
    assert read_all(store, store.resolve("odd")) == odd


def test_an_index_is_a_document(store):
    index = push_index(store, push_manifest(store, blob(b"1")), push_manifest(store, blob(b"2")))
    store.tag(index, "all")
    assert store.resolve("all") == index
    assert store.resolve("all").media_type == OCI_INDEX


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"schemaVersion": 2}', b"\xff"], ids=repr)
def test_a_document_that_is_none_is_refused(store, data):
    push_manifest(store)
    described = describe(OCI_MANIFEST, data)
    with pytest.raises(InvalidDocument):
        store.push(described, lambda: io.BytesIO(data))
    assert not store.exists(described)


def test_referrers_are_listed_with_type_and_annotations(store):
    subject = push_manifest(store, blob(b"subject"))
    assert store.referrers(subject) == []
    sbom = push_manifest(store, artifact_type="a/sbom", subject=subject, annotations={"k": "v"})
    signature = push_manifest(store, blob(b"sig"), artifact_type="a/signature", subject=subject)
    other = push_manifest(store, blob(b"other"))
    push_manifest(store, blob(b"another"), artifact_type="a/sbom", subject=other)

    listed = {entry.digest: entry for entry in store.referrers(subject)}
    assert set(listed) == {sbom.digest, signature.digest}
    assert listed[sbom.digest].artifact_type == "a/sbom"
    assert listed[sbom.digest].annotations == {"k": "v"}
    assert [entry.digest for entry in store.referrers(subject, "a/signature")] == [signature.digest]
    assert store.referrers(subject, "a/none") == []


def test_the_type_of_a_referrer_without_one_is_its_configs(store):
    subject = push_manifest(store, blob(b"subject"))
    push_manifest(store, subject=subject)
    (entry,) = store.referrers(subject)
    assert entry.artifact_type == "application/vnd.oci.empty.v1+json"


def test_a_referrer_may_come_before_its_subject(store):
    made = MemoryStore()
    subject = push_manifest(made, blob(b"later"))
    referrer = push_manifest(store, artifact_type="a/b", subject=subject)
    assert [entry.digest for entry in store.referrers(subject)] == [referrer.digest]


def test_reading_less_than_all_promises_nothing_and_harms_nothing(store):
    content = blob(b"w" * 3_000_000)
    content.push_to(store)
    with store.fetch(content.descriptor) as reader:
        assert reader.read(10) == b"w" * 10
    assert read_all(store, content.descriptor) == content.data


def test_a_size_that_lies_is_noticed(store):
    content = blob(b"twelve bytes")
    content.push_to(store)
    lying = Descriptor(BLOB, content.descriptor.digest, 11)
    with pytest.raises((SizeMismatch, ContentNotFound)):
        read_all(store, lying)


def test_another_digest_of_the_same_bytes_is_other_content(store):
    content = blob(b"same bytes")
    content.push_to(store)
    assert not store.exists(describe(BLOB, b"same bytes", "sha512"))
    assert Digest.of(b"same bytes", "sha512").algorithm == "sha512"


@pytest.mark.parametrize("kind", [OCI_MANIFEST, OCI_INDEX])
def test_a_document_need_not_say_what_it_is(store, kind):
    push_manifest(store)
    fields = {"manifests": []} if kind == OCI_INDEX else {"config": EMPTY.to_json(), "layers": []}
    data = json.dumps({"schemaVersion": 2, **fields}).encode()
    content = Content(describe(kind, data), data)
    content.push_to(store)
    store.tag(content.descriptor, "silent")
    assert store.resolve("silent") == content.descriptor
