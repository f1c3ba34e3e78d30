"""``wasmbuild lock``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wasmbuild.build.tool import Wheels
from wasmbuild.cli.lock import command
from wasmbuild.errors import InvalidProject, NoProject, UsageFailed
from wasmbuild.lock import LOCK_FILE, lock_tools, locked_pins
from wasmbuild.toolchains.pins import shipped_pin

ZIG = shipped_pin("zig")
OLDER = replace(ZIG, version="0.1.0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    return tmp_path


def lock(project: Path, *arguments: str) -> Result:
    arguments = ("--project", str(project), *arguments)
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_what_the_project_needs_is_pinned(project: Path) -> None:
    result = lock(project)
    assert (result.return_value, result.stdout) == (0, f"zig {ZIG.version}\n")
    assert f"zig not pinned -> {ZIG.version}" in result.stderr
    assert locked_pins(project) == {"zig": ZIG}
    again = lock(project)
    assert (again.stdout, again.stderr) == (result.stdout, "")


def test_without_upgrade_what_is_pinned_stays(project: Path) -> None:
    lock_tools(project, [OLDER])
    assert lock(project).stdout == "zig 0.1.0\n"
    assert locked_pins(project) == {"zig": OLDER}


@pytest.mark.parametrize("names", [(), ("zig",)])
def test_an_upgrade_says_what_changed(project: Path, names: tuple[str, ...]) -> None:
    lock_tools(project, [OLDER])
    result = lock(project, "--upgrade", *names, "--format", "json")
    said = json.loads(result.stdout)
    assert said["changes"] == [{"name": "zig", "before": "0.1.0", "after": ZIG.version}]
    assert said["tools"][0]["digest"] == str(ZIG.digest)
    assert locked_pins(project) == {"zig": ZIG}


def test_an_upgrade_mends_a_lock_that_takes_a_tool_from_elsewhere(project: Path) -> None:
    lock_tools(project, [replace(ZIG, package="evil")])
    with pytest.raises(InvalidProject, match="from the package evil") as caught:
        lock(project)
    assert caught.value.hint == "wasmbuild lock --upgrade zig"
    assert lock(project, "--upgrade", "zig").return_value == 0
    assert locked_pins(project) == {"zig": ZIG}


def test_check_changes_nothing_and_says_what_would_change(project: Path) -> None:
    missing = lock(project, "--check")
    assert missing.return_value == 1
    assert f"would change: zig not pinned -> {ZIG.version}" in missing.stderr
    assert not (project / LOCK_FILE).exists()
    lock_tools(project, [OLDER])
    assert lock(project, "--check").return_value == 0
    older = lock(project, "--check", "--upgrade")
    assert older.return_value == 1
    assert f"would change: zig 0.1.0 -> {ZIG.version}" in older.stderr
    assert locked_pins(project) == {"zig": OLDER}


def test_a_tree_of_npm_brings_node(project: Path) -> None:
    (project / "main.c").unlink()
    (project / "assembly").mkdir()
    (project / "assembly" / "index.ts").write_text("export function add(a: i32, b: i32): i32 { return a + b }\n")
    with (project / "wasmbuild.toml").open("a") as file:
        file.write('[build]\nlanguage = "assemblyscript"\n')
    lock(project)
    assert {"assemblyscript", "node"} <= locked_pins(project).keys()


def test_names_go_with_upgrade(project: Path) -> None:
    with pytest.raises(UsageFailed, match="names go with --upgrade"):
        lock(project, "zig")
    with pytest.raises(UsageFailed, match="no tool is called 'zic'") as caught:
        lock(project, "--upgrade", "zic")
    assert caught.value.hint == "did you mean zig?"


@pytest.mark.parametrize("flags", [("--check",), ("--upgrade",), ("--upgrade", "--check")])
def test_a_folder_is_no_name(project: Path, flags: tuple[str, ...]) -> None:
    with pytest.raises(UsageFailed, match="no tool is called") as caught:
        lock(project, str(project), *flags)
    command = f"wasmbuild lock {' '.join(flags)} --project {project}"
    assert caught.value.hint == f"a project is named by --project: {command}"


def test_nothing_to_lock(tmp_path: Path) -> None:
    with pytest.raises(NoProject):
        lock(tmp_path)


def test_wheels_of_all_platforms_are_in_it(project: Path) -> None:
    lock(project)
    assert isinstance(ZIG.source, Wheels)
    text = (project / LOCK_FILE).read_text()
    assert all(artifact.file_name in text for artifact in ZIG.source.artifacts)
