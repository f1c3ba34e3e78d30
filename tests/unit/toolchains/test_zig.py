from pathlib import Path

import pytest

from tests.unit.toolchains.making import tool, tree
from wasmbuild.build.action import Output, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.zig import ZigToolchain

ZIG = ZigToolchain()


@pytest.mark.parametrize(
    ("paths", "entry"),
    [
        (("src/main.zig", "src/x.zig"), "src/main.zig"),
        (("main.zig", "x.zig"), "main.zig"),
        (("src/root.zig", "src/x.zig", "build.zig"), "src/root.zig"),
        (("tool.zig", "build.zig"), "tool.zig"),
    ],
)
def test_the_entry(tmp_path: Path, paths: tuple[str, ...], entry: str) -> None:
    found = ZIG.detect(tree(tmp_path, *paths, "data.txt"), Target("x"))
    assert found is not None
    assert found.entry == entry
    assert found.inputs == tuple(sorted((*paths, "data.txt")))


def test_no_entry(tmp_path: Path) -> None:
    files = tree(tmp_path, "a.zig", "b.zig")
    assert ZIG.detect(files, Target("x")) is None
    with pytest.raises(InvalidProject, match="not clear which Zig file") as caught:
        ZIG.detect(files, Target("x", language="zig"))
    assert caught.value.hint == 'say so in the target: entry = "a.zig"'
    found = ZIG.detect(files, Target("x", entry="b.zig"))
    assert found is not None
    assert found.entry == "b.zig"
    with pytest.raises(InvalidProject, match=r"entry 'c\.zig' is not a file"):
        ZIG.detect(files, Target("x", entry="c.zig"))


def test_the_command(tmp_path: Path) -> None:
    found = ZIG.detect(tree(tmp_path, "-odd.zig"), Target("x"))
    assert found is not None
    (action,) = ZIG.actions(Target("x", flags=("-DX",)), found, {"zig": tool("zig")})
    assert action.argv == (
        *(ToolFile("zig", "ziglang/zig"), "build-exe", "-target", "wasm32-wasi", "-OReleaseSmall", "-fstrip", "-DX"),
        *(("-femit-bin=", Output("x.wasm")), "./-odd.zig"),
    )
    (library,) = ZIG.actions(Target("x", kind="library"), found, {"zig": tool("zig")})
    assert {"-fno-entry", "-rdynamic"} <= set(library.argv)


def test_zig_of_the_machine(tmp_path: Path) -> None:
    target = Target("x", toolchain="system")
    (need,) = ZIG.needs(target)
    assert not isinstance(need, str)
    found = ZIG.detect(tree(tmp_path, "main.zig"), target)
    assert found is not None
    (action,) = ZIG.actions(target, found, {need.name: tool(need.name, root=tmp_path)})
    assert action.argv[0] == ToolFile(need.name, f"bin/{need.name}")
