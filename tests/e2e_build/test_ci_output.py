"""Builds in a job of a CI system, with real compilers: what its log gets, read as the system reads it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.ui.runner import commands_in, sections_in

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
PROJECTS = Path(__file__).parents[1] / "projects"

ZIG = "pub fn main() void {\n    undeclared();\n}\n"
WAT = "(module\n  (func $broken (result i32) (i32.const)))\n"
GO = "package main\n\nfunc main() {\n\tundeclared()\n}\n"
ASC = "export function broken(): i32 {\n  return undeclared;\n}\n"
MANIFEST = '[project]\nname = "{0}"\nversion = "1.0.0"\nlanguage = "{0}"\n'


def build(folder, checkout, **environment):
    """Its code and its stderr, byte by byte: a carriage return is part of a marker."""
    finished = subprocess.run(
        [WASMBUILD, "build", str(folder)],
        cwd=checkout,
        env={**os.environ, "GITHUB_WORKSPACE": str(checkout), "CI_PROJECT_DIR": str(checkout), **environment},
        capture_output=True,
        check=False,
        timeout=600,
    )
    return finished.returncode, finished.stderr.decode()


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(PROJECTS / "compiles-not", tmp_path / "one" / "compiles-not")
    shutil.copytree(PROJECTS / "compiles-not", tmp_path / "two" / "compiles-not")
    return tmp_path


def test_github_points_at_the_line(checkout):
    code, err = build("two/compiles-not", checkout, GITHUB_ACTIONS="true")
    assert code == 1
    begin, end, error = commands_in(err)
    assert (begin.name, begin.data, end.name) == ("group", "compile compiles-not", "endgroup")
    place = {"title": "error[WB502]", "file": "two/compiles-not/main.c", "line": "4", "col": "12"}
    assert (error.name, error.properties) == ("error", place)
    assert error.data == "use of undeclared identifier 'undeclared'"


def test_gitlab_gets_sections_and_a_report(checkout):
    code, err = build("one/compiles-not", checkout, GITLAB_CI="true")
    assert code == 1
    assert [kind for kind, _ in sections_in(err)] == ["start", "end"]
    (issue,) = json.loads((checkout / "gl-code-quality-report.json").read_text())
    assert issue["location"] == {"path": "one/compiles-not/main.c", "lines": {"begin": 4}}


def test_a_build_that_works_marks_nothing(checkout):
    (checkout / "one/compiles-not/main.c").write_text("int main(void) { return 0; }\n")
    for system in ("GITHUB_ACTIONS", "GITLAB_CI"):
        code, err = build("one/compiles-not", checkout, **{system: "true"})
        assert code == 0, err
        assert not {"error", "warning"} & {each.name for each in commands_in(err)}
    assert not (checkout / "gl-code-quality-report.json").exists()


@pytest.mark.parametrize(
    ("language", "name", "source", "line"),
    [
        ("zig", "src/main.zig", ZIG, "2"),
        ("wat", "main.wat", WAT, "2"),
        ("go", "main.go", GO, "4"),
        ("assemblyscript", "assembly/index.ts", ASC, "2"),
    ],
)
def test_every_compilers_words_lead_to_the_file(language, name, source, line, tmp_path):
    path = tmp_path / "packages" / language / name
    path.parent.mkdir(parents=True)
    path.write_text(source)
    project = tmp_path / "packages" / language
    (project / "wasmbuild.toml").write_text(MANIFEST.format(language).replace("language =", "\n[build]\nlanguage ="))
    if language == "go":
        (project / "go.mod").write_text("module example.com/go\n\ngo 1.24\n")
    code, err = build(project, tmp_path, GITHUB_ACTIONS="true")
    assert code == 1, err
    errors = [each.properties for each in commands_in(err) if each.name == "error"]
    assert [(each.get("file"), each.get("line")) for each in errors] == [(f"packages/{language}/{name}", line)]
