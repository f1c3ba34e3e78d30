"""Compiled languages, for real: each kind compiles and runs, and the same sources give the same bytes everywhere.

Compilers come from package indexes, but for Rust: what of it a machine has is found here, and
``OLD_RUST`` may name the ``bin`` of a second, older one.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from wasmbuild.caches import Caches

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
USERS = Caches.of_user()
SYSTEM = "/usr/local/bin:/usr/bin:/bin"

C = '#include <stdio.h>\nint main(int n, char **v) { printf("hello %d\\n", n); return 3; }\n'
CPP = (
    "#include <cstdio>\n#include <map>\n#include <string>\n"
    'extern "C" int twice(int);\n'
    'int main() { std::map<std::string, int> all{{"a", twice(21)}}; std::printf("%d\\n", all["a"]); }\n'
)
ZIG = """\
const std = @import("std");
pub fn main(init: std.process.Init) !void {
    var out = std.Io.File.stdout().writer(init.io, &.{});
    try out.interface.print("hello\\n", .{});
}
"""
GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'
GO_UUID = (
    'package main\n\nimport (\n\t"fmt"\n\n\t"github.com/google/uuid"\n)\n\n'
    'func main() { fmt.Println(uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8").Version()) }\n'
)
GO_SUM = (
    "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
    "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n"
)
RUST = 'fn main() { println!("hello {}", std::env::args().count()); }\n'
RUST_LIBRARY = '#[no_mangle]\npub extern fn add(a: i32, b: i32) -> i32 { format!("{}", a + b).parse().unwrap() }\n'
MANIFEST = '[package]\nname = "hello-x"\nversion = "0.1.0"\nedition = "2021"\n'
ITOA = MANIFEST + '[dependencies]\nitoa = "=1.0.15"\n'
ITOA_LOCK = """\
version = 3

[[package]]
name = "hello-x"
version = "0.1.0"
dependencies = ["itoa"]

[[package]]
name = "itoa"
version = "1.0.15"
source = "PUBLIC"
checksum = "4a5f13b858c8d314ee3e8f639011f7ccefe71f97f96e50151fb991f267928e2c"
""".replace("PUBLIC", "registry+https://github.com/rust-lang/" + "crates" + ".io-index")
ADD_C = '__attribute__((export_name("add"))) int add(int a, int b) { return a + b; }\n'
ADD_ZIG = "export fn add(a: i32, b: i32) i32 {\n    return a + b;\n}\n"
ADD_GO = "package main\n\n//go:wasmexport add\nfunc add(a, b int32) int32 { return a + b }\n\nfunc main() {}\n"
WIT = "package acme:adder;\n\nworld adder {\n  export add: func(a: s32, b: s32) -> s32;\n}\n"

COMMANDS = {
    "c": ({"src/main.c": C}, "hello 1\n", 3),
    "cpp": ({"main.cpp": CPP, "twice.c": "int twice(int n) { return 2 * n; }\n"}, "42\n", 0),
    "zig": ({"src/main.zig": ZIG}, "hello\n", 0),
    "go": ({"main.go": GO}, "hello\n", 0),
    "go-modules": (
        {
            "go.mod": "module example.com/hello\n\ngo 1.21\n\nrequire github.com/google/uuid v1.6.0\n",
            "go.sum": GO_SUM,
            "cmd/hello/main.go": GO_UUID,
        },
        "VERSION_1\n",
        0,
    ),
}
LIBRARIES = {
    "c": {"add.c": ADD_C},
    "cpp": {"add.cpp": 'extern "C" ' + ADD_C},
    "zig": {"src/root.zig": ADD_ZIG},
    "go": {"add.go": ADD_GO},
}
RUST_COMMANDS = {
    "file": ({"src/main.rs": RUST}, "hello 1\n", 0),
    "cargo": ({"Cargo.toml": MANIFEST, "src/main.rs": RUST}, "hello 1\n", 0),
    "locked": (
        {
            "Cargo.toml": ITOA,
            "Cargo.lock": ITOA_LOCK,
            "src/main.rs": 'fn main() { println!("{}", itoa::Buffer::new().format(42)); }\n',
        },
        "42\n",
        0,
    ),
}


def write(root: Path, files: dict[str, str], **settings: object) -> Path:
    said = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n" for key, value in settings.items()
    )
    project = {"wasmbuild.toml": f'[project]\nname = "hello"\nversion = "0.1.0"\n\n[build]\n{said}'}
    for path, text in {**project, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def build(root: Path, *arguments: str, expect: int = 0, umask: int = 0o022, **env: str) -> Path:
    finished = subprocess.run(
        [WASMBUILD, "build", *arguments],
        cwd=root,
        env={**os.environ, **env},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert finished.returncode == expect, finished.stderr
    assert "Traceback" not in finished.stderr
    (root / "stderr").write_text(finished.stderr)
    return root / "dist/hello.wasm"


def run(file: Path) -> tuple[str, int]:
    """What a command writes, and its exit code, core module or component."""
    finished = subprocess.run(
        [WASMBUILD, "run", str(file)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return finished.stdout, finished.returncode


def call_add(file: Path, a: int, b: int) -> int:
    """Call a library of a core module, after its start."""
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    store.set_wasi(wasmtime.WasiConfig())
    linker.define_wasi()
    exports = linker.instantiate(store, wasmtime.Module.from_file(engine, str(file))).exports(store)
    assert "_start" not in exports
    if "_initialize" in exports:
        exports["_initialize"](store)
    return exports["add"](store, a, b)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def custom_sections(file: Path) -> bytes:
    """What is in the sections of names and of debug information."""
    data, at, found = file.read_bytes(), 8, b""
    while at < len(data):
        kind, size, shift, at = data[at], 0, 0, at + 1
        while True:
            size, shift, at = size | (data[at] & 127) << shift, shift + 7, at + 1
            if data[at - 1] < 128:
                break
        found, at = found + (data[at : at + size] if kind == 0 else b""), at + size
    return found


def elsewhere(root: Path, tmp_path: Path) -> Path:
    """The same project in another folder, made at another time."""
    other = tmp_path / "an other folder" / "ünder" / root.name
    shutil.copytree(root, other, ignore=shutil.ignore_patterns("dist", "stderr"))
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return other


def without_results(tmp_path: Path, *shared: str) -> dict[str, str]:
    """A cache with the compilers of the user's, and what else is ``shared``, and nothing that was compiled."""
    cache, own = USERS, Caches(tmp_path / "cache")
    own.root.mkdir(parents=True, exist_ok=True)
    for name in ("tools", *shared):
        with contextlib.suppress(FileExistsError):
            (own.root / name).symlink_to(cache.folder(name))
    return {"WASMBUILD_CACHE_DIR": str(own.root)}


@pytest.fixture(autouse=True)
def _own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of other days, by other versions of ours, are none: only compilers and their caches are shared."""
    for name, value in without_results(tmp_path / "own", "zig", "go", "cargo", "kept", "warm").items():
        monkeypatch.setenv(name, value)


STRANGE = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "USER": "somebody", "HOME": "/nonexistent", "EXTRA": "x"}


@pytest.mark.parametrize("language", COMMANDS)
@pytest.mark.timeout(900)
def test_a_command_runs_and_is_the_same_elsewhere(tmp_path: Path, language: str) -> None:
    files, said, code = COMMANDS[language]
    here = write(tmp_path / "hello", files)
    file = build(here)
    assert run(file) == (said, code)
    there = elsewhere(here, tmp_path)
    cache = without_results(tmp_path, *(("zig",) if language in {"c", "cpp"} else ()))
    assert digest(build(there, umask=0o077, **{**STRANGE, **cache})) == digest(file)
    assert digest(build(there, "--no-cache", **cache)) == digest(file)


@pytest.mark.parametrize("optimize", ["speed", "debug"])
@pytest.mark.parametrize("language", ["c", "cpp", "zig", "go"])
@pytest.mark.timeout(900)
def test_profiles(tmp_path: Path, language: str, optimize: str) -> None:
    files, said, code = COMMANDS[language]
    here = write(tmp_path / "hello", files, optimize=optimize)
    file = build(here)
    assert run(file) == (said, code)
    names = b"main.main" if language == "go" else b".debug_info"  # Go writes no DWARF into a module
    assert (names in custom_sections(file)) == (optimize == "debug")
    cache = without_results(tmp_path, "zig")
    assert digest(build(elsewhere(here, tmp_path), umask=0o077, **{**STRANGE, **cache})) == digest(file)


@pytest.mark.timeout(900)
def test_debug_of_c_does_not_depend_on_when_libc_was_built(tmp_path: Path) -> None:
    here = write(tmp_path / "hello", COMMANDS["c"][0], optimize="debug")
    assert digest(build(here, **without_results(tmp_path))) == digest(build(here, "--no-cache"))


@pytest.mark.parametrize("language", LIBRARIES)
@pytest.mark.timeout(900)
def test_a_library_is_called(tmp_path: Path, language: str) -> None:
    file = build(write(tmp_path / "hello", LIBRARIES[language], kind="library"))
    assert call_add(file, 2, 40) == 42


@pytest.mark.parametrize("language", ["c", "zig", "go-modules"])
@pytest.mark.timeout(900)
def test_a_command_as_a_component(tmp_path: Path, language: str) -> None:
    files, said, code = COMMANDS[language]
    here = write(tmp_path / "hello", files, component=True, wasm_opt=language == "c")
    file = build(here)
    assert file.read_bytes()[4:8] == b"\x0d\x00\x01\x00"
    assert run(file) == (said, min(code, 1))  # WASI 0.2 knows well and not well
    cache = without_results(tmp_path, "zig", "go")
    assert digest(build(elsewhere(here, tmp_path), **cache)) == digest(file)


@pytest.mark.timeout(900)
def test_much_memory_in_a_component_of_go(tmp_path: Path) -> None:
    body = """\
package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
)

func main() {
	all := map[int][]byte{}
	for i := 0; i < 3000; i++ {
		part := make([]byte, 20000)
		for j := range part {
			part[j] = byte(i)
		}
		all[i%500] = part
		if i%700 == 0 {
			runtime.GC()
		}
	}
	sum := sha256.New()
	for i := 0; i < 500; i++ {
		sum.Write(all[i])
	}
	fmt.Printf("%x\\n", sum.Sum(nil))
}
"""
    here = write(tmp_path / "hello", {"main.go": body})
    module = run(build(here))
    assert module[1] == 0
    assert run(build(here, "--component")) == module


@pytest.mark.parametrize("language", ["c", "zig"])
@pytest.mark.timeout(900)
def test_a_library_as_a_component(tmp_path: Path, language: str) -> None:
    from wasmtime import component

    files = {**LIBRARIES[language], "wit/world.wit": WIT}
    file = build(write(tmp_path / "hello", files, kind="library", component=True))
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    made = component.Linker(engine).instantiate(store, component.Component(engine, file.read_bytes()))
    assert made.get_func(store, "add")(store, 2, 40) == 42


def rusts() -> list[str]:
    """Folders of Rust compilers to try: that of PATH, Debian's, and an older one."""
    found = shutil.which("rustc")
    named = [str(Path(found).parent) if found else "", "/usr/bin", os.environ.get("OLD_RUST", "")]
    return [folder for folder in dict.fromkeys(named) if folder and Path(folder, "rustc").exists()]


@pytest.fixture(params=["PATH", "/usr/bin", "OLD_RUST"])
def rust(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment in which one of the compilers is found; skipped when it has no library for WebAssembly."""
    wanted = request.param
    folder = {"PATH": str(Path(shutil.which("rustc") or "/nowhere").parent), "OLD_RUST": os.environ.get("OLD_RUST", "")}
    place = folder.get(wanted, wanted)
    if not place or not Path(place, "rustc").exists():
        pytest.skip(f"there is no Rust compiler in {wanted}")
    env = {"PATH": f"{place}:{SYSTEM}"}
    probe = write(tmp_path / "probe", {"src/main.rs": "fn main() {}"})
    try:
        build(probe, **env)
    except AssertionError as error:
        if "has no standard library" in str(error):
            pytest.skip(f"the Rust of {wanted} has no library for WebAssembly: {error}")
        raise
    return env


@pytest.mark.parametrize("shape", RUST_COMMANDS)
@pytest.mark.timeout(900)
def test_rust(tmp_path: Path, rust: dict[str, str], shape: str) -> None:
    files, said, code = RUST_COMMANDS[shape]
    here = write(tmp_path / "hello", files)
    file = build(here, **rust)
    assert run(file) == (said, code)
    there = elsewhere(here, tmp_path)
    cold = without_results(tmp_path, "kept")
    assert digest(build(there, umask=0o077, **{**STRANGE, **rust, **cold})) == digest(file)
    assert digest(build(there, "--no-cache", **{**rust, **cold})) == digest(file)


@pytest.mark.timeout(900)
def test_rust_again_after_a_change(tmp_path: Path, rust: dict[str, str]) -> None:
    here = write(tmp_path / "hello", RUST_COMMANDS["cargo"][0])
    build(here, **rust)
    (here / "src/main.rs").write_text(RUST.replace("hello", "changed"))
    assert run(build(here, **rust)) == ("changed 1\n", 0)


@pytest.mark.timeout(900)
def test_a_library_of_rust(tmp_path: Path, rust: dict[str, str]) -> None:
    here = write(tmp_path / "hello", {"Cargo.toml": MANIFEST, "src/lib.rs": RUST_LIBRARY}, kind="library")
    assert call_add(build(here, **rust), 2, 40) == 42


@pytest.mark.timeout(900)
def test_rust_as_a_component(tmp_path: Path, rust: dict[str, str]) -> None:
    file = build(write(tmp_path / "hello", RUST_COMMANDS["cargo"][0], component=True), **rust)
    assert file.read_bytes()[4:8] == b"\x0d\x00\x01\x00"
    assert run(file) == ("hello 1\n", 0)


def test_there_is_a_rust_to_test_with() -> None:
    if not rusts():
        pytest.skip("LOUD: there is no Rust compiler on this machine at all, and nothing of Rust was tested")


@pytest.mark.timeout(900)
def test_clang_of_the_machine(tmp_path: Path) -> None:
    here = write(tmp_path / "hello", COMMANDS["cpp"][0], toolchain="clang")
    if not any(shutil.which(f"clang{suffix}", path=SYSTEM) for suffix in ("", "-19", "-14")):
        pytest.skip("there is no clang on this machine")
    assert run(build(here, PATH=SYSTEM)) == ("42\n", 0)


def test_a_compiler_that_is_not_there(tmp_path: Path) -> None:
    here = write(tmp_path / "hello", {"src/main.rs": RUST})
    build(here, expect=7, PATH=str(tmp_path))
    assert "rustup" in (here / "stderr").read_text()


def test_sources_that_do_not_compile(tmp_path: Path) -> None:
    here = write(tmp_path / "hello", {"main.go": GO.replace("Println", "Printfoo")})
    build(here, expect=1)
    assert "main.go:5" in (here / "stderr").read_text()
