from pathlib import Path

import pytest

from wasmbuild.build.action import Output
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains import TOOLCHAINS, Detection, detect, toolchain_for
from wasmbuild.toolchains.c import CToolchain


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_sources_under_src_come_first(tmp_path: Path) -> None:
    make(tmp_path, "src/b.c", "src/a.c", "src/in/c.c", "tests/t.c", "include/x.h", "notes.md")
    found = CToolchain().detect(tmp_path)
    assert found is not None
    assert found.sources == ("src/a.c", "src/b.c", "src/in/c.c")
    assert found.inputs == ("include/x.h", "src/a.c", "src/b.c", "src/in/c.c", "tests/t.c")
    assert found.why == "3 C files under src/"


def test_sources_anywhere_otherwise(tmp_path: Path) -> None:
    make(tmp_path, "main.c", "dist/old.c")
    assert CToolchain().detect(tmp_path) == Detection("c", ("main.c",), ("main.c",), "1 C file")


def test_no_sources(tmp_path: Path) -> None:
    make(tmp_path, "main.cpp", "main.C", "x.h")
    assert CToolchain().detect(tmp_path) is None
    assert detect(tmp_path) is None


def test_named_sources(tmp_path: Path) -> None:
    make(tmp_path, "b.c", "a.c", "c.c")
    found = CToolchain().detect(tmp_path, ("b.c", "a.*", "b.*"))
    assert found is not None
    assert found.sources == ("a.c", "b.c")
    assert found.why == "2 C files named in wasmbuild.toml"


def test_a_pattern_takes_the_c_files_of_what_it_names(tmp_path: Path) -> None:
    make(tmp_path, "src/a.c", "src/a.h")
    found = CToolchain().detect(tmp_path, ("src/*",))
    assert found is not None
    assert (found.sources, found.inputs) == (("src/a.c",), ("src/a.c", "src/a.h"))


def test_a_pattern_for_another_language(tmp_path: Path) -> None:
    make(tmp_path, "a.c", "a.zig")
    assert CToolchain().detect(tmp_path, ("*.zig",)) is None
    with pytest.raises(InvalidProject, match=r"'\*\.zig' names no C file"):
        CToolchain().detect(tmp_path, ("a.c", "*.zig"))


def test_a_pattern_that_names_nothing(tmp_path: Path) -> None:
    make(tmp_path, "a.c")
    with pytest.raises(InvalidProject, match=r"'lib/\*\.c' names no file"):
        CToolchain().detect(tmp_path, ("a.c", "lib/*.c"))


@pytest.mark.parametrize(
    ("optimize", "flags"),
    [
        ("size", ("-Os", "-s")),
        ("speed", ("-O2", "-s")),
        ("debug", ("-O0", "-g", "-fno-sanitize=undefined", "-fdebug-compilation-dir=.")),
    ],
)
def test_the_command(optimize: Optimize, flags: tuple[str, ...]) -> None:
    found = Detection("c", ("-x.c", "@y.c", "src/a.c"), ("src/a.c", "src/a.h"), "")
    action = CToolchain().action(Target("hello", optimize=optimize, flags=("-DX",)), found)
    assert action.program == "ziglang/zig"
    assert action.arguments == (
        *("cc", "-target", "wasm32-wasi", *flags, "-DX"),
        *("-o", Output("hello.wasm"), "./-x.c", "./@y.c", "src/a.c"),
    )
    assert action.inputs == found.inputs
    assert action.outputs == ("hello.wasm",)


def test_the_shipped_pin_covers_the_platforms() -> None:
    pin = CToolchain().pin()
    names = " ".join(artifact.file_name for artifact in pin.artifacts)
    assert pin.package == "ziglang"
    assert all(f"-{pin.version}-" in artifact.file_name for artifact in pin.artifacts)
    for platform in ("x86_64.musllinux", "aarch64.musllinux", "riscv64", "s390x", "macosx", "win_amd64"):
        assert platform in names


def test_adapters_are_found_by_language() -> None:
    for toolchain in TOOLCHAINS:
        assert toolchain_for(toolchain.language) is toolchain
    with pytest.raises(InvalidProject) as caught:
        toolchain_for("C")
    assert caught.value.hint == "known: c"


def test_two_languages_are_for_the_person_to_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.c")
    monkeypatch.setattr("wasmbuild.toolchains.TOOLCHAINS", (CToolchain(), CToolchain()))
    with pytest.raises(UsageFailed, match="several languages: c, c"):
        detect(tmp_path)
