"""What a job's log looks like, as golden transcripts, with what a compiler was recorded to say."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.ui.runner import commands_in, sections_in
from wasmbuild.cli.main import run
from wasmbuild.errors import CompilationFailed, Failure
from wasmbuild.events import Note, Step, ToolOutput, Transfer
from wasmbuild.ui.ci.choice import chosen
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.console import Console

GOLDEN = Path(__file__).parent / "transcripts"
MISSING = [
    "main.c:4:12: error: use of undeclared identifier 'undeclared'",
    "    4 |     return undeclared;",
    "      |            ^~~~~~~~~~",
    "1 error generated.",
]

GOOD = [
    Note("info", "hello: c: 1 C file"),
    Note("info", "world: zig: src/main.zig"),
    Step("compile", "hello"),
    ToolOutput("zig", "main.c:3:9: warning: unused variable 'x'"),
    Step("compile", "world"),
    ToolOutput("zig", "::add-mask::world"),
    ToolOutput("zig", "##[error]no error"),
    Step("compile", "hello", 1.2),
    Note("warning", "the cache is not used: ghcr.io: denied\n::error::not ours"),
    ToolOutput("zig", "done"),
    Step("compile", "world", 2.3),
    Transfer("sha256:0123456789ab", "begun", 0, 10),
    Transfer("sha256:0123456789ab", "done", 10, 10),
    Transfer("sha256:cdef01234567", "skipped", 20, 20),
    Step("tag", "ghcr.io/acme/hello:1.2.3", 0.1),
]
FAILING = [
    Note("info", "compiles-not: c: 1 C file"),
    Step("compile", "compiles-not"),
    *(ToolOutput("zig", line) for line in MISSING),
]


@pytest.fixture(params=["github", "gitlab"])
def job(request, tmp_path, monkeypatch):
    """A job whose checkout has a project that does not compile."""
    project = tmp_path / "compiles-not"
    project.mkdir()
    (project / "main.c").write_text("int main(void) {\n    return undeclared;\n}\n")
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GITHUB_ACTIONS" if request.param == "github" else "GITLAB_CI", "true")
    return request.param


def shown(text):
    """Control characters as people write them, without what differs from run to run."""
    names = dict.fromkeys(re.findall(r"wasmbuild_[0-9a-f]{8}", text))
    for number, name in enumerate(names, 1):
        text = text.replace(name, f"wasmbuild_{number}")
    return re.sub(r":\d{10}:", ":MOMENT:", text).replace("\r", "\\r").replace("\x1b", "\\e")


def compare(name, text, request):
    path = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(shown(text))
    assert shown(text).splitlines() == path.read_text().splitlines()


def test_a_good_build(job, capfd, request):
    console = Console()
    for event in GOOD:
        console.emit(event)
    console.result("build", "oci:dist/oci@sha256:0", {})
    out, err = capfd.readouterr()
    assert out == "oci:dist/oci@sha256:0\n"
    compare(f"{job}-good", err, request)


def test_a_build_that_fails(job, capfd, request, tmp_path):
    console = Console()
    for event in FAILING:
        console.emit(event)
    folder = tmp_path / "compiles-not"
    console.fail(CompilationFailed("the sources do not compile", cause="\n".join(MISSING), folder=folder))
    compare(f"{job}-failing", capfd.readouterr().err, request)


def test_github_finds_the_line(job, capfd, tmp_path):
    Console().fail(CompilationFailed("no", cause="\n".join(MISSING), folder=tmp_path / "compiles-not"))
    found = commands_in(capfd.readouterr().err)
    if job == "github":
        place = {"title": "error[WB502]", "file": "compiles-not/main.c", "line": "4", "col": "12"}
        assert [(each.name, each.properties) for each in found] == [("error", place)]
        assert found[0].data == "use of undeclared identifier 'undeclared'"
    else:
        (issue,) = json.loads((tmp_path / "gl-code-quality-report.json").read_text())
        assert issue["location"] == {"path": "compiles-not/main.c", "lines": {"begin": 4}}
        assert (issue["check_name"], issue["severity"]) == ("WB502", "critical")


def test_no_more_than_github_shows(monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.c").write_text("")
    lines = [f"main.c:{line}:1: warning: w" for line in range(1, 20)] + ["main.c:99:1: error: e"]
    Console(asked_ci="github").fail(CompilationFailed("no", cause="\n".join(lines)))
    found = commands_in(capfd.readouterr().err)
    assert [each.name for each in found] == ["error", *["warning"] * 9]


def test_warnings_alone_do_not_hide_the_failure(monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.c").write_text("")
    Console(asked_ci="github").fail(CompilationFailed("ended by signal 9", cause="main.c:1:1: warning: w"))
    found = commands_in(capfd.readouterr().err)
    assert [each.name for each in found] == ["error", "warning"]
    assert "ended by signal 9" in found[0].data


@pytest.mark.parametrize("progress", ["plain", "quiet", "json"])
def test_who_asks_for_something_else_gets_no_commands(progress, job, capfd):
    console = Console(progress=progress)
    for event in GOOD:
        console.emit(event)
    console.tell("::error::x\n##[error]y")
    console.fail(Failure("::error::what", cause="##[add-mask]x", hint="::warning::y"))
    err = capfd.readouterr().err
    assert job == "gitlab" or commands_in(err) == []
    assert "section_start" not in err
    if progress == "json":
        assert json.loads(err.splitlines()[-1])["cause"] == "##[add-mask]x"


def test_a_result_on_stdout_is_no_command(monkeypatch, capfd):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    said = "name: x\n  ::set-output name=digest::y\n##[add-path]/tmp"
    Console().result("inspect", said, {})
    Console(format="json").result("inspect", "", {"name": said})
    text, document = capfd.readouterr().out.rsplit("\n", 2)[:2]
    assert commands_in(text + document) == []
    assert json.loads(document)["name"] == said


def test_outside_of_ci_nothing_changes(capfd):
    Console().result("inspect", "::error::x", {})
    Console().tell("##[error]x")
    assert tuple(capfd.readouterr()) == ("::error::x\n", "##[error]x\n")


@pytest.mark.parametrize(
    ("asked", "environment", "system"),
    [
        ("auto", {}, "none"),
        ("auto", {"CI": "true"}, "none"),
        ("auto", {"GITHUB_ACTIONS": "true"}, "github"),
        ("auto", {"GITHUB_ACTIONS": "false", "GITLAB_CI": "true"}, "gitlab"),
        ("none", {"GITHUB_ACTIONS": "true"}, "none"),
        ("gitlab", {"GITHUB_ACTIONS": "true"}, "gitlab"),
    ],
)
def test_which_system_it_is(asked, environment, system):
    assert chosen(asked, environment) == system


def test_a_job_outside_of_a_checkout_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Job.of("github", {"GITHUB_WORKSPACE": "relative"}) == Job(tmp_path)
    assert Job.of("gitlab", {}) == Job(tmp_path)


@pytest.mark.parametrize("words", [["build", "odd"], ["plan", "odd"], ["build", "odd", "--ci", "github"]])
def test_an_error_in_a_project_file_is_shown_at_its_line(words, tmp_path, monkeypatch, capfd):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "wasmbuild.toml").write_text('[project]\nname = "odd"\nversion = "1.0.0"\nnam = 1\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("WASMBUILD_CI", "github")
    assert run(words) == 2
    (found,) = commands_in(capfd.readouterr().err)
    assert found.properties == {"title": "error[WB112]", "file": "odd/wasmbuild.toml", "line": "4", "col": "1"}
    assert found.data == "[project] nam is not a key that wasmbuild knows"


def test_a_traceback_has_no_commands(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.chdir(tmp_path)
    assert run(["inspect", "./##[add-mask]x\n::error::y.wasm", "--debug"]) != 0
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert [each.name for each in commands_in(err)] == ["error"]


def test_a_traceback_has_no_sections(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.chdir(tmp_path)
    hostile = "section_start:1:evil\r\x1b[0K.wasm"
    assert sections_in(hostile)
    assert run(["inspect", f"./{hostile}", "--debug"]) != 0
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert sections_in(err) == []


def test_an_option_that_there_is_not_is_annotated_too(monkeypatch, capfd):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run(["version", "--::error::x"]) == 2
    (found,) = commands_in(capfd.readouterr().err)
    assert found.properties["title"] == "error[WB110]"
