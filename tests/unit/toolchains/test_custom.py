from dataclasses import replace
from pathlib import Path

import pytest

from registry.digest import Digest
from tests.unit.toolchains.scripts import files
from wasmbuild.build.action import Action, Output, ToolFile
from wasmbuild.build.chain import Chain
from wasmbuild.build.tool import HostTool, Tool
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.custom import CustomToolchain

ADAPTER = CustomToolchain()
SH = Tool("sh", "", Digest.of(b"sh"), Path("/usr"), pinned=False, program=Path("/usr/bin/sh"))
START = (ToolFile("sh", "bin/sh"), "-c", 'exec "$0" "$@"')
NIM = Tool("nim", "2", Digest.of(b"nim"), Path("/opt/nim"), pinned=False, program=Path("/opt/nim/bin/nim"))


def custom(*command: str, **said) -> Target:
    return Target("x", "custom", command=command, **said)


def actions(root: Path, target: Target, texts: dict[str, str]) -> tuple[Action, ...]:
    found = ADAPTER.detect(files(root, texts), target)
    assert found is not None
    return tuple(ADAPTER.actions(target, found, {"nim": NIM, "sh": SH}))


def test_a_program_of_the_machine(tmp_path: Path) -> None:
    target = custom(
        *("nim", "--out:{output}", "--opt:{optimize}", "{sources}", "{name}.nim", "{else}", "{output}.{output}"),
        sources=("src/*.nim",),
        environment=(("A", "b"),),
    )
    (action,) = actions(tmp_path, target, {"src/a.nim": "", "src/b.nim": "", "x.md": ""})
    output = Output("x.wasm")
    assert action == Action(
        name="compile",
        tool="nim",
        argv=(
            *(ToolFile("nim", "bin/nim"), ("--out:", output), "--opt:size", "src/a.nim", "src/b.nim"),
            *("x.nim", "{else}", (output, ".", output)),
        ),
        outputs=("x.wasm",),
        inputs=("src/a.nim", "src/b.nim"),
        env=(("A", "b"),),
    )
    (need,) = ADAPTER.needs(target)
    assert isinstance(need, HostTool)
    assert (need.name, need.programs) == ("nim", ("nim",))


def test_a_program_of_the_project(tmp_path: Path) -> None:
    target = custom("tools/make", "{output}", sources=("a.c",))
    (action,) = actions(tmp_path, target, {"a.c": "", "b.c": "", "tools/make": "#!/bin/sh\n"})
    assert action.argv == (*START, "./tools/make", Output("x.wasm"))
    assert action.inputs == ("a.c", "tools/make")
    (need,) = ADAPTER.needs(target)
    assert isinstance(need, HostTool)
    assert need.programs == ("sh",)
    assert not Chain("x", (action,), {"sh": SH}, 1, 1).shared(action)


def test_a_file_that_the_command_writes_where_it_likes(tmp_path: Path) -> None:
    environment = (("PYTHONPATH", "lib"), ("A", "b"))
    target = custom("./make", outputs=("build/it.wasm",), environment=environment)
    (action,) = actions(tmp_path, target, {"make": "", "a.c": ""})
    program = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.written")
    assert action.argv == (*program, "build/it.wasm", Output("x.wasm"), "PYTHONPATH=lib", "--", *START, "./make")
    assert action.env == (("A", "b"),)
    assert action.inputs == ("a.c", "make")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (custom(), "command is missing"),
        (custom(""), "command is missing"),
        (custom("make"), "nothing says which file"),
        (custom("make", "{output}", outputs=("a",)), "said once"),
        (custom("make", outputs=("a", "b")), "said once"),
        (custom("/usr/bin/make", "{output}"), "path of this machine"),
        (custom("./make", "{output}"), r"no \./make in the project"),
        (custom("make", "{output}", sources=("*.d",)), "names no file"),
    ],
)
def test_what_cannot_be(tmp_path: Path, target: Target, problem: str) -> None:
    with pytest.raises(InvalidProject, match=problem):
        ADAPTER.detect(files(tmp_path, {"a.c": ""}), target)


def test_settings_that_mean_nothing() -> None:
    with pytest.raises(InvalidProject, match="flags means nothing for custom"):
        ADAPTER.needs(custom("make", "{output}", flags=("-O",)))


def test_only_when_it_is_asked_for(tmp_path: Path) -> None:
    assert ADAPTER.detect(files(tmp_path, {"Makefile": ""}), Target("x")) is None


def test_a_program_outside_of_its_root(tmp_path: Path) -> None:
    target = custom("nim", "{output}")
    found = ADAPTER.detect(files(tmp_path, {"a.nim": ""}), target)
    assert found is not None
    for tool in (replace(NIM, program=Path("/usr/bin/nim")), replace(NIM, program=None)):
        with pytest.raises(ToolchainMissing):
            ADAPTER.actions(target, found, {"nim": tool})
