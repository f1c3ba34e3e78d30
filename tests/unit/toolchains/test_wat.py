from importlib.metadata import version
from pathlib import Path

import pytest

from tests.unit.toolchains.scripts import files, made
from wasmbuild.build.action import Action, Output, ToolFile
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.wat import WatToolchain

ADAPTER = WatToolchain()
PROGRAM = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.wat", "--wasmtime", version("wasmtime"))


def test_the_action(tmp_path: Path) -> None:
    found, actions = made(ADAPTER, files(tmp_path, {"hello.wat": ""}), Target("x"))
    assert found.certain
    assert actions == (
        Action(
            name="compile",
            tool="wat2wasm",
            argv=(*PROGRAM, "--strip", "--", "hello.wat", Output("x.wasm")),
            outputs=("x.wasm",),
            inputs=("hello.wat",),
        ),
    )


def test_names_stay_in_debug(tmp_path: Path) -> None:
    _, (action,) = made(ADAPTER, files(tmp_path, {"hello.wat": ""}), Target("x", optimize="debug"))
    assert action.argv == (*PROGRAM, "--", "hello.wat", Output("x.wasm"))


@pytest.mark.parametrize(
    ("paths", "entry", "certain"),
    [
        (("a.wat", "b.wat", "x.wat"), "x.wat", False),
        (("src/main.wat", "src/other.wat"), "src/main.wat", False),
        (("a.wat", "tests/b.wat"), "a.wat", False),
        (("tests/b.wat",), None, None),
        (("main.c", "a.wat"), "a.wat", False),
        (("a.wast",), None, None),
    ],
)
def test_detection(tmp_path: Path, paths: tuple[str, ...], entry: str | None, certain: bool | None) -> None:
    found = ADAPTER.detect(files(tmp_path, dict.fromkeys(paths, "")), Target("x"))
    assert (found and found.entry, found and found.certain) == (entry, certain)


def test_no_entry(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no WAT file"):
        ADAPTER.detect(files(tmp_path, {"a.c": ""}), Target("x", "wat"))
    with pytest.raises(InvalidProject, match="there are 2 WAT files") as caught:
        ADAPTER.detect(files(tmp_path, {"a.wat": "", "b.wat": ""}), Target("x", "wat"))
    assert caught.value.hint == 'entry = "a.wat"'
    with pytest.raises(InvalidProject, match="there are 2 WAT files"):
        ADAPTER.detect(files(tmp_path, {}), Target("x"))


def test_an_assembler_of_which_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ToolchainMissing, match="which wasmtime") as caught:
        made(ADAPTER, files(tmp_path, {"a.wat": ""}), Target("x"))
    assert caught.value.hint == "pip install wasmtime"


def test_settings_that_mean_nothing() -> None:
    assert ADAPTER.needs(Target("x")) == ()
    with pytest.raises(InvalidProject, match="flags means nothing for WAT"):
        ADAPTER.needs(Target("x", flags=("-O",)))
