"""Several caches as one: what is found, what is believed, and what happens when one of them does not work."""

import io
import json
import os
import threading

import pytest

from registry.client import patience, transport
from registry.client.httpcache import HttpCache
from registry.client.repository import Repository
from registry.client.settings import Settings
from registry.client.transport import Transport
from registry.digest import Digest
from registry.model import OCI_MANIFEST, describe
from registry.stores.memory import MemoryStore
from registry.strictjson import canonical_json
from tests.client.flaky import flaky
from tests.client.scripted import Answer
from tests.contract.httpstore import http_store
from tests.contract.results import Heard, description, file, key_of, put
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.folder import FolderStore
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.member import MAX_DAMAGED
from wasmbuild.build.cache.store import ActionCache

WASM = b"\0asm\x01\0\0\0"


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def local(tmp_path):
    return ActionCache(FolderStore(tmp_path / "local", private=True), name="local", shared=False)


@pytest.fixture
def http(tmp_path):
    with http_store(tmp_path / "http") as store:
        yield store


def remote(http, **settings) -> ActionCache:
    return ActionCache(HttpCache.open(http.url, Settings(retry_for=0)), name="remote", **settings)


def restore(caches: Layered, key: ActionKey, destination, *, shared: bool = True) -> str | None:
    """What a build does: where the result came from, or None."""
    found = caches.find(key, ["out.wasm"], shared=shared)
    if found is None or not caches.fetch(found, found.output("out.wasm"), destination):
        return None
    return found.source


def keep(caches: Layered, folder, data=WASM, number=0, *, shared=True) -> ActionKey:
    caches.put(key_of(number), description(number), {"out.wasm": file(folder, data)}, shared=shared)
    return key_of(number)


def content_path(folder, data: bytes):
    encoded = Digest.of(data).encoded
    found = [path for path in folder.rglob(encoded) if path.is_file() or path.is_symlink()]
    assert len(found) == 1
    return found[0]


# -- what is found ------------------------------------------------------------------------------------------


def test_what_is_kept_is_found_with_its_bytes(local, heard, tmp_path):
    caches = Layered([local], heard)
    assert restore(caches, key_of(), tmp_path / "dist" / "a.wasm") is None
    key = keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "dist" / "a.wasm") == "local"
    assert (tmp_path / "dist" / "a.wasm").read_bytes() == WASM
    assert (tmp_path / "dist" / "a.wasm").stat().st_mode & 0o777 == 0o644
    assert restore(caches, key_of(1), tmp_path / "b.wasm") is None
    assert heard.texts() == []


def test_what_is_in_place_already_is_not_written_again(local, heard, tmp_path):
    caches, place = Layered([local], heard), tmp_path / "dist.wasm"
    key = keep(caches, tmp_path)
    restore(caches, key, place)
    before = place.stat()
    assert restore(caches, key, place) == "local"
    assert place.stat().st_ino == before.st_ino
    place.write_bytes(b"\0asm\x02\0\0\0")
    restore(caches, key, place)
    assert place.read_bytes() == WASM


def test_a_link_in_the_place_of_an_output_is_replaced_and_not_followed(local, heard, tmp_path):
    caches, place, other = Layered([local], heard), tmp_path / "dist.wasm", tmp_path / "other"
    other.write_bytes(WASM)
    place.symlink_to(other)
    restore(caches, keep(caches, tmp_path), place)
    assert not place.is_symlink()
    assert place.read_bytes() == WASM


def test_several_outputs_in_folders(local, heard, tmp_path):
    caches = Layered([local], heard)
    outputs = {name: file(tmp_path, name.encode(), name.replace("/", "-")) for name in ("a.wasm", "deep/er/b.wasm")}
    caches.put(key_of(), description(), outputs, shared=True)
    found = caches.find(key_of(), outputs, shared=True)
    for name in outputs:
        assert caches.fetch(found, found.output(name), tmp_path / "out" / name)
        assert (tmp_path / "out" / name).read_text() == name
    with pytest.raises(KeyError):
        found.output("c")


def test_the_description_of_what_was_made_can_be_read(local, heard, tmp_path):
    result = local.find(put(local, tmp_path))
    assert local.description(result) == description()


def test_a_key_that_is_not_of_the_description_is_a_mistake(local, tmp_path):
    with pytest.raises(ValueError, match="key"):
        local.put(key_of(1), description(), {"out.wasm": file(tmp_path)})


# -- several caches -----------------------------------------------------------------------------------------


def test_a_remote_result_is_then_on_this_machine(local, http, heard, tmp_path):
    key = put(remote(http), tmp_path)
    caches = Layered([local, remote(http, writable=False)], heard)
    assert restore(caches, key, tmp_path / "first") == "remote"
    asked = len(http.asked)
    assert restore(caches, key, tmp_path / "second") == "local"
    assert len(http.asked) == asked
    assert (tmp_path / "second").read_bytes() == WASM
    assert local.description(local.find(key)) == description()
    assert heard.texts() == []


def test_with_many_outputs_each_comes_once(local, http, heard, tmp_path):
    outputs = {name: file(tmp_path, name.encode() * 100, name) for name in ("a", "b", "c")}
    remote(http).put(key_of(), description(), outputs)
    caches = Layered([local, remote(http)], heard)
    found = caches.find(key_of(), outputs, shared=True)
    assert all(caches.fetch(found, found.output(name), tmp_path / "to" / name) for name in outputs)
    assert (tmp_path / "to" / "c").read_bytes() == b"c" * 100
    got = [asked for asked in http.asked if asked.startswith("GET cas/")]
    assert len(got) == len(set(got))


def test_a_local_result_is_given_to_those_that_are_written_to(local, http, heard, tmp_path):
    key = put(local, tmp_path)
    caches = Layered([local, remote(http, readable=False)], heard)
    assert restore(caches, key, tmp_path / "first") == "local"
    assert remote(http).find(key) is not None
    asked = len(http.asked)
    restore(caches, key, tmp_path / "again")
    assert len(http.asked) == asked


def test_what_depends_on_the_machine_stays_there(local, http, heard, tmp_path):
    caches = Layered([local, remote(http)], heard)
    key = keep(caches, tmp_path, shared=False)
    assert restore(caches, key, tmp_path / "out", shared=False) == "local"
    assert http.asked == []
    put(remote(http), tmp_path, number=1)
    http.server.asked.clear()
    assert restore(caches, key_of(1), tmp_path / "out", shared=False) is None
    assert http.asked == []


def test_one_that_is_not_to_be_written_to_is_not(http, heard, tmp_path):
    caches = Layered([remote(http, writable=False)], heard)
    keep(caches, tmp_path)
    assert http.asked == []


def test_a_registry_is_a_cache_for_a_fresh_clone(registry_address, repository_name, heard, tmp_path):
    def there() -> ActionCache:
        return ActionCache(Repository(Transport(registry_address), repository_name), name="registry")

    first = Layered([ActionCache(FolderStore(tmp_path / "mine"), name="local", shared=False), there()], heard)
    key = keep(first, tmp_path, WASM * 1000)
    fresh = Layered([ActionCache(FolderStore(tmp_path / "yours"), name="local", shared=False), there()], heard)
    assert restore(fresh, key, tmp_path / "out.wasm") == "registry"
    assert (tmp_path / "out.wasm").read_bytes() == WASM * 1000
    assert restore(fresh, key, tmp_path / "again.wasm") == "local"
    assert restore(fresh, key_of(1), tmp_path / "none") is None
    assert heard.texts() == []


def test_what_is_in_place_already_is_kept_on_this_machine_too(local, http, heard, tmp_path):
    key = put(remote(http), tmp_path)
    caches = Layered([local, remote(http)], heard)
    assert restore(caches, key, file(tmp_path, WASM, "there")) == "remote"
    assert restore(caches, key, tmp_path / "out") == "local"


# -- what is not believed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"\0asm\x02\0\0\0", b"", b"\0asm\x01\0\0\0\0"], ids=["other", "empty", "longer"])
def test_a_damaged_output_is_reported_removed_and_made_again(local, heard, tmp_path, damage):
    caches = Layered([local], heard)
    key = keep(caches, tmp_path)
    content_path(local.store.root, WASM).write_bytes(damage)
    assert restore(caches, key, tmp_path / "out") is None
    assert not (tmp_path / "out").exists()
    assert len(heard.texts()) == 1
    assert local.find(key) is None
    keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"
    assert len(heard.texts()) == 1


@pytest.mark.parametrize("damage", ["manifest", "pointer"])
def test_a_damaged_name_or_manifest_is_reported_removed_and_made_again(local, heard, tmp_path, damage):
    caches = Layered([local], heard)
    key = keep(caches, tmp_path)
    manifest = content_path(local.store.root, local.find(key).encoded)
    path = manifest if damage == "manifest" else local.store.root / "ac" / key.digest.encoded
    path.write_bytes(b"?" * path.stat().st_size)
    assert restore(caches, key, tmp_path / "out") is None
    assert len(heard.texts()) == 1
    keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"


def test_a_link_in_the_place_of_content_is_not_followed(local, heard, tmp_path):
    caches = Layered([local], heard)
    key = keep(caches, tmp_path)
    path = content_path(local.store.root, WASM)
    path.unlink()
    path.symlink_to(file(tmp_path, WASM, "elsewhere"))
    assert restore(caches, key, tmp_path / "out") is None
    assert heard.texts()
    keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"
    assert not path.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == WASM


def test_a_pipe_in_the_place_of_content_is_not_waited_for(local, heard, tmp_path):
    caches = Layered([local], heard)
    key = keep(caches, tmp_path)
    path = content_path(local.store.root, WASM)
    path.unlink()
    os.mkfifo(path)
    assert restore(caches, key, tmp_path / "out") is None


def test_content_that_is_gone_is_a_miss(local, heard, tmp_path):
    caches = Layered([local], heard)
    key = keep(caches, tmp_path)
    content_path(local.store.root, WASM).unlink()
    assert restore(caches, key, tmp_path / "out") is None
    assert heard.texts() == []
    keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"


def test_a_wrong_size_is_no_reason_to_lose_good_content(local, heard, tmp_path):
    caches = Layered([local], heard)
    keep(caches, tmp_path)
    value = json.loads(local.find(key_of()).encoded)
    value["layers"][0]["size"] += 1
    poison(local.store, key_of(), canonical_json(value))
    assert restore(caches, key_of(), tmp_path / "out") is None
    assert content_path(local.store.root, WASM).read_bytes() == WASM


def poison(store, key: ActionKey, data: bytes) -> None:
    """Put any bytes under a key."""
    manifest = describe(OCI_MANIFEST, data)
    if isinstance(store, FolderStore):
        store.push(manifest, lambda: io.BytesIO(data))
        store.tag(manifest, key.digest.encoded)
    else:
        path = store.folder / "cas" / manifest.digest.encoded
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        pointer = store.folder / "ac" / key.digest.encoded
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_bytes(canonical_json(manifest.to_json()))


def test_the_result_of_another_action_is_not_used(http, local, heard, tmp_path):
    put(remote(http), tmp_path)
    poison(http, key_of(1), remote(http).find(key_of()).encoded)
    assert restore(Layered([local, remote(http)], heard), key_of(1), tmp_path / "out") is None
    assert len(heard.texts()) == 1


def test_other_outputs_than_those_of_the_action_are_not_used(local, heard, tmp_path):
    local.put(key_of(), description(), {"other.wasm": file(tmp_path)})
    assert Layered([local], heard).find(key_of(), ["out.wasm"], shared=True) is None
    assert len(heard.texts()) == 1


def pointer(media_type: str, size: int, digest: str = f"sha256:{'0' * 64}") -> bytes:
    return json.dumps({"mediaType": media_type, "digest": digest, "size": size}).encode()


ANSWERS = {
    "a page": b"<html>welcome</html>",
    "a list": b"[]",
    "an empty object": b"{}",
    "nothing": b"",
    "no text": b"\xff",
    "deep": b"[" * 4000,
    "long": b"x" * 5_000_000,
    "no digest": pointer(OCI_MANIFEST, 1, "x"),
    "another type": pointer("text/html", 1),
    "a huge manifest": pointer(OCI_MANIFEST, 99_999_999_999),
    "another manifest": pointer(OCI_MANIFEST, 3),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_store_that_says_anything_is_a_miss(http, heard, tmp_path, answer):
    http.trouble = lambda asked: Answer(200, answer)
    assert restore(Layered([remote(http)], heard), key_of(), tmp_path / "out") is None
    assert len(heard.texts()) == 1


def test_one_that_lies_again_and_again_is_left_alone(http, heard, tmp_path):
    http.trouble = lambda asked: Answer(200, b"{}")
    caches = Layered([remote(http)], heard)
    for number in range(20):
        assert restore(caches, key_of(number), tmp_path / "out") is None
    assert len(http.asked) == MAX_DAMAGED
    assert len(heard.texts()) == MAX_DAMAGED + 1


def test_a_remote_that_gives_other_bytes_leaves_the_place_as_it_was(http, local, heard, tmp_path):
    key = put(remote(http), tmp_path)
    content_path(http.folder, WASM).write_bytes(b"\0asm\x02\0\0\0")
    place = file(tmp_path, b"as it was", "place")
    assert restore(Layered([local, remote(http)], heard), key, place) is None
    assert place.read_bytes() == b"as it was"
    assert local.find(key) is None


def test_what_another_cache_has_of_the_content_is_as_good(http, tmp_path, heard):
    folder = ActionCache(FolderStore(tmp_path / "shared"), name="folder")
    key = put(folder, tmp_path)
    put(remote(http), tmp_path)
    content_path(folder.store.root, WASM).write_bytes(b"\0asm\x02\0\0\0")
    assert restore(Layered([folder, remote(http)], heard), key, tmp_path / "out") == "folder"
    assert (tmp_path / "out").read_bytes() == WASM


# -- who is trusted -----------------------------------------------------------------------------------------


def signed(store, name="signed", word="ours", **settings) -> ActionCache:
    """A cache whose signatures are a word; that they are real ones is tested with the workflow."""
    return ActionCache(
        store,
        name=name,
        sign=lambda payload: {"sig": word + payload.decode()},
        trusted=lambda payload, signature: signature.get("sig") == "ours" + payload.decode(),
        **settings,
    )


def test_only_what_is_signed_is_used_where_that_is_asked(local, heard, tmp_path):
    put(local, tmp_path)
    strict = signed(local.store)
    assert restore(Layered([strict], heard), key_of(), tmp_path / "out") is None
    assert (heard.texts(), len(heard.texts("info"))) == ([], 1)
    put(strict, tmp_path)
    assert restore(Layered([strict], heard), key_of(), tmp_path / "out") == "signed"


def test_the_signature_of_another_or_of_something_else_does_not_count(local, heard, tmp_path):
    put(signed(local.store, word="theirs"), tmp_path)
    put(signed(local.store), tmp_path, b"other", number=1)
    value = json.loads(local.find(key_of(1)).encoded)
    value["layers"][0] |= {"digest": str(Digest.of(WASM)), "size": len(WASM)}
    poison(local.store, key_of(1), canonical_json(value))
    caches = Layered([signed(local.store)], heard)
    assert restore(caches, key_of(), tmp_path / "out") is None
    assert restore(caches, key_of(1), tmp_path / "out") is None
    assert heard.texts()


def test_a_signature_comes_along_to_this_machine(http, local, heard, tmp_path):
    put(signed(HttpCache.open(http.url, Settings())), tmp_path)
    caches = Layered([signed(local.store, "local", shared=False), signed(HttpCache.open(http.url, Settings()))], heard)
    assert restore(caches, key_of(), tmp_path / "one") == "signed"
    assert restore(caches, key_of(), tmp_path / "two") == "local"


# -- what fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 503, 401, 403, 302, 418])
def test_one_that_refuses_is_a_warning_once_and_left_alone(http, local, heard, tmp_path, status):
    http.trouble = lambda asked: Answer(status, b"no")
    caches = Layered([local, remote(http)], heard)
    for number in range(3):
        assert restore(caches, key_of(number), tmp_path / "out") is None
        keep(caches, tmp_path, number=number)
        assert restore(caches, key_of(number), tmp_path / "out") == "local"
    assert len(heard.texts()) == 1
    assert "remote" in heard.texts()[0]
    assert len(http.asked) == 1


def test_one_that_cannot_be_written_to_is_still_read(http, local, heard, tmp_path):
    put(remote(http), tmp_path, number=2)
    http.trouble = lambda asked: Answer(403) if asked.method == "PUT" else None
    caches = Layered([local, remote(http)], heard)
    keep(caches, tmp_path, number=0)
    keep(caches, tmp_path, number=1)
    assert restore(caches, key_of(2), tmp_path / "out") == "remote"
    assert len(heard.texts()) == 1
    assert len([asked for asked in http.asked if asked.startswith("PUT") and key_of(1).digest.encoded in asked]) == 0


def test_one_that_is_not_there_is_a_warning(local, heard, tmp_path):
    gone = ActionCache(HttpCache.open("http://127.0.0.1:1/x", Settings(retry_for=0)), name="gone")
    caches = Layered([local, gone], heard)
    key = keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"
    assert len(heard.texts()) == 1


def test_one_that_stalls_is_left_alone(http, local, heard, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "_TIMEOUT", (0.2, 0.2))
    http.trouble = lambda asked: Answer(200, b"slowly", drip=0.5)
    caches = Layered([local, remote(http)], heard)
    assert restore(caches, key_of(), tmp_path / "out") is None
    asked = len(http.asked)
    keep(caches, tmp_path)
    assert len(http.asked) == asked
    assert len(heard.texts()) == 1


def test_one_that_cuts_what_it_gives_is_left_alone(http, local, heard, tmp_path):
    key = put(remote(http), tmp_path, WASM * 1000)
    place = file(tmp_path, b"as it was", "place")

    def cut(asked):
        if asked.method == "GET" and "cas/" in asked.path and Digest.of(WASM * 1000).encoded in asked.path:
            return Answer(200, WASM * 1000, {"Content-Length": str(len(WASM) * 1000)}, cut=100)
        return None

    http.trouble = cut
    assert restore(Layered([local, remote(http)], heard), key, place) is None
    assert place.read_bytes() == b"as it was"
    assert len(heard.texts()) == 1


def test_a_cut_is_made_up_for(registry_address, repository_name, local, heard, tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "pause", lambda seconds: None)
    data = os.urandom(300_000)
    key = put(ActionCache(Repository(Transport(registry_address), repository_name), name="x"), tmp_path, data)
    with flaky(registry_address, "down", 100_000) as proxy:
        far = ActionCache(Repository(Transport(proxy.address), repository_name), name="far")
        assert restore(Layered([local, far], heard), key, tmp_path / "out") == "far"
        assert proxy.left == 0
    assert (tmp_path / "out").read_bytes() == data
    assert heard.texts() == []


def test_a_remote_that_fails_while_it_is_copied_is_not_this_machines_fault(http, local, heard, tmp_path):
    key = put(remote(http), tmp_path)
    encoded = key.digest.encoded
    http.trouble = lambda asked: Answer(500) if asked.path.endswith(f"cas/{encoded}") else None
    caches = Layered([local, remote(http)], heard)
    assert restore(caches, key, tmp_path / "out") == "remote"
    assert local.find(key) is None
    keep(caches, tmp_path, number=1)
    assert local.find(key_of(1)) is not None


def test_a_folder_that_cannot_be_made_is_a_warning(heard, tmp_path):
    file(tmp_path, b"in the way", "cache")
    caches = Layered([ActionCache(FolderStore(tmp_path / "cache"), name="local", shared=False)], heard)
    for number in range(3):
        assert restore(caches, key_of(number), tmp_path / "out") is None
        keep(caches, tmp_path, number=number)
    assert len(heard.texts()) == 1


def test_an_output_that_is_not_there_is_a_warning(local, heard, tmp_path):
    Layered([local], heard).put(key_of(), description(), {"out.wasm": tmp_path / "none"}, shared=True)
    assert local.find(key_of()) is None
    assert len(heard.texts()) == 1


def test_too_large_a_description_is_a_warning_and_nothing_else_suffers(local, heard, tmp_path):
    caches = Layered([local], heard)
    large = description(files={"a": "x" * 9_000_000})
    caches.put(ActionKey.of(large), large, {"out.wasm": file(tmp_path)}, shared=True)
    assert len(heard.texts()) == 1
    key = keep(caches, tmp_path)
    assert restore(caches, key, tmp_path / "out") == "local"


def test_any_store_of_content_will_do(heard, tmp_path):
    caches = Layered([ActionCache(MemoryStore(), name="memory")], heard)
    assert restore(caches, keep(caches, tmp_path), tmp_path / "out") == "memory"


def test_many_at_once(local, http, heard, tmp_path):
    caches, wrong = Layered([local, remote(http)], heard), []

    def work(worker: int) -> None:
        for number in range(6):
            data = WASM + bytes([number])
            if restore(caches, key_of(number), tmp_path / f"{worker}-{number}") is None:
                keep(caches, tmp_path / str(worker), data, number)
                restore(caches, key_of(number), tmp_path / f"{worker}-{number}")
            if (tmp_path / f"{worker}-{number}").read_bytes() != data:
                wrong.append((worker, number))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert heard.texts() == []
    assert list((local.store.root / "partial").iterdir()) == []
