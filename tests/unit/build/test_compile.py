"""With the real compiler, provisioned into the user's real cache: minutes the first time, then fast."""

import os
import shutil
from pathlib import Path

import pytest
import wasmtime

from registry.errors import StorageFailed
from wasmbuild.build.action import ActionKey
from wasmbuild.build.tool import Artifact, ToolPin
from wasmbuild.caches import Caches
from wasmbuild.errors import CompilationFailed, InvalidProject, NoProject, ToolchainMissing, ToolFailed
from wasmbuild.events import Event, Note, Step, ignore
from wasmbuild.lock import LOCK_FILE, lock_tool
from wasmbuild.project import Project
from wasmbuild.workflows.compile import Compiled, compile_project
from wasmbuild.workflows.new import new

PROJECTS = Path(__file__).parents[2] / "projects"

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


def compiled(root: Path, cache: Caches) -> Compiled:
    return compile_project(root, sink=ignore, cache=cache)


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
    result = compile_project(root, sink=events.append, cache=cache)
    assert result.wasm_path == root / "dist" / "hello.wasm"
    assert names(root / "dist") == ["hello.wasm"]
    assert result.wasm_path.stat().st_mode & 0o777 == 0o644
    assert (root / LOCK_FILE).exists()
    assert Note("info", "c: 1 C file named in wasmbuild.toml") in events
    assert [event.seconds is None for event in events if isinstance(event, Step)][-2:] == [True, False]

    out = tmp_path / "out"
    assert run_wasm(result.wasm_path, "Ada", out=out) == (0, "Hello, Ada, from WebAssembly!\n")
    assert run_wasm(result.wasm_path, out=out) == (0, "Hello, world, from WebAssembly!\n")
    assert run_wasm(result.wasm_path, "a", "b", out=out) == (2, "usage: hello [NAME]\n")


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
    assert (result.project.name, result.project.version, result.project.inferred) == ("inferred", "0.0.0", True)
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
        compile_project(root, sink=interrupt, cache=cache)
    assert names(root / "dist") == []


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
    lock_tool(root, ToolPin("zig", "ziglang", "0.0.1", (Artifact("ziglang-0.0.1-py3-none-any.whl", "0" * 64),)))
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
        compile_project(root, sink=events.append, cache=fresh)
    assert any(isinstance(event, Note) and "building libc" in event.text for event in events)
    events.clear()
    compile_project(tmp_path / "hello", sink=events.append, cache=cache)
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
    result = compile_project(hello(tmp_path / "hello"), sink=events.append, cache=broken)
    assert names(result.wasm_path.parent) == ["hello.wasm"]
    (said,) = warnings(events)
    assert said.startswith(f"the cache could not be written: {broken.root / 'warm'}")


def test_a_compilers_cache_that_cannot_be_used_is_a_warning(tmp_path: Path, cache: Caches) -> None:
    broken = Caches(tmp_path / "cache")
    broken.root.mkdir()
    (broken.root / "tools").symlink_to(cache.folder("tools"))
    (broken.root / "zig").mkdir()
    (broken.root / "zig" / "global").symlink_to(cache.folder("zig/global"))
    (broken.root / "zig" / "local").write_text("in the way")
    events: list[Event] = []
    result = compile_project(hello(tmp_path / "hello"), sink=events.append, cache=broken)
    assert names(result.wasm_path.parent) == ["hello.wasm"]
    (said,) = warnings(events)
    assert said.startswith(f"the cache is not used: {broken.root / 'zig' / 'local'}: ")


def test_the_project_is_loaded_from_where_it_is(tmp_path: Path, cache: Caches) -> None:
    root = hello(tmp_path / "hello")
    assert compiled(root, cache).project == Project.load(root)
