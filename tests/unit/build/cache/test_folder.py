"""The cache of this machine: how much of it there is, and removing what was not used for longest."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.digest import Digest
from registry.model import TITLE
from tests.contract.results import Heard, description, file, key_of, put
from tests.server.faults.disks import small_disk
from wasmbuild.build.cache import housekeeping
from wasmbuild.build.cache.folder import FolderStore, fault_of
from wasmbuild.build.cache.housekeeping import IDLE, prune, uses
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.parts import ACTIONS, parts_of, prune_all, prune_parts
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.caches import Caches

CHECKOUT = Path(__file__).parents[4]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache" / ACTIONS


@pytest.fixture
def cache(root):
    return ActionCache(FolderStore(root, private=True), name="local", shared=False)


def aged(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment), follow_symlinks=False)


def age(root: Path, number: int, seconds: float) -> None:
    """Let a result be one that was used so long ago, with all its content."""
    pointer = root / "ac" / key_of(number).digest.encoded
    aged(pointer, seconds)


def age_content(root: Path, seconds: float) -> None:
    for path in (root / "cas").rglob("*"):
        aged(path, seconds)


def filled(cache: ActionCache, root: Path, tmp_path: Path, count: int = 4) -> None:
    """So many results with a megabyte each, the later ones used later."""
    for number in range(count):
        put(cache, tmp_path, bytes([number]) * 1_000_000, number)
        age(root, number, 10_000 - number * 1000)


def kept(cache: ActionCache, count: int = 4) -> list[int]:
    return [number for number in range(count) if (cache.store.root / "ac" / key_of(number).digest.encoded).exists()]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_is_there_is_counted_once(cache, root, tmp_path):
    filled(cache, root, tmp_path)
    put(cache, tmp_path, bytes([0]) * 1_000_000, 9)
    found = uses(root)
    assert sum(use.size for use in found) == sum(path.stat().st_size for path in files(root))
    assert [use.size > 1_000_000 for use in found] == [True, True, True, True, False]


def test_what_was_used_last_stays(cache, root, tmp_path):
    filled(cache, root, tmp_path)
    assert prune(root, max_bytes=2_500_000).count == 2
    assert kept(cache) == [2, 3]
    assert sum(path.stat().st_size for path in files(root)) < 2_500_000
    assert cache.find(key_of(3)) is not None


def test_using_something_makes_it_stay(cache, root, tmp_path):
    filled(cache, root, tmp_path)
    cache.find(key_of(0))
    prune(root, max_bytes=1_500_000)
    assert kept(cache) == [0]


def test_what_is_old_goes(cache, root, tmp_path):
    filled(cache, root, tmp_path)
    assert prune(root, older_than=8500).count == 2
    assert kept(cache) == [2, 3]
    assert prune(root, older_than=8500).count == 0


def test_content_that_others_need_stays(cache, root, tmp_path):
    put(cache, tmp_path, b"the same", 0)
    put(cache, tmp_path, b"the same", 1)
    age(root, 0, 10_000)
    prune(root, older_than=5000)
    cache.fetch(cache.find(key_of(1)).outputs[0], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"the same"


def test_content_that_nobody_needs_goes_once_it_is_idle(cache, root, tmp_path):
    put(cache, tmp_path)
    (root / "ac" / key_of().digest.encoded).unlink()
    (root / "partial" / ".left-behind").write_bytes(b"half")
    before = files(root)
    assert prune(root, max_bytes=10**9).size == 0
    assert files(root) == before
    age_content(root, IDLE + 60)
    aged(root / "partial" / ".left-behind", IDLE + 60)
    assert prune(root, max_bytes=10**9).size > 0
    assert files(root) == []


def test_a_name_that_means_nothing_goes(cache, root, tmp_path):
    put(cache, tmp_path)
    (root / "ac" / key_of(1).digest.encoded).write_bytes(b"?")
    (root / "ac" / key_of(2).digest.encoded).symlink_to("/etc/passwd")
    assert prune(root, max_bytes=10**9).count == 1
    assert kept(cache)[0] == 0
    assert Path("/etc/passwd").exists()


def test_a_reader_is_not_disturbed(cache, root, tmp_path):
    put(cache, tmp_path, b"x" * 3_000_000)
    with cache.store.fetch(cache.find(key_of()).outputs[0].descriptor) as reader:
        reader.read(10)
        prune(root, max_bytes=0)
        assert sum(map(len, reader)) == 3_000_000 - 10
    heard = Heard()
    assert Layered([cache], heard).find(key_of(), ["out.wasm"], shared=True) is None
    assert heard.texts() == []


def test_a_writer_is_not_disturbed(cache, root, tmp_path):
    """What it found to be there, and so did not write, is not taken away before it has written the name."""
    result = cache.put(key_of(), description(), {"out.wasm": file(tmp_path)})
    (root / "ac" / key_of().digest.encoded).unlink()
    age_content(root, IDLE + 60)
    for each in (result.description, result.manifest, result.outputs[0].descriptor):
        assert cache.store.exists(each)
    prune(root, max_bytes=10**9)
    cache.store.tag(result.manifest, key_of().digest.encoded)
    cache.fetch(cache.find(key_of()).outputs[0], tmp_path / "out")


def test_what_is_used_while_a_prune_looks_around_stays(cache, root, tmp_path, monkeypatch):
    put(cache, tmp_path)
    age(root, 0, 10_000)
    look = housekeeping._entries

    def slowly(root):
        found = look(root)
        cache.find(key_of())
        return found

    monkeypatch.setattr(housekeeping, "_entries", slowly)
    assert prune(root, older_than=5000).count == 0
    cache.fetch(cache.find(key_of()).outputs[0], tmp_path / "out")


def test_nothing_is_there_to_prune(root):
    assert prune(root, max_bytes=0).count == 0
    assert uses(root) == ()
    assert not root.exists()


def test_it_is_its_owners_alone(cache, root, tmp_path):
    put(cache, tmp_path)
    assert root.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(root)} == {0o600}
    assert fault_of(root) is None
    assert fault_of(root / "none") is None
    root.chmod(0o770)
    assert fault_of(root) is not None
    assert fault_of(files(root)[0]) is not None


def test_a_full_disk_is_a_warning_and_leaves_no_half_file(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place, "2m") as disk:
        root = disk.outside / ACTIONS
        cache = ActionCache(FolderStore(root, private=True), name="local", shared=False)
        heard = Heard()
        caches = Layered([cache], heard)
        caches.put(key_of(), description(), {"out.wasm": file(tmp_path)}, shared=True)
        large = file(tmp_path, os.urandom(4_000_000), "large")
        for number in (1, 2):
            caches.put(key_of(number), description(number), {"out.wasm": large}, shared=True)
        assert len(heard.texts()) == 1
        assert "No space left" in heard.texts()[0]
        assert list((root / "partial").iterdir()) == []
        assert caches.find(key_of(1), ["out.wasm"], shared=True) is None
        assert caches.find(key_of(), ["out.wasm"], shared=True) is not None
        assert prune(root, max_bytes=0).count == 1


WRITER = """
import sys
from pathlib import Path
from tests.contract.results import put
from wasmbuild.build.cache.folder import FolderStore
from wasmbuild.build.cache.housekeeping import prune
from wasmbuild.build.cache.store import ActionCache
root, mine = Path(sys.argv[1]), Path(sys.argv[2])
cache = ActionCache(FolderStore(root, private=True), name="local", shared=False)
for number in range(40):
    put(cache, mine, b"%d" % number * 1000, number)
    if number % 10 == 9 and sys.argv[3] == "prunes":
        prune(root, max_bytes=30_000)
"""


def test_processes_write_and_prune_at_once(root, tmp_path):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), str(tmp_path / str(number)), "prunes" if number == 0 else ""],
            cwd=CHECKOUT,
        )
        for number in range(3)
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0]
    cache, heard = ActionCache(FolderStore(root), name="local", shared=False), Heard()
    caches = Layered([cache], heard)
    there = [caches.find(key_of(number), ["out.wasm"], shared=True) for number in range(40)]
    for number, found in enumerate(there):
        if found is not None and caches.fetch(found, found.output("out.wasm"), tmp_path / "out"):
            assert (tmp_path / "out").read_bytes() == b"%d" % number * 1000
    assert any(there)
    assert heard.texts() == []


# -- all parts ----------------------------------------------------------------------------------------------


@pytest.fixture
def caches(cache, root, tmp_path):
    """A cache with something in every part."""
    put(cache, tmp_path, b"w" * 1000)
    whole = Caches(root.parent)
    for name, age_of in (("kept/old", 90_000), ("kept/new", 0), ("zig/o/a", 50_000), ("aot/x", 80_000)):
        path = whole.root / name / "file" if name != "aot/x" else whole.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"k" * 2000)
        for each in (path, *path.parents[: len(Path(name).parts)]):
            aged(each, age_of)
    for name in ("tools/zig", "work/draft", "warm"):
        (whole.root / name).mkdir(parents=True)
    (whole.root / "tools" / "zig" / "zig").write_bytes(b"z" * 1000)
    (whole.root / "kept" / "old.lock").write_bytes(b"")
    (whole.root / "linked").symlink_to(tmp_path)
    return whole


def names(caches: Caches) -> set[str]:
    return {path.name for folder in ("", "kept", "aot") for path in (caches.root / folder).glob("*")}


def test_every_part_has_its_size(caches):
    found = {part.name: (len(part.items), part.size) for part in parts_of(caches)}
    assert found.pop(ACTIONS)[0] == 1
    assert found == {"aot": (1, 2000), "kept": (2, 4000), "zig": (1, 2000)}


def test_what_was_not_used_for_long_goes_from_every_part(caches, root):
    age(root, 0, 100_000)
    gone = prune_parts(caches, older_than=60_000)
    assert {name: each.count for name, each in gone.items()} == {ACTIONS: 1, "kept": 1, "aot": 1}
    assert names(caches) & {"old", "new", "x", "zig", "tools", "linked"} == {"new", "zig", "tools", "linked"}


def test_of_all_parts_the_least_recently_used_goes_first(caches):
    total = sum(part.size for part in parts_of(caches))
    gone = prune_parts(caches, max_bytes=total - 3000)
    assert {name: each.size for name, each in gone.items()} == {"kept": 2000, "aot": 2000}


def test_what_a_build_may_be_using_stays(caches, root):
    prune_parts(caches, max_bytes=0)
    assert "new" in names(caches)
    assert not (root / "ac" / key_of().digest.encoded).exists()


def test_all_of_it_goes_but_the_compilers(caches, tmp_path):
    sealed = caches.root / "kept" / "new"
    (sealed / "file").chmod(0o444)
    sealed.chmod(0o555)
    gone = prune_all(caches)
    assert set(gone) == {ACTIONS, "kept", "aot", "zig"}
    assert names(caches) & {"old", "new", "x", "zig", "warm"} == set()
    assert (caches.root / "tools" / "zig" / "zig").exists()
    assert (caches.root / "work" / "draft").exists()
    assert list(tmp_path.iterdir())
    assert prune_all(caches) == {}


def test_what_a_broken_prune_left_goes(caches):
    left = caches.root / "kept" / ".removed-old"
    left.mkdir()
    prune_parts(caches, older_than=10**6)
    assert not left.exists()


def test_titles_are_those_of_oci(cache, root, tmp_path):
    result = cache.put(key_of(), description(), {"out.wasm": file(tmp_path)})
    assert f'"{TITLE}":"out.wasm"'.encode() in result.encoded
    assert Digest.of(result.encoded) == result.manifest.digest
