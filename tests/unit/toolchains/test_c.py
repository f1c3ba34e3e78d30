from pathlib import Path

import pytest

from registry.digest import Digest
from tests.unit.toolchains.making import tool, tree
from wasmbuild.build.action import Output, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection
from wasmbuild.toolchains.c import CppToolchain, CToolchain
from wasmbuild.toolchains.pins import shipped_pin

C, CPP = CToolchain(), CppToolchain()


def test_sources_under_src_come_first(tmp_path: Path) -> None:
    found = C.detect(
        tree(tmp_path, "src/b.c", "src/a.c", "src/in/c.c", "tests/t.c", "include/x.h", "notes.md"), Target("x")
    )
    assert found is not None
    assert found.sources == ("src/a.c", "src/b.c", "src/in/c.c")
    assert found.inputs == ("include/x.h", "src/a.c", "src/b.c", "src/in/c.c", "tests/t.c")
    assert found.why == "3 C files under src/"


def test_sources_anywhere_otherwise(tmp_path: Path) -> None:
    found = C.detect(tree(tmp_path, "main.c", "dist/old.c"), Target("x"))
    assert found == Detection("c", ("main.c",), ("main.c",), "1 C file")


@pytest.mark.parametrize("name", ["main.cpp", "main.cc", "main.cxx", "main.C"])
def test_one_file_of_cpp_makes_it_a_project_of_cpp(tmp_path: Path, name: str) -> None:
    files = tree(tmp_path, "helper.c", name, "x.hpp")
    assert C.detect(files, Target("x")) is None
    found = CPP.detect(files, Target("x"))
    assert found is not None
    assert set(found.sources) == {"helper.c", name}
    assert "x.hpp" in found.inputs


def test_c_alone_is_no_cpp(tmp_path: Path) -> None:
    files = tree(tmp_path, "src/main.c", "bench/speed.cpp")
    assert CPP.detect(files, Target("x")) is None
    assert C.detect(files, Target("x")) is not None


def test_the_language_that_is_said_is_taken(tmp_path: Path) -> None:
    files = tree(tmp_path, "a.c", "b.cpp")
    found = C.detect(files, Target("x", language="c"))
    assert found is not None
    assert found.sources == ("a.c",)
    assert CPP.detect(tree(tmp_path / "in", "a.c"), Target("x", language="cpp")) is not None


def test_another_languages_project_may_have_c_in_it(tmp_path: Path) -> None:
    found = C.detect(tree(tmp_path, "Cargo.toml", "native/x.c"), Target("x"))
    assert found is not None
    assert not found.certain


def test_named_sources(tmp_path: Path) -> None:
    files = tree(tmp_path, "b.c", "a.c", "c.c", "src/a.h", "x.zig")
    found = C.detect(files, Target("x", sources=("b.c", "a.*", "b.*")))
    assert found is not None
    assert (found.sources, found.why) == (("a.c", "b.c"), "2 C files named in wasmbuild.toml")
    assert C.detect(files, Target("x", sources=("*.zig",))) is None
    with pytest.raises(InvalidProject, match=r"'\*\.zig' names no C file"):
        C.detect(files, Target("x", sources=("a.c", "*.zig")))
    with pytest.raises(InvalidProject, match=r"'lib/\*\.c' names no file"):
        C.detect(files, Target("x", sources=("a.c", "lib/*.c")))


@pytest.mark.parametrize(
    ("optimize", "flags"),
    [
        ("size", ("-Os", "-s")),
        ("speed", ("-O2", "-msimd128", "-s")),
        ("debug", ("-fno-sanitize=undefined", "-O0", "-g", "-fdebug-compilation-dir=.")),
    ],
)
def test_the_command(optimize: Optimize, flags: tuple[str, ...]) -> None:
    found = Detection("c", ("-x.c", "@y.c", "src/a.c"), ("src/a.c", "src/a.h"), "")
    (action,) = C.actions(Target("hello", optimize=optimize, flags=("-DX",)), found, {"zig": tool("zig")})
    assert action.argv == (
        *(ToolFile("zig", "ziglang/zig"), "cc", "-target", "wasm32-wasi", *flags, "-DX"),
        *("-o", Output("hello.wasm"), "./-x.c", "./@y.c", "src/a.c", ".wasmbuild-main.c"),
    )
    assert (action.inputs, action.outputs) == (found.inputs, ("hello.wasm",))


def test_a_library_is_a_reactor_and_cpp_has_no_exceptions() -> None:
    found = Detection("cpp", ("a.cpp", "b.c"), ("a.cpp", "b.c"), "")
    (action,) = CPP.actions(Target("hello", kind="library"), found, {"zig": tool("zig")})
    assert {"c++", "-mexec-model=reactor", "-fno-exceptions"} <= set(action.argv)
    assert action.files == ()


@pytest.mark.parametrize("toolchain", ["wasi-sdk", "clang"])
def test_other_compilers_see_no_path_but_their_own(toolchain: str) -> None:
    target = Target("hello", toolchain=toolchain)
    found = Detection("cpp", ("a.cpp", "b.c"), ("a.cpp", "b.c"), "")
    tools = {need.name: tool(need.name) for need in CPP.needs(target) if not isinstance(need, str)}
    assert toolchain in tools
    (action,) = CPP.actions(target, found, tools)
    assert action.argv[0] == ToolFile(toolchain, "bin/clang++")
    assert ("PATH", ToolFile(toolchain, "bin")) in action.env
    assert action.argv[-7:] == ("-x", "c", "b.c", "-x", "none", "a.cpp", ".wasmbuild-main.cc")


def test_a_sysroot_is_clangs(tmp_path: Path) -> None:
    target = Target("hello", toolchain="clang", sysroot="/opt/wasi")
    _, libc = C.needs(target)
    assert not isinstance(libc, str)
    assert "--sysroot=/opt/wasi" in libc.root
    (action,) = C.actions(
        target, Detection("c", ("a.c",), ("a.c",), ""), {"clang": tool("clang"), libc.name: tool("x")}
    )
    assert ("--sysroot=", ToolFile(libc.name)) in action.argv
    with pytest.raises(InvalidProject, match="sysroot means nothing for c"):
        C.needs(Target("hello", sysroot="/opt/wasi"))


def test_settings_that_mean_nothing() -> None:
    with pytest.raises(InvalidProject, match="entry means nothing"):
        C.needs(Target("hello", entry="main.c"))
    with pytest.raises(InvalidProject, match="none of c") as caught:
        C.needs(Target("hello", toolchain="zigg"))
    assert caught.value.hint == "did you mean zig?"


def test_the_shipped_pin_covers_the_platforms() -> None:
    pin = shipped_pin("zig")
    names = " ".join(artifact.file_name for artifact in getattr(pin.source, "artifacts", ()))
    for platform in ("x86_64.musllinux", "aarch64.musllinux", "riscv64", "s390x", "macosx", "win_amd64"):
        assert platform in names
    assert pin.digest != Digest.of(b"")
