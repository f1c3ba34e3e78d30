"""With the real compiler, provisioned into the user's real cache: minutes the first time, then fast."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from registry.errors import StorageFailed
from registry.stores.layout import LayoutStore
from wasmbuild.build.action import ActionKey
from wasmbuild.build.tool import Artifact, ToolPin, Wheels
from wasmbuild.caches import Caches
from wasmbuild.errors import (
    CapabilityDenied,
    CompilationFailed,
    ExitCode,
    Failure,
    InvalidProject,
    NoProject,
    ToolchainMissing,
    ToolFailed,
    UsageFailed,
)
from wasmbuild.events import Event, Note, Sink, Step, ignore
from wasmbuild.lock import LOCK_FILE, lock_tools
from wasmbuild.project import load
from wasmbuild.wasm.editing.metadata import read_metadata
from wasmbuild.workflows.build import Built, Setting, build, build_all
from wasmbuild.workflows.clean import clean
from wasmbuild.workflows.new import new
from wasmbuild.workflows.options import BuildOptions

PROJECTS = Path(__file__).parents[1] / "projects"

pytestmark = pytest.mark.timeout(600)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def cache() -> Caches:
    return Caches.of_user()


def hello(folder: Path) -> Path:
    new("c-cli", folder, name="hello")
    return folder


def project(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECTS / name, tmp_path / name))


def compiled(root: Path, cache: Caches, sink: Sink = ignore, **options: Any) -> Built:
    return build(root, BuildOptions(**options), Setting(cache, os.environ, sink))[-1]


def run_wasm(file: Path, *arguments: str, out: Path) -> tuple[int, str]:
    engine = wasmtime.Engine()
    wasi = wasmtime.WasiConfig()
    wasi.argv = [file.name, *arguments]
    wasi.stdout_file = wasi.stderr_file = str(out)
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    store.set_wasi(wasi)
    linker.define_wasi()
    exports = linker.instantiate(store, wasmtime.Module.from_file(engine, str(file))).exports(store)
    start = exports["_start"]
    assert isinstance(start, wasmtime.Func)
    try:
        start(store)
        code = 0
    except wasmtime.ExitTrap as end:
        code = end.code
    store.close()
    return code, out.read_text()


def test_the_template_greets_with_the_right_codes(tmp_path: Path, cache: Caches) -> None:
    events: list[Event] = []
    root = hello(tmp_path / "hello")
    result = compiled(root, cache, events.append)
    assert result.wasm_path == root / "dist" / "hello.wasm"
    assert names(root / "dist") == ["hello.wasm", "oci"]
    assert result.wasm_path.stat().st_mode & 0o777 == 0o644
    assert (root / LOCK_FILE).exists()
    assert Note("info", "hello: c: 1 C file named in wasmbuild.toml") in events
    assert [event.seconds is None for event in events if isinstance(event, Step)][-2:] == [True, False]

    out = tmp_path / "out"
    assert run_wasm(result.wasm_path, "Ada", out=out) == (0, "Hello, Ada, from WebAssembly!\n")
    assert run_wasm(result.wasm_path, out=out) == (0, "Hello, world, from WebAssembly!\n")
    assert run_wasm(result.wasm_path, "a", "b", out=out) == (2, "usage: hello [NAME | -]\n")


def test_two_folders_give_the_same_bytes_and_key(tmp_path: Path, cache: Caches) -> None:
    one = compiled(hello(tmp_path / "one"), cache)
    two = compiled(hello(tmp_path / "deeper" / "two"), cache)
    assert one.wasm_path.read_bytes() == two.wasm_path.read_bytes()
    assert one.action_key == two.action_key
    data = one.wasm_path.read_bytes()
    assert os.fsencode(tmp_path) not in data
    assert os.fsencode(cache.root) not in data


def test_a_change_gives_another_key(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    keys: set[ActionKey] = {compiled(root, cache).action_key}
    (root / "src" / "unused.h").write_text("// read by nobody yet\n")
    keys.add(compiled(root, cache).action_key)
    (root / "README.md").write_text("not an input\n")
    keys.add(compiled(root, cache).action_key)
    assert len(keys) == 2


def test_a_folder_of_sources_is_a_project(tmp_path: Path, cache: Caches) -> None:
    root = project("inferred", tmp_path)
    result = compiled(root, cache)
    found = result.compiled.planned.part.project
    assert (found.name, found.version, found.inferred) == ("inferred", "0.0.0", True)
    assert run_wasm(result.wasm_path, out=tmp_path / "out") == (3, "inferred\n")


def test_a_relative_folder(tmp_path: Path, cache: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project("inferred", tmp_path))
    assert compiled(Path(), cache).wasm_path == tmp_path / "inferred" / "dist" / "inferred.wasm"


@pytest.mark.parametrize(
    ("name", "said"), [("compiles-not", "main.c:4:12: error: use of undeclared identifier"), ("links-not", "missing")]
)
def test_sources_that_do_not_build(tmp_path: Path, cache: Caches, name: str, said: str) -> None:
    root = project(name, tmp_path)
    (root / "dist").mkdir()
    (root / "dist" / f"{name}.wasm").write_text("from before")
    with pytest.raises(CompilationFailed) as caught:
        compiled(root, cache)
    assert said in str(caught.value.cause)
    assert names(root / "dist") == [f"{name}.wasm"]
    assert (root / "dist" / f"{name}.wasm").read_text() == "from before"


def test_an_interrupt_leaves_nothing(tmp_path: Path, cache: Caches) -> None:
    root = project("compiles-not", tmp_path)

    def interrupt(event: Event) -> None:
        if not isinstance(event, (Note, Step)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compiled(root, cache, interrupt)
    assert not (root / "dist").exists()


def test_an_empty_folder_is_no_project(tmp_path: Path, cache: Caches) -> None:
    with pytest.raises(NoProject):
        compiled(tmp_path, cache)
    with pytest.raises(NoProject):
        compiled(tmp_path / "missing", cache)
    assert names(tmp_path) == []


@pytest.mark.parametrize("build", ["", '[build]\nlanguage = "c"\n'])
def test_a_project_without_sources(tmp_path: Path, cache: Caches, build: str) -> None:
    (tmp_path / "wasmbuild.toml").write_text(f'[project]\nname = "a"\nversion = "1.0.0"\n{build}')
    with pytest.raises(NoProject):
        compiled(tmp_path, cache)
    assert names(tmp_path) == ["wasmbuild.toml"]


def test_a_language_that_is_not_known(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    text = (root / "wasmbuild.toml").read_text()
    (root / "wasmbuild.toml").write_text(text.replace('language = "c"', 'language = "cobol"'))
    with pytest.raises(InvalidProject, match="'cobol' is not one that wasmbuild compiles"):
        compiled(root, cache)


def test_flags_reach_the_compiler(tmp_path: Path, cache: Caches) -> None:
    (tmp_path / "main.c").write_text("int main(void) {\n    return CODE;\n}\n")
    (tmp_path / "wasmbuild.toml").write_text(
        '[project]\nname = "a"\nversion = "1.0.0"\n[build]\nflags = ["-DCODE=5"]\n'
    )
    assert run_wasm(compiled(tmp_path, cache).wasm_path, out=tmp_path / "out") == (5, "")


def test_a_compiler_that_ends_well_and_writes_nothing(tmp_path: Path, cache: Caches) -> None:
    root = project("inferred", tmp_path)
    (root / "wasmbuild.toml").write_text('[project]\nname = "a"\nversion = "1.0.0"\n[build]\nflags = ["--version"]\n')
    with pytest.raises(ToolFailed, match=r"wrote no a\.wasm"):
        compiled(root, cache)


def test_a_dist_that_is_a_file(tmp_path: Path, cache: Caches) -> None:
    root = project("inferred", tmp_path)
    (root / "dist").write_text("mine")
    with pytest.raises(StorageFailed):
        compiled(root, cache)
    assert (root / "dist").read_text() == "mine"


def test_the_lock_decides_what_is_provisioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = hello(tmp_path / "hello")
    wheel = Artifact("ziglang-0.0.1-py3-none-any.whl", "0" * 64)
    lock_tools(root, [ToolPin("zig", "ziglang", "0.0.1", Wheels((wheel,)))])
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    with pytest.raises(ToolchainMissing, match=r"ziglang==0\.0\.1"):
        compiled(root, Caches(tmp_path / "cache"))
    assert not (root / "dist").exists()


def test_the_first_build_says_that_it_takes_long(tmp_path: Path, cache: Caches) -> None:
    root = project("compiles-not", tmp_path)
    fresh = Caches(tmp_path / "cache")
    fresh.root.mkdir()
    compiled(hello(tmp_path / "hello"), cache)  # tool and libc are there, and that they are is not known
    for folder in ("tools", "zig"):
        (fresh.root / folder).symlink_to(cache.root / folder)
    events: list[Event] = []
    with pytest.raises(CompilationFailed):
        compiled(root, fresh, events.append)
    assert any(isinstance(event, Note) and "building libc" in event.text for event in events)
    events.clear()
    compiled(tmp_path / "hello", cache, events.append, no_cache=True)
    assert not any(isinstance(event, Note) and "building libc" in event.text for event in events)


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path, cache: Caches) -> None:
    root = project("compiles-not", tmp_path)
    (root / "dist" / ".building-dead" / "deep").mkdir(parents=True)
    (root / "dist" / ".building-dead" / "deep" / "half.o").write_text("half")
    with pytest.raises(CompilationFailed):
        compiled(root, cache)
    assert names(root / "dist") == []


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note) and event.level == "warning"]


def test_a_cache_that_cannot_be_marked_is_a_warning(tmp_path: Path, cache: Caches) -> None:
    broken = Caches(tmp_path / "cache")
    broken.root.mkdir()
    for folder in ("tools", "zig"):
        (broken.root / folder).symlink_to(cache.folder(folder))
    (broken.root / "warm").write_text("in the way")
    events: list[Event] = []
    result = compiled(hello(tmp_path / "hello"), broken, events.append)
    assert names(result.wasm_path.parent) == ["hello.wasm", "oci"]
    (said,) = warnings(events)
    assert said.startswith(f"the cache could not be written: {broken.root / 'warm'}")


def test_a_compilers_cache_that_cannot_be_used_is_a_warning(tmp_path: Path, cache: Caches) -> None:
    broken = Caches(tmp_path / "cache")
    broken.root.mkdir()
    (broken.root / "tools").symlink_to(cache.folder("tools"))
    (broken.root / "zig").mkdir()
    (broken.root / "zig" / "libraries").symlink_to(cache.folder("zig/libraries"))
    (broken.root / "zig" / "objects").write_text("in the way")
    events: list[Event] = []
    result = compiled(hello(tmp_path / "hello"), broken, events.append)
    assert names(result.wasm_path.parent) == ["hello.wasm", "oci"]
    (said,) = warnings(events)
    assert said.startswith(f"the cache is not used: {broken.root / 'zig' / 'objects'}/")


def test_the_project_is_loaded_from_where_it_is(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    assert compiled(root, cache).compiled.planned.part.project == load(root)


def cases(tmp_path: Path, toml: str = "") -> Path:
    """A project of two C programs and what they share."""
    (tmp_path / "src").mkdir(parents=True)
    for name, code in (("one", 1), ("two", 2)):
        (tmp_path / "src" / f"{name}.c").write_text(f"int main(void) {{\n    return {code};\n}}\n")
    targets = "".join(f'[target.{name}]\nsources = ["src/{name}.c"]\n' for name in ("one", "two"))
    (tmp_path / "wasmbuild.toml").write_text(f'[project]\nname = "both"\nversion = "1.0.0"\n{toml}{targets}')
    return tmp_path


def all_of(root: Path, cache: Caches, sink: Sink = ignore, **options: Any) -> dict[str, Built]:
    return {each.label: each for each in build(root, BuildOptions(**options), Setting(cache, os.environ, sink))}


def test_what_is_as_it_was_is_left_alone(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    first = compiled(root, cache)
    before = first.wasm_path.stat()
    events: list[Event] = []
    second = compiled(root, cache, events.append)
    assert (second.compiled.source, second.manifest) == ("unchanged", first.manifest)
    assert second.wasm_path.stat() == before
    assert not any(isinstance(event, Step) and event.verb == "compile" for event in events)


def test_what_somebody_changed_in_dist_is_put_right(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    first = compiled(root, cache)
    data = first.wasm_path.read_bytes()
    first.wasm_path.write_bytes(b"evil")
    second = compiled(root, cache)
    assert (second.compiled.source, second.wasm_path.read_bytes()) == ("local", data)
    second.wasm_path.unlink()
    assert compiled(root, cache).wasm_path.read_bytes() == data


def test_no_cache_compiles_again(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    first = compiled(root, cache)
    second = compiled(root, cache, no_cache=True)
    assert (second.compiled.source, second.manifest) == (None, first.manifest)


def test_a_fresh_clone_has_it_from_a_cache_without_any_compiler(tmp_path: Path, cache: Caches) -> None:
    shared = f"folder:{tmp_path / 'shared'}"
    first = compiled(hello(tmp_path / "hello"), cache, no_cache=True, cache_to=(shared,))
    empty = Caches(tmp_path / "cache")
    second = compiled(hello(tmp_path / "clone" / "hello"), empty, cache_from=(shared,), offline=True)
    assert (second.compiled.source, second.manifest) == (shared, first.manifest)
    assert not empty.tools.exists()


def test_several_targets_have_a_file_and_a_tag_each(tmp_path: Path, cache: Caches) -> None:
    built = all_of(cases(tmp_path), cache, jobs=2)
    assert names(tmp_path / "dist") == ["oci", "one.wasm", "two.wasm"]
    assert [run_wasm(built[name].wasm_path, out=tmp_path / "out")[0] for name in ("one", "two")] == [1, 2]
    layout = LayoutStore(tmp_path / "dist" / "oci")
    assert layout.tags() == ["one-1.0.0", "two-1.0.0"]
    assert layout.resolve("two-1.0.0") == built["two"].manifest


def test_one_target_of_several(tmp_path: Path, cache: Caches) -> None:
    assert list(all_of(cases(tmp_path), cache, targets=("two",))) == ["two"]
    with pytest.raises(UsageFailed, match="no target 'tow'") as caught:
        all_of(tmp_path, cache, targets=("tow",))
    assert caught.value.hint == "did you mean two?"


def test_keep_going_builds_what_can_be_built(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path)
    (root / "src" / "one.c").write_text("int main(void) { return wrong; }\n")
    events: list[Event] = []
    with pytest.raises(CompilationFailed):
        all_of(root, cache, events.append, jobs=1)
    assert not (root / "dist").exists()
    assert "not built: two" in warnings(events)
    with pytest.raises(CompilationFailed):
        all_of(root, cache, jobs=1, keep_going=True)
    assert names(root / "dist") == ["oci", "two.wasm"]


def test_a_target_gets_the_files_of_those_that_it_depends_on(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path, '[target.zero]\ndepends = ["one"]\nsources = ["src/zero.c"]\n')
    (root / "src" / "zero.c").write_text(
        'static const char other[] = {\n#embed "../deps/one.wasm"\n};\nint main(void) { return other[1]; }\n'
    )
    built = all_of(root, cache, targets=("zero",))
    assert list(built) == ["one", "zero"]
    assert run_wasm(built["zero"].wasm_path, out=tmp_path / "out")[0] == ord("a")


def test_a_workspace_builds_its_members_with_one_lock(tmp_path: Path, cache: Caches) -> None:
    hello(tmp_path / "apps" / "hello")
    cases(tmp_path / "apps" / "both")
    (tmp_path / "wasmbuild.toml").write_text('[workspace]\nmembers = ["apps/*"]\n')
    assert sorted(all_of(tmp_path, cache)) == ["hello", "one", "two"]
    assert names(tmp_path) == ["apps", "wasmbuild.lock", "wasmbuild.toml"]
    assert names(tmp_path / "apps" / "both" / "dist") == ["oci", "one.wasm", "two.wasm"]
    compiled(tmp_path / "apps" / "hello", cache)
    assert not (tmp_path / "apps" / "hello" / LOCK_FILE).exists()


def test_the_file_says_what_the_project_says(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path, 'description = "Ü"\nlicenses = "MIT"\nhomepage = "https://example.org"\n')
    built = all_of(root, cache)["one"]
    found = read_metadata(built.wasm_path.read_bytes())
    assert found == {"version": "1.0.0", "description": "Ü", "licenses": "MIT", "homepage": "https://example.org"}
    text = (root / "wasmbuild.toml").read_text()
    (root / "wasmbuild.toml").write_text(text.replace("[target.one]", "[build]\nmetadata = false\n[target.one]"))
    assert read_metadata(all_of(root, cache)["one"].wasm_path.read_bytes()) == {}


def test_a_file_that_asks_for_more_than_allowed_is_no_result(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path, '[capabilities]\nallow = ["stdio"]\n')
    (root / "src" / "one.c").write_text("#include <time.h>\nint main(void) { return (int)time(0); }\n")
    with pytest.raises(CapabilityDenied, match="clock"):
        all_of(root, cache, targets=("one",))
    assert not (root / "dist").exists()
    text = (root / "wasmbuild.toml").read_text()
    (root / "wasmbuild.toml").write_text(text.replace('"stdio"', '"stdio", "clocks"'))
    assert list(all_of(root, cache, targets=("one",))) == ["one"]


def test_locked_refuses_to_pin_anything_new(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    with pytest.raises(InvalidProject, match="lock"):
        compiled(root, cache, locked=True)
    compiled(root, cache)
    compiled(root, cache, locked=True)


def test_two_builds_of_one_project_at_once(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: all_of(root, cache, no_cache=True), range(2)))
    assert both[0]["one"].manifest == both[1]["one"].manifest
    assert names(root / "dist") == ["oci", "one.wasm", "two.wasm"]


def test_builds_and_cleaning_of_one_project_at_once(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path)
    all_of(root, cache)
    stop = time.monotonic() + 2

    def cleaned() -> None:
        while time.monotonic() < stop:
            clean(root, caches=cache)
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        cleaning = pool.submit(cleaned)
        manifests = set()
        while time.monotonic() < stop:
            manifests |= {str(found["one"].manifest) for found in pool.map(lambda _: all_of(root, cache), range(2))}
        cleaning.result()
    assert len(manifests) == 1


def test_the_same_broken_file_in_several_targets_at_once(tmp_path: Path, cache: Caches) -> None:
    root = cases(tmp_path)
    for name in ("one", "two"):
        (root / "src" / f"{name}.c").write_text('#include "shared.h"\nint main(void) { return 0; }\n')
    (root / "src" / "shared.h").write_text("int wrong = here;\n")
    for _ in range(3):
        finished = build_all(root, BuildOptions(keep_going=True, jobs=2), Setting(cache, os.environ, ignore))
        causes = [failure.cause or "" for failure in finished.failures.values() if isinstance(failure, Failure)]
        assert len(causes) == 2
        assert all("use of undeclared identifier 'here'" in cause for cause in causes)


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json", b'{"schemaVersion":2,"manifests":[{}]}'])
def test_a_damaged_layout_is_made_anew(tmp_path: Path, cache: Caches, damage: bytes) -> None:
    root = hello(tmp_path / "hello")
    first = compiled(root, cache)
    (root / "dist" / "oci" / "index.json").write_bytes(damage)
    second = compiled(root, cache)
    assert second.manifest == first.manifest
    assert LayoutStore(root / "dist" / "oci").resolve("0.1.0") == first.manifest


def test_a_cache_to_fill_is_filled_though_nothing_changed(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    compiled(root, cache)
    compiled(root, cache, cache_to=(f"folder:{tmp_path / 'shared'}",))
    assert len(list((tmp_path / "shared" / "ac").iterdir())) == 1


@pytest.mark.parametrize(
    "options",
    [{"cache_from": ("/tmp/foo",)}, {"cache_to": ("bad://x",)}, {"executor": "dask://x:1"}, {"executor": "x"}],
    ids=str,
)
def test_places_that_are_none_are_refused_though_nothing_changed(
    tmp_path: Path, cache: Caches, options: dict[str, Any]
) -> None:
    root = hello(tmp_path / "hello")
    compiled(root, cache)
    with pytest.raises(Failure) as caught:
        compiled(root, cache, **options)
    assert caught.value.exit_code == ExitCode.USAGE


def test_what_is_in_the_way_is_named(tmp_path: Path, cache: Caches) -> None:
    root = project("inferred", tmp_path)
    (root / "dist").write_text("mine")
    with pytest.raises(StorageFailed) as caught:
        compiled(root, cache)
    assert str(root / "dist") in (caught.value.cause or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("full", ["cache", "project"])
def test_a_full_disk_is_called_so(tmp_path: Path, cache: Caches, full: str) -> None:
    small, root = tmp_path / "small", tmp_path / "small" / "hello"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small], check=True)
    try:
        hello(root if full == "project" else tmp_path / "hello")
        if full == "project":
            (small / "filler").write_bytes(b"x" * 120_000)
            with pytest.raises(StorageFailed) as caught:
                compiled(root, cache)
            assert not (root / "dist").exists()
        else:
            own = Caches(small)
            own.tools.symlink_to(cache.tools)
            with pytest.raises(StorageFailed) as caught:
                compiled(tmp_path / "hello", own)
        assert "No space left" in (caught.value.cause or "")
    finally:
        subprocess.run(["umount", small], check=True)
