import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from registry.digest import Digest
from wasmbuild.build.host import describe, find
from wasmbuild.build.tool import HostTool, Requirement
from wasmbuild.errors import ToolchainMissing, ToolFailed

RUST = HostTool(
    name="rust",
    programs=("rustc-web", "rustc"),
    version=("-vV",),
    version_pattern=r"^release: (\S+)$",
    hint="apt install rustc",
    variable="RUST_ROOT",
    root=("--print", "sysroot"),
    contents=("lib/**/*.rlib", "lib/self-contained"),
    requires=(Requirement("lib/wasm32-wasip1", "the target wasm32-wasip1", "rustup target add wasm32-wasip1"),),
)
CLANG = HostTool("clang", ("clang-19", "clang"), ("--version",), r"version ([0-9.]+)", "apt install clang")


def run(argv: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout + done.stderr


def digest(path: Path) -> Digest:
    return Digest.of(path.read_bytes())


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def sysroot(root: Path, version: str = "1.96.0") -> Path:
    program(root / "bin" / "rustc", f"if [ $1 = --print ]; then echo {root}; else echo 'release: {version}'; fi")
    (root / "lib/wasm32-wasip1/deep").mkdir(parents=True)
    (root / "lib/wasm32-wasip1/deep/libstd.rlib").write_bytes(b"std")
    (root / "lib/self-contained").mkdir()
    (root / "lib/self-contained/crt1.o").write_bytes(b"crt")
    (root / "share").mkdir()
    return root


def on_path(*folders: Path | str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, folders))}


def test_a_program_on_the_path_is_asked_and_hashed(tmp_path: Path) -> None:
    root = sysroot(tmp_path / "rust")
    tool = find(RUST, on_path(tmp_path / "empty", root / "bin"), run, digest)
    assert (tool.name, tool.version, tool.root, tool.program) == ("rust", "1.96.0", root, root / "bin" / "rustc")
    assert not tool.pinned


def test_a_shim_is_seen_through(tmp_path: Path) -> None:
    root = sysroot(tmp_path / "toolchains" / "stable")
    program(tmp_path / "shims" / "rustup", f'exec {root}/bin/$(basename "$0") "$@"')
    (tmp_path / "shims" / "rustc").symlink_to("rustup")
    found = find(RUST, on_path(tmp_path / "shims"), run, digest)
    assert found.program == root / "bin" / "rustc"
    assert found == find(RUST, on_path(root / "bin"), run, digest)


def test_the_variable_goes_before_the_path(tmp_path: Path) -> None:
    one, two = sysroot(tmp_path / "one", "1.0.0"), sysroot(tmp_path / "two", "2.0.0")
    environment = {**on_path(one / "bin"), "RUST_ROOT": str(two)}
    tool = find(RUST, environment, run, digest)
    assert (tool.version, tool.root, tool.program) == ("2.0.0", two, two / "bin" / "rustc")
    assert find(RUST, {**environment, "RUST_ROOT": ""}, run, digest).version == "1.0.0"


def test_the_first_program_that_is_there_counts(tmp_path: Path) -> None:
    root = sysroot(tmp_path / "rust")
    program(root / "bin" / "rustc-web", f"if [ $1 = --print ]; then echo {root}; else echo 'release: 1.97.0'; fi")
    assert find(RUST, on_path(root / "bin"), run, digest).version == "1.97.0"


def test_without_a_question_for_it_the_root_is_above_the_real_program(tmp_path: Path) -> None:
    real = program(tmp_path / "usr/lib/llvm-19/bin/clang", "echo Debian clang version 19.1.7")
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/clang-19").symlink_to(real)
    tool = find(CLANG, on_path(tmp_path / "usr/bin"), run, digest)
    assert (tool.version, tool.root, tool.program) == ("19.1.7", tmp_path / "usr/lib/llvm-19", real)


def test_a_program_in_somebodys_home_does_not_bring_the_home_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    program(tmp_path / "bin/clang", "echo Debian clang version 19.1.7")
    assert find(CLANG, on_path(tmp_path / "bin"), run, digest).root == tmp_path / "bin"


def test_the_digest_is_over_what_decides_bytes_and_nothing_else(tmp_path: Path) -> None:
    def found(root: Path, description: HostTool = RUST) -> Digest:
        return find(description, {"RUST_ROOT": str(root)}, run, digest).digest

    one = sysroot(tmp_path / "one")
    two = sysroot(tmp_path / "two")
    program(two / "bin" / "rustc", (one / "bin" / "rustc").read_text().removeprefix("#!/bin/sh\n").strip())
    first = found(one)
    assert found(two) == first  # wherever it is
    (one / "share" / "manual").write_text("new")
    assert found(one) == first
    for changed in ("lib/wasm32-wasip1/deep/libstd.rlib", "lib/self-contained/crt1.o"):
        before = (one / changed).read_bytes()
        (one / changed).write_bytes(b"changed")
        assert found(one) != first
        (one / changed).write_bytes(before)
    (one / "lib/self-contained/crt1.o").rename(one / "lib/self-contained/crt2.o")
    assert found(one) != first
    with (two / "bin" / "rustc").open("a") as file:
        file.write("# another build\n")
    assert found(two) != first
    assert found(two, replace(RUST, contents=())) != found(two)


def test_nothing_on_the_path(tmp_path: Path) -> None:
    with pytest.raises(ToolchainMissing, match="there is no rust on this machine") as caught:
        find(RUST, on_path(tmp_path), run, digest)
    assert caught.value.cause == "RUST_ROOT is not set, and no rustc-web or rustc is on PATH (1 folders)"
    assert caught.value.hint == "apt install rustc"
    with pytest.raises(ToolchainMissing):
        find(RUST, {}, run, digest)


def test_a_folder_of_the_project_on_the_path_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysroot(tmp_path / "rust")
    monkeypatch.chdir(tmp_path / "rust" / "bin")
    for path in (".", "", f"{os.pathsep}", "../bin"):
        with pytest.raises(ToolchainMissing, match="there is no rust"):
            find(RUST, {"PATH": path}, run, digest)


def test_a_variable_that_points_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    environment = {**on_path(sysroot(tmp_path / "rust") / "bin"), "RUST_ROOT": str(tmp_path / "gone")}
    with pytest.raises(ToolchainMissing, match="no rustc-web or rustc where RUST_ROOT points") as caught:
        find(RUST, environment, run, digest)
    assert str(tmp_path / "gone") in str(caught.value.cause)


def test_what_is_missing_below_the_root_is_named_with_its_own_hint(tmp_path: Path) -> None:
    root = sysroot(tmp_path / "rust")
    (root / "lib/wasm32-wasip1").rename(root / "lib/wasm32-wasi")
    with pytest.raises(ToolchainMissing, match=r"rust 1\.96\.0 lacks the target wasm32-wasip1") as caught:
        find(RUST, on_path(root / "bin"), run, digest)
    assert caught.value.cause == f"lib/wasm32-wasip1 is not in {root}"
    assert caught.value.hint == "rustup target add wasm32-wasip1"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["echo no toolchain is configured >&2", "exit 1"], "does not work"),
        (["if [ $1 = --print ]; then echo ROOT; else echo nightly; fi"], "did not say its version"),
        (["echo relative/path"], "did not say where it is"),
        (["echo /nowhere/at/all"], "did not say where it is"),
    ],
)
def test_a_program_that_does_not_answer(tmp_path: Path, lines: list[str], said: str) -> None:
    folder = program(tmp_path / "bin" / "rustc", *(line.replace("ROOT", str(tmp_path)) for line in lines)).parent
    with pytest.raises(ToolchainMissing, match=said) as caught:
        find(RUST, on_path(folder), run, digest)
    assert caught.value.hint == "apt install rustc"
    if said == "does not work":
        assert caught.value.cause == "no toolchain is configured"


def test_a_program_that_hangs_is_a_missing_tool(tmp_path: Path) -> None:
    def hang(argv: Sequence[str]) -> tuple[int, str]:
        raise ToolFailed("rustc took longer than 20 seconds and was stopped")

    with pytest.raises(ToolchainMissing, match="cannot be asked: rustc took longer"):
        find(RUST, on_path(sysroot(tmp_path) / "bin"), hang, digest)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    def refuse(path: Path) -> Digest:
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(ToolchainMissing, match="cannot be read") as caught:
        find(RUST, on_path(sysroot(tmp_path) / "bin"), run, refuse)
    assert caught.value.cause == "Permission denied"


def test_a_folder_that_is_not_what_it_seems_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmbuild.build.host.MAX_CONTENTS", 1)
    with pytest.raises(ToolchainMissing, match="more than 1 files"):
        find(RUST, on_path(sysroot(tmp_path) / "bin"), run, digest)


def test_a_description_for_doctor_hashes_nothing_and_raises_nothing(tmp_path: Path) -> None:
    root = sysroot(tmp_path / "rust")
    found = describe(RUST, on_path(root / "bin"), run)
    assert (found.program, found.root, found.version, found.problem) == (root / "bin" / "rustc", root, "1.96.0", None)
    missing = describe(RUST, {}, run)
    assert missing.version is None
    assert missing.problem is not None
    assert missing.problem.hint == "apt install rustc"
