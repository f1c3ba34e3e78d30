"""What every store of the action cache must do: a folder, a plain HTTP store, and a repository over a real socket."""

import io

import pytest

from registry.client.httpcache import HttpCache
from registry.client.settings import Settings
from registry.content import read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, Failure, InvalidReference, SizeMismatch
from registry.model import OCI_MANIFEST, Descriptor, describe
from tests.contract.httpstore import http_store
from tests.contract.making import BLOB, blob, push_manifest
from wasmbuild.build.cache.folder import FolderStore

NAME = "a" * 64


@pytest.fixture(params=["folder", "http", "remote", "layout", "memory"])
def store(request, make_store, tmp_path):
    if request.param == "folder":
        yield FolderStore(tmp_path / "folder")
    elif request.param == "http":
        with http_store(tmp_path) as http:
            yield HttpCache.open(http.url, Settings())
    else:
        yield make_store(request.param)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_what_is_pushed_is_fetched(store, size):
    content = blob(bytes(range(250)) * (size // 250) + b"w" * (size % 250))
    push_manifest(store)
    assert not store.exists(content.descriptor)
    content.push_to(store)
    content.push_to(store)
    assert store.exists(content.descriptor)
    assert read_all(store, content.descriptor) == content.data


def test_what_is_not_there_is_not_found(store):
    push_manifest(store)
    missing = blob(b"missing").descriptor
    assert not store.exists(missing)
    with pytest.raises(ContentNotFound):
        read_all(store, missing)
    with pytest.raises(ContentNotFound):
        store.resolve(NAME)


def test_a_name_means_a_manifest_and_can_move(store):
    first, second = push_manifest(store, blob(b"one")), push_manifest(store, blob(b"two"))
    store.tag(first, NAME)
    assert store.resolve(NAME) == first
    store.tag(second, NAME)
    assert store.resolve(NAME) == second


def test_a_name_means_nothing_that_is_not_there(store):
    push_manifest(store)
    with pytest.raises(ContentNotFound):
        store.tag(describe(OCI_MANIFEST, b"not here"), NAME)
    with pytest.raises(ContentNotFound):
        store.resolve(NAME)


@pytest.mark.parametrize(
    ("sent", "error"),
    [(b"content that liez", DigestMismatch), (b"content", SizeMismatch), (b"content that lies and more", SizeMismatch)],
    ids=["other", "shorter", "longer"],
)
def test_bytes_that_are_not_the_described_ones_are_refused(store, sent, error):
    push_manifest(store)
    described = describe(BLOB, b"content that lies")
    with pytest.raises(error):
        store.push(described, lambda: io.BytesIO(sent))
    assert not store.exists(described)


def test_large_bytes_that_lie_at_their_end_are_refused(store):
    push_manifest(store)
    data = b"x" * 3_000_000
    described = describe(BLOB, data)
    with pytest.raises(DigestMismatch):
        store.push(described, lambda: io.BytesIO(data[:-1] + b"y"))
    assert not store.exists(described)


def test_nothing_that_is_not_empty_is_the_empty_content(store):
    push_manifest(store)
    wrong = Descriptor(BLOB, Digest.of(b"something"), 0)
    with pytest.raises(Failure):
        store.push(wrong, lambda: io.BytesIO(b""))
    assert not store.exists(wrong)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 200, "a b"])
def test_names_lead_nowhere_else(name, tmp_path):
    with http_store(tmp_path / "http") as http:
        for store in (FolderStore(tmp_path / "in" / "folder"), HttpCache.open(http.url, Settings())):
            manifest = push_manifest(store)
            with pytest.raises(ContentNotFound):
                store.tag(manifest, name)
            with pytest.raises(ContentNotFound):
                store.resolve(name)
        assert not [asked for asked in http.asked if "ac/" in asked]


@pytest.mark.parametrize(
    "url",
    [
        "http://", "http:///path", "ftp://host/x", "http://host/x?y=1", "http://host/x#y", "http://host:port/x",
        "https://user:secret@host.example/x", "http://ho st/x", "http://host/a/../b", "http://[::1/x", "http://host/ä",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_store_is_refused_without_its_password(url):
    with pytest.raises(InvalidReference) as caught:
        HttpCache.open(url, Settings())
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url", ["http://cache/x", "https://cache.example.com", "http://[::1]:8080/a/b/", "http://h:1/"]
)
def test_urls_of_stores_are_taken_as_they_are(url):
    assert str(HttpCache.open(url, Settings())) == url.rstrip("/")
