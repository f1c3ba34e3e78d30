import contextlib
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from registry.copying import copy, copy_with_referrers
from registry.digest import Digest
from registry.errors import ContentNotFound, ContentTooLarge, DigestMismatch, InvalidDocument, StorageFailed
from registry.files import replacing, write_atomically
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


@pytest.mark.parametrize("gathering", [False, True])
def test_all_folders_are_on_the_disk_before_anything_is_listed(tmp_path, monkeypatch, gathering):
    synced, sync = [], os.fsync
    store = LayoutStore.create(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), sync(handle)))
    with store.gathering() if gathering else contextlib.nullcontext():
        store.tag(push_manifest(store, blob(b"layer")), "v1")
    places = [(tmp_path / "blobs").stat().st_ino, (tmp_path / "blobs" / "sha256").stat().st_ino]
    listed = synced.index((tmp_path / "index.json").stat().st_ino)
    assert set(places) <= set(synced[:listed])


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


def entries(root):
    return json.loads((root / "index.json").read_text())["manifests"]


def test_threads_that_push_referrers_lose_none(tmp_path):
    store = LayoutStore.create(tmp_path)
    subject = push_manifest(store)

    def work(number):
        push_manifest(store, subject=subject, annotations={"number": str(number)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(LayoutStore(tmp_path).referrers(subject)) == len(store.referrers(subject)) == 12


def test_a_layout_that_is_made_twice_at_once_loses_no_tag(tmp_path):
    def work(number):
        store = LayoutStore.create(tmp_path / "layout")
        store.tag(push_manifest(store, blob(str(number).encode())), f"v{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(LayoutStore(tmp_path / "layout").tags()) == 8


def test_what_others_list_is_seen_at_once(tmp_path):
    """Even when the file has the size and the time that it had."""
    one, other = LayoutStore.create(tmp_path), LayoutStore(tmp_path)
    first, second = push_manifest(one, blob(b"1")), push_manifest(one, blob(b"2"))
    then = (tmp_path / "index.json").stat().st_mtime_ns
    for turn in range(20):
        wanted = (first, second)[turn % 2]
        other.tag(wanted, "v1")
        os.utime(tmp_path / "index.json", ns=(then, then))
        assert one.resolve("v1") == wanted
    subject, referrers = first, []
    for number in range(3):
        referrers.append(push_manifest(other, subject=subject, annotations={"number": str(number)}).digest)
        assert [entry.digest for entry in one.referrers(subject)] == sorted(referrers)


def test_what_another_tool_writes_in_place_is_seen(tmp_path):
    store = LayoutStore.create(tmp_path)
    subject = push_manifest(store, blob(b"subject"))
    made = MemoryStore()
    referrer = push_manifest(made, subject=subject, artifact_type="a/b")
    assert store.referrers(subject) == []
    with made.fetch(referrer) as reader:
        (tmp_path / "blobs" / "sha256" / referrer.digest.encoded).write_bytes(reader.read())
    index = {"schemaVersion": 2, "manifests": [referrer.to_json()], "annotations": {"kept": "yes"}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert [entry.artifact_type for entry in store.referrers(subject)] == ["a/b"]
    store.tag(subject, "v1")
    assert json.loads((tmp_path / "index.json").read_text())["annotations"] == {"kept": "yes"}


def test_documents_are_read_once(tmp_path):
    store = LayoutStore.create(tmp_path)
    subject = push_manifest(store, blob(b"subject"))
    referrers = [push_manifest(store, subject=subject, annotations={"n": str(number)}) for number in range(5)]
    reading = Counting(tmp_path)
    for _ in range(3):
        assert len(reading.referrers(subject)) == 5
    assert sorted(reading.fetched) == sorted(referrer.digest for referrer in referrers)
    push_manifest(store, subject=subject, annotations={"n": "new"})
    assert len(reading.referrers(subject)) == 6
    assert len(reading.fetched) == 6


class Counting(LayoutStore):
    def __init__(self, root):
        super().__init__(root)
        self.fetched = []

    def fetch(self, descriptor, /):
        self.fetched.append(descriptor.digest)
        return super().fetch(descriptor)


def test_gathering_writes_once_and_sees_at_once(tmp_path):
    store = LayoutStore.create(tmp_path)
    with store.gathering(), store.gathering():
        subject = push_manifest(store, blob(b"subject"))
        store.tag(subject, "v1")
        referrer = push_manifest(store, subject=subject)
        store.tag(referrer, "v1")
        assert store.resolve("v1") == referrer
        assert [entry.digest for entry in store.referrers(subject)] == [referrer.digest]
        LayoutStore(tmp_path).tag(subject, "meanwhile")
        assert store.tags() == ["meanwhile", "v1"]
        assert LayoutStore(tmp_path).tags() == ["meanwhile"]
    assert LayoutStore(tmp_path).tags() == ["meanwhile", "v1"]
    assert len(entries(tmp_path)) == 3


def test_what_was_gathered_before_a_failure_is_written(tmp_path):
    store = LayoutStore.create(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.gathering():
        store.tag(push_manifest(store), "v1")
        raise KeyboardInterrupt
    assert LayoutStore(tmp_path).tags() == ["v1"]


def test_a_referrer_that_a_broken_run_did_not_list_is_listed_by_the_next(tmp_path):
    source, store = MemoryStore(), LayoutStore.create(tmp_path)
    subject = push_manifest(source, blob(b"subject"))
    push_manifest(source, subject=subject, artifact_type="a/b")
    copy_with_referrers(source, store, subject)
    (tmp_path / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')
    assert store.referrers(subject) == []
    copy_with_referrers(source, store, subject)
    assert [entry.artifact_type for entry in store.referrers(subject)] == ["a/b"]


def test_a_damaged_document_comes_again(tmp_path):
    source, store = MemoryStore(), LayoutStore.create(tmp_path)
    manifest = push_manifest(source, blob(b"layer"))
    copy(source, store, manifest)
    path = store.path_of(manifest.digest)
    path.write_bytes(b"x" * manifest.size)
    fresh = LayoutStore(tmp_path)
    assert not fresh.exists(manifest)
    copy(source, fresh, manifest)
    assert fresh.exists(manifest)
    assert Digest.of(path.read_bytes()) == manifest.digest


def test_a_list_that_nobody_could_read_is_not_written(tmp_path):
    store = LayoutStore.create(tmp_path)
    subject = push_manifest(store)
    before = (tmp_path / "index.json").read_bytes()
    with pytest.raises(ContentTooLarge, match="cannot list any more"), store.gathering():
        for number in range(3):
            push_manifest(store, subject=subject, annotations={"n": str(number), "text": "x" * 1_500_000})
    assert (tmp_path / "index.json").read_bytes() == before
    many = [replace(subject, annotations={"n": str(number)}) for number in range(10_001)]
    with pytest.raises(ContentTooLarge):
        store.replace_entries(many)
    store.replace_entries(many[1:])
    assert len(LayoutStore(tmp_path).entries()) == 10_000
    values = {str(number): "" for number in range(70_000)}
    with pytest.raises(ContentTooLarge):
        store.replace_entries([replace(subject, annotations=values)] * 3)


def test_many_referrers_are_listed_in_time(tmp_path):
    """Quadratic reading took minutes."""
    store = LayoutStore.create(tmp_path)
    subject = push_manifest(store)
    with store.gathering():
        for number in range(1000):
            push_manifest(store, subject=subject, annotations={"n": str(number)})
    fresh = Counting(tmp_path)
    for _ in range(1000):
        assert len(fresh.referrers(subject)) == 1000
    assert len(fresh.fetched) == 1000


def test_a_pipe_in_place_of_content_is_not_waited_for(tmp_path):
    store = LayoutStore.create(tmp_path)
    content = blob(b"content")
    content.push_to(store)
    path = store.path_of(content.descriptor.digest)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidDocument, match="not a file of a layout"):
        store.fetch(content.descriptor)
    assert not store.exists(content.descriptor)
    with pytest.raises(ContentNotFound):
        store.path_of(content.descriptor.digest)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    store = LayoutStore.create(tmp_path / "layout")
    (tmp_path / "layout" / ".index.lock").unlink()
    (tmp_path / "layout" / ".index.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match="could not be locked"):
        store.tag(push_manifest(store), "v1")
    assert not (tmp_path / "elsewhere").exists()


def test_a_store_keeps_one_file_open(tmp_path):
    store = LayoutStore.create(tmp_path)
    manifest = push_manifest(store)
    store.tag(manifest, "v0")
    for number in range(20):
        store.tag(manifest, f"v{number}")
        store.tags()
    assert open_files(tmp_path) == ["index.json"]
    del store
    assert open_files(tmp_path) == []


def open_files(folder):
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = handle.readlink()
            found += [target.name] if target.is_relative_to(folder) else []
    return found


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
