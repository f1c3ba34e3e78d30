import os
import stat
import time

import pytest

from tests.unit.run.core_guests import command, component, exits, program
from wasmbuild.run import engine
from wasmbuild.run.cache import CodeCache
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.sandbox import run

TIMED = GuestLimits(seconds=60)


def codes(cache):
    return sorted(path for path in cache.iterdir() if path.suffix != ".seal")


@pytest.mark.parametrize("wat", [exits(7), component("i32.const 1")], ids=["module", "component"])
def test_a_warm_cache_gives_the_same(tmp_path, wat):
    cache, guest = tmp_path / "cache" / "aot", program(wat)
    notes = []
    first = run(guest, ["guest"], cache=cache, notify=notes.append)
    (entry,) = codes(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    written = [(each.stat().st_mtime_ns, each.stat().st_ino) for each in sorted(cache.iterdir())]
    assert run(guest, ["guest"], cache=cache, notify=notes.append) == first
    assert [(each.stat().st_mtime_ns, each.stat().st_ino) for each in sorted(cache.iterdir())] == written
    assert notes == []


def test_settings_and_contents_do_not_share_compiled_code(tmp_path):
    cache = tmp_path / "aot"
    run(program(exits(1)), [], cache=cache)
    run(program(exits(2)), [], cache=cache)
    run(program(exits(2)), [], cache=cache, limits=TIMED)
    assert len(codes(cache)) == 3


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:100], lambda data: data[:-1] + b"\0\0", lambda data: b"x" * len(data)],
    ids=["empty", "cut", "longer", "nonsense"],
)
def test_damaged_code_is_compiled_again(tmp_path, damage):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert run(guest, [], cache=cache) == 7
    assert len(entry.read_bytes()) == len(whole)


def test_code_that_the_engine_does_not_take_is_compiled_again(tmp_path):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    whole = entry.read_bytes()
    CodeCache(cache).store(entry.name, b"well sealed, but no code")
    assert run(guest, [], cache=cache) == 7
    assert len(entry.read_bytes()) == len(whole)


def test_a_folder_that_others_can_enter_is_not_used(tmp_path):
    cache = tmp_path / "aot"
    cache.mkdir(mode=0o755)
    notes = []
    assert run(program(exits(7)), [], cache=cache, notify=notes.append) == 7
    assert "only its owner" in notes[0].text
    assert list(cache.iterdir()) == []


def test_a_link_in_place_of_the_folder_is_not_used(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "aot").symlink_to(tmp_path / "real")
    assert run(program(exits(7)), [], cache=tmp_path / "aot") == 7
    assert list((tmp_path / "real").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_not_used(tmp_path):
    (tmp_path / "aot").write_text("mine")
    notes = []
    assert run(program(exits(7)), [], cache=tmp_path / "aot", notify=notes.append) == 7
    assert len(notes) == 1


def test_code_that_was_damaged_and_sealed_is_not_used_either(tmp_path):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    times = entry.stat()
    entry.write_bytes(b"x" * times.st_size)
    os.utime(entry, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(guest, [], cache=cache) == 7
    assert entry.read_bytes()[:4] == b"\x7fELF"


def test_code_that_was_copied_is_looked_at_once_more(tmp_path):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    data = entry.read_bytes()
    entry.unlink()
    entry.write_bytes(data)
    entry.chmod(0o600)
    notes = []
    inode = entry.stat().st_ino
    assert run(guest, [], cache=cache, notify=notes.append) == 7
    assert (entry.stat().st_ino, notes) == (inode, [])
    assert str(inode) in entry.with_name(entry.name + ".seal").read_text()


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_code_that_others_may_touch_is_not_used(tmp_path, mode):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    entry.chmod(mode)
    inode = entry.stat().st_ino
    assert run(guest, [], cache=cache) == 7
    assert entry.stat().st_ino != inode
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def test_a_link_in_place_of_the_code_is_not_followed(tmp_path):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert run(guest, [], cache=cache) == 7
    assert not entry.is_symlink()


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = CodeCache(tmp_path / "aot", max_bytes=250)
    for key in ("first", "second"):
        cache.store(key, b"x" * 100)
    os.utime(tmp_path / "aot" / "second.seal", (1, 1))
    cache.store("third", b"x" * 100)
    assert [path.name for path in codes(tmp_path / "aot")] == ["first", "third"]
    assert len(list((tmp_path / "aot").iterdir())) == 4
    cache.store("too large", b"x" * 300)
    assert [path.name for path in codes(tmp_path / "aot")] == ["too large"]


def test_what_nobody_can_use_goes_after_a_day(tmp_path):
    cache = CodeCache(tmp_path / "aot")
    cache.store("one", b"x")
    for name, age in (("old", 2), ("new", 0)):
        (tmp_path / "aot" / name).write_bytes(b"x")
        os.utime(tmp_path / "aot" / name, (time.time() - age * 86400,) * 2)
    cache.store("two", b"x")
    assert [path.name for path in codes(tmp_path / "aot")] == ["new", "one", "two"]


def test_use_is_noted_once_a_day(tmp_path):
    cache = CodeCache(tmp_path / "aot")
    cache.store("one", b"x")
    seal = tmp_path / "aot" / "one.seal"
    for seconds, touched in ((3600, False), (100_000, True)):
        before = time.time() - seconds
        os.utime(seal, (before, before))
        with cache.opened("one") as path:
            assert path is not None
        assert (seal.stat().st_mtime > before + 1) is touched


def test_machines_and_versions_do_not_share_code(tmp_path, monkeypatch):
    cache, guest = tmp_path / "aot", program(exits(7))
    run(guest, [], cache=cache)
    monkeypatch.setattr(engine, "engine_version", lambda: "49.0.0")
    run(guest, [], cache=cache)
    monkeypatch.setattr(engine, "_processor", lambda: "fpu sse")
    run(guest, [], cache=cache)
    assert len(codes(cache)) == 3


def test_the_engine_has_a_version():
    import importlib.metadata

    assert engine.engine_version() == importlib.metadata.version("wasmtime")


def test_every_kind_of_code_is_kept_apart_and_found_again(tmp_path):
    cache, guest = tmp_path / "aot", program(command(""))
    each = [
        GuestLimits(),
        TIMED,
        GuestLimits(fuel=1000),
        GuestLimits(memory_bytes=1024**2),
        GuestLimits(stack_bytes=1024**2),
    ]
    for _ in range(2):
        for limits in each:
            assert run(guest, [], cache=cache, limits=limits) == 0
    assert len(codes(cache)) == 4


def test_a_cache_that_cannot_be_written_says_why_and_not_how(tmp_path):
    cache, guest, notes = tmp_path / "aot", program(exits(7)), []
    run(guest, [], cache=cache)
    (entry,) = codes(cache)
    entry.unlink()
    entry.mkdir()
    assert run(guest, [], cache=cache, notify=notes.append) == 7
    assert [note.text for note in notes] == [
        f"compiled code could not be kept: {cache} could not be written: Is a directory"
    ]
