from pathlib import Path

import pytest

from tests.unit.toolchains.making import tool, tree
from wasmbuild.build.action import CacheFolder, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.go import GoToolchain

GO = GoToolchain()
MAIN = "// A tool.\npackage main\n"
TOOLS = {"go": tool("go")}


def make(root: Path, texts: dict[str, str]):
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return tree(root)


@pytest.mark.parametrize(
    ("texts", "entry"),
    [
        ({"go.mod": "", "main.go": MAIN}, "."),
        ({"go.mod": "", "lib.go": "package lib\n", "cmd/tool/main.go": MAIN}, "./cmd/tool"),
        ({"go.mod": "", "cmd/hello/main.go": MAIN, "cmd/other/main.go": MAIN}, "./cmd/hello"),
        ({"go.mod": "", "main.go": MAIN, "cmd/other/main.go": MAIN}, "."),
        ({"main.go": MAIN}, "."),
    ],
)
def test_the_package(tmp_path: Path, texts: dict[str, str], entry: str) -> None:
    found = GO.detect(make(tmp_path, texts), Target("hello"))
    assert found is not None
    assert found.entry == entry


def test_tests_are_no_inputs_and_embedded_files_are(tmp_path: Path) -> None:
    found = GO.detect(make(tmp_path, {"go.mod": "", "main.go": MAIN, "x_test.go": MAIN, "data.txt": ""}), Target("x"))
    assert found is not None
    assert found.inputs == ("data.txt", "go.mod", "main.go")


def test_no_package_is_clear(tmp_path: Path) -> None:
    files = make(tmp_path, {"go.mod": "", "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN})
    with pytest.raises(InvalidProject, match="which Go package") as caught:
        GO.detect(files, Target("hello"))
    assert caught.value.cause == "there are several with main: cmd/a, cmd/b"
    for entry in ("cmd/b", "cmd/b/main.go"):
        found = GO.detect(files, Target("hello", entry=entry))
        assert found is not None
        assert found.entry == "./cmd/b"
    with pytest.raises(InvalidProject, match="has no Go files"):
        GO.detect(files, Target("hello", entry="cmd/c"))


def test_files_without_a_module(tmp_path: Path) -> None:
    found = GO.detect(make(tmp_path, {"main.go": MAIN, "more.go": MAIN}), Target("hello"))
    assert found is not None
    (action,) = GO.actions(Target("hello"), found, TOOLS)
    assert action.argv == (
        *(ToolFile("go", "go/bin/go"), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="),
        *("-o", Output("hello.wasm"), "main.go", "more.go"),
    )
    env = dict(action.env)
    assert (env["GOOS"], env["GOARCH"], env["CGO_ENABLED"], env["GOPROXY"]) == ("wasip1", "wasm", "0", "off")
    assert env["GOCACHE"] == CacheFolder("go/build")


def test_modules_are_fetched_first(tmp_path: Path) -> None:
    texts = {"go.mod": "", "go.sum": "", "main.go": MAIN, "in/go.mod": "", "README": ""}
    found = GO.detect(make(tmp_path, texts), Target("hello"))
    assert found is not None
    fetch, compiled = GO.actions(Target("hello", kind="library"), found, TOOLS)
    assert (fetch.network, fetch.keep, fetch.inputs) == (True, "folder", ("go.mod", "go.sum", "in/go.mod"))
    assert "GOPROXY" in fetch.user_environment
    assert dict(compiled.env)["GOMODCACHE"] == Produced("fetch")
    assert "-buildmode=c-shared" in compiled.argv
    assert not compiled.network


def test_vendored_modules_are_not(tmp_path: Path) -> None:
    texts = {"go.mod": "", "go.sum": "", "main.go": MAIN, "vendor/modules.txt": "", "vendor/x/x.go": "package x\n"}
    found = GO.detect(make(tmp_path, texts), Target("hello"))
    assert found is not None
    assert found.sources == ("main.go",)
    (action,) = GO.actions(Target("hello"), found, TOOLS)
    assert dict(action.env)["GOFLAGS"] == "-mod=vendor"


def test_debug_keeps_names_and_components_another_sbrk(tmp_path: Path) -> None:
    found = GO.detect(make(tmp_path, {"main.go": MAIN}), Target("hello"))
    assert found is not None
    (debug,) = GO.actions(Target("hello", optimize="debug"), found, TOOLS)
    assert "-ldflags=-buildid=" in debug.argv
    assert debug.files == ()
    (component,) = GO.actions(Target("hello", component=True), found, TOOLS)
    assert ToolFile("go", "go/src/runtime/mem_wasm.go") in component.argv
    assert [name for name, _ in component.files] == ["sbrk.go.txt"]


def test_go_of_the_machine(tmp_path: Path) -> None:
    target = Target("hello", toolchain="system", component=True)
    (need,) = GO.needs(target)
    assert not isinstance(need, str)
    found = GO.detect(make(tmp_path, {"main.go": MAIN}), target)
    assert found is not None
    (action,) = GO.actions(target, found, {need.name: tool(need.name)})
    assert ToolFile(need.name, "bin/go") in action.argv
    assert ToolFile(need.name, "src/runtime/mem_wasm.go") in action.argv
    with pytest.raises(InvalidProject, match="triple means nothing for go"):
        GO.needs(Target("hello", triple="wasm32-wasip2"))
