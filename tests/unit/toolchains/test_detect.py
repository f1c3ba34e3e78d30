import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.unit.toolchains.making import tree
from wasmbuild import toolchains
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.project import Target
from wasmbuild.toolchains import TOOLCHAINS, Detection, detect, languages, toolchain_for
from wasmbuild.toolchains.c import CToolchain


class Grain(CToolchain):
    """An adapter of another package."""

    def __init__(self) -> None:
        super().__init__(language="grain")

    def detect(self, tree, target):
        files = tree.ending(".gr")
        return Detection("grain", files, files, "a .gr file") if files else None


def broken() -> None:
    raise RuntimeError("no such thing")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch):
    """Makes it look as if packages had added these adapters."""

    def add(*entries: tuple[str, str]) -> None:
        found = [EntryPoint(name, f"{__name__}:{value}", "wasmbuild.toolchains") for name, value in entries]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: found)
        toolchains._added.cache_clear()
        toolchains._loaded.cache_clear()

    yield add
    toolchains._added.cache_clear()
    toolchains._loaded.cache_clear()


@pytest.mark.parametrize("language", TOOLCHAINS)
def test_adapters_are_found_by_language(language: str) -> None:
    assert toolchain_for(language).language == language


def test_a_language_that_nobody_compiles() -> None:
    with pytest.raises(InvalidProject) as caught:
        toolchain_for("rusty")
    assert caught.value.hint == "did you mean rust?"


@pytest.mark.parametrize(
    ("paths", "language"),
    [
        (("main.c",), "c"),
        (("main.cpp", "helper.c"), "cpp"),
        (("src/main.zig", "build.zig", "native/x.c"), "zig"),
        (("src/main.rs", "Cargo.toml", "native/x.c"), "rust"),
        (("main.go",), "go"),
        (("main.wat",), "wat"),
    ],
)
def test_a_folder_of_sources(tmp_path: Path, paths: tuple[str, ...], language: str) -> None:
    files = tree(tmp_path, *paths, "README.md")
    for path, text in (("Cargo.toml", '[package]\nname = "x"\nversion = "0.1.0"\n'), ("main.go", "package main\n")):
        if (tmp_path / path).exists():
            (tmp_path / path).write_text(text)
    found = detect(files, Target("x"))
    assert found is not None
    assert (found[0].language, found[1].language) == (language, language)


def test_nothing_to_compile(tmp_path: Path) -> None:
    assert detect(tree(tmp_path, "README.md"), Target("x")) is None


def test_two_languages_are_for_the_person_to_decide(tmp_path: Path) -> None:
    with pytest.raises(UsageFailed, match="several languages: c, zig") as caught:
        detect(tree(tmp_path, "a.c", "main.zig"), Target("x"))
    assert caught.value.cause == "c: 1 C file\nzig: main.zig"
    assert "--language c" in (caught.value.hint or "")


def test_one_languages_trouble_is_not_the_others(tmp_path: Path) -> None:
    files = tree(tmp_path, "a.c", "go.mod", "lib.go", "main.zig", "build.zig")
    found = detect(files, Target("x"))
    assert found is not None
    assert found[1].language == "zig"


def test_what_is_missing_is_said_when_nothing_else_is_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="which Go package"):
        detect(tree(tmp_path, "go.mod", "lib.go"), Target("x"))


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (("foo.go",), "which Go package"),
        (("a.js", "b.js"), "no JavaScript or TypeScript file to begin with"),
        (("a.py", "b.py"), "no Python file to begin with"),
        (("a.wat", "b.wat"), "there are 2 WAT files"),
        (("a.wat", "b.wat", "a.py", "b.py"), "several languages, and none"),
    ],
)
def test_no_entry_is_something_else_than_no_sources(tmp_path: Path, paths: tuple[str, ...], problem: str) -> None:
    with pytest.raises(InvalidProject, match=problem) as caught:
        detect(tree(tmp_path, *paths), Target(""))
    assert not caught.value.what.startswith(":")
    assert "entry" in str(caught.value.hint)
    assert detect(tree(tmp_path, *paths, "main.zig", "build.zig"), Target("")) is not None


@pytest.mark.parametrize("path", ["setup.py", "docs/theme/search.js", "eslint.config.js", "tests/data/a.wat"])
def test_what_could_not_be_a_program_is_nothing(tmp_path: Path, path: str) -> None:
    assert detect(tree(tmp_path, path), Target("x")) is None


def test_adapters_of_other_packages(tmp_path: Path, added) -> None:
    added(("grain", "Grain"))
    assert languages()[-1] == "grain"
    assert toolchain_for("grain").language == "grain"
    found = detect(tree(tmp_path, "main.gr"), Target("x"))
    assert found is not None
    assert found[1].language == "grain"


def test_ours_cannot_be_replaced(added) -> None:
    added(("c", "Grain"))
    with pytest.raises(InvalidProject, match="for c, which there is already"):
        languages()


@pytest.mark.parametrize(
    ("value", "cause"), [("broken", "no such thing"), ("CToolchain", "'c'"), ("nothing", "nothing")]
)
def test_an_adapter_that_does_not_work(added, value: str, cause: str) -> None:
    added(("grain", value))
    with pytest.raises(InvalidProject, match="toolchain for grain of the package") as caught:
        toolchain_for("grain")
    assert cause in (caught.value.cause or "")


def test_only_what_is_needed_is_imported() -> None:
    program = (
        "import sys, wasmbuild.toolchains as t; t.toolchain_for('c');"
        "print([m for m in sys.modules if m.startswith('wasmbuild.toolchains.') or m == 'importlib.metadata'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "wasmbuild.toolchains.c" in said
    for other in ("rust", "javascript", "importlib.metadata"):
        assert other not in said
