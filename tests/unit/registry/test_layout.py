import json
import os
import stat
import threading

import pytest

from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, InvalidDocument, StorageFailed
from registry.files import replacing, write_atomically
from registry.copying import copy
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.contract.making import blob, push_manifest


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_folder_is_what_the_spec_says(tmp_path):
    store = LayoutStore.create(tmp_path)
    manifest = push_manifest(store, blob(b"layer"))
    store.tag(manifest, "v1")
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((tmp_path / "index.json").read_text())
    assert index["schemaVersion"] == 2
    (entry,) = index["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "v1"}
    path = tmp_path / "blobs" / "sha256" / manifest.digest.encoded
    assert Digest.of(path.read_bytes()) == manifest.digest
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_tag_that_moves_leaves_no_entry_behind(tmp_path):
    store = LayoutStore.create(tmp_path)
    for number in range(5):
        store.tag(push_manifest(store, blob(str(number).encode())), "v1")
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 1
    assert store.tags() == ["v1"]


def test_an_unknown_tag_names_the_known_ones(tmp_path):
    store = LayoutStore.create(tmp_path)
    store.tag(push_manifest(store), "v1")
    with pytest.raises(ContentNotFound) as caught:
        store.resolve("v2")
    assert caught.value.hint == "its tags are v1"


def test_a_broken_push_leaves_no_file(tmp_path):
    store = LayoutStore.create(tmp_path)
    before = files(tmp_path)
    content = blob(b"right")
    with pytest.raises(DigestMismatch):
        store.push(content.descriptor, lambda: MemoryReader(b"wrong"))
    assert files(tmp_path) == before


class MemoryReader:
    def __init__(self, data):
        self.data = data

    def read(self, size=-1, /):
        data, self.data = self.data, b""
        return data

    def close(self):
        pass


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_folder_that_is_no_layout(tmp_path, name):
    LayoutStore.create(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidDocument):
        LayoutStore(tmp_path).tags()


@pytest.mark.parametrize("data", ["", "{}", '{"imageLayoutVersion":"2.0.0"}', "[]"])
def test_a_layout_of_another_version(tmp_path, data):
    LayoutStore.create(tmp_path)
    (tmp_path / "oci-layout").write_text(data)
    with pytest.raises(InvalidDocument):
        LayoutStore(tmp_path)


def test_a_symbolic_link_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store = LayoutStore.create(tmp_path / "layout")
    content = blob(b"secret")
    folder = tmp_path / "layout" / "blobs" / "sha256"
    folder.mkdir(parents=True)
    (folder / content.descriptor.digest.encoded).symlink_to(secret)
    with pytest.raises(InvalidDocument, match="not a file of a layout"):
        store.fetch(content.descriptor)


def test_writers_at_once_lose_no_tag(tmp_path):
    LayoutStore.create(tmp_path)

    def work(number):
        store = LayoutStore(tmp_path)
        store.tag(push_manifest(store, blob(str(number).encode())), f"v{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert LayoutStore(tmp_path).tags() == sorted(f"v{number}" for number in range(12))


def test_what_is_damaged_can_come_again(tmp_path):
    source, store = MemoryStore(), LayoutStore.create(tmp_path)
    content = blob(b"damaged")
    content.push_to(source)
    copy(source, store, content.descriptor)
    store.path_of(content.descriptor.digest).write_bytes(b"damagex")
    with pytest.raises(DigestMismatch), store.fetch(content.descriptor) as reader:
        reader.read()
    assert store.heal(content.descriptor)
    assert not store.heal(content.descriptor)
    copy(source, store, content.descriptor)
    with store.fetch(content.descriptor) as reader:
        assert reader.read() == b"damaged"
    assert not store.heal(content.descriptor)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="could not be made"):
        LayoutStore.create(tmp_path / "file" / "layout")


def test_a_file_takes_its_name_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert files(tmp_path) == ["file"]
    write_atomically(path, b"new", mode=0o600)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageFailed) as caught:
        write_atomically(tmp_path / "missing" / "file", b"")
    assert caught.value.cause == os.strerror(2)


def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(StorageFailed, match="No space left"), replacing(tmp_path / "file") as file:
        file.write(b"x")
        file.flush()
        raise OSError(28, "No space left on device")
    assert files(tmp_path) == []
