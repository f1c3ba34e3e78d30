import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.build.tree import SourceTree
from wasmbuild.cli.main import run
from wasmbuild.errors import NoProject, TargetExists, UsageFailed
from wasmbuild.project import load, parse, valid_name, valid_version
from wasmbuild.tables import parse_table
from wasmbuild.workflows.init import Proposal, propose, render, write_project
from wasmbuild.workflows.manifests import About, read_about

WAT = '(module (func (export "_start")))'


def wat(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.wat").write_text(WAT)
    return folder


def about(folder: Path, language: str = "c", **files: str) -> About:
    for name, text in files.items():
        folder.joinpath(name.replace("_", ".")).write_text(text)
    return read_about(SourceTree.of(folder), language)


def test_a_project_file_for_sources(tmp_path: Path) -> None:
    folder = wat(tmp_path / "My Tool")
    path = write_project(propose(folder))
    project = load(folder)
    assert path == folder / "wasmbuild.toml"
    assert path.stat().st_mode & 0o777 == 0o644
    assert (project.name, project.version, project.targets[0].language) == ("my-tool", "0.1.0", "wat")
    assert 'language = "wat"  # main.wat' in path.read_text()
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str) -> None:
    proposal = propose(wat(tmp_path))
    there = tmp_path / "wasmbuild.toml"
    there.write_text("mine") if kind == "file" else there.symlink_to("nowhere")
    with pytest.raises(TargetExists):
        propose(tmp_path)
    with pytest.raises(TargetExists):
        write_project(proposal)
    assert (there.read_text() if kind == "file" else str(there.readlink())) == ("mine" if kind == "file" else "nowhere")


def test_no_sources_and_no_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NoProject) as caught:
            propose(folder)
        assert ((caught.value.cause or "").endswith("missing is not there")) == (folder != tmp_path)


def test_several_languages_need_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "src" / "main.zig").write_text("pub fn main() void {}\n")
    with pytest.raises(UsageFailed, match="several languages: c, zig") as caught:
        propose(tmp_path)
    assert caught.value.hint == f"wasmbuild init {tmp_path} --language c"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageFailed) as caught:
        propose(Path("src/.."))
    assert caught.value.hint == "wasmbuild init src/.. --language c"
    with pytest.raises(UsageFailed) as caught:
        propose(Path())
    assert caught.value.hint == "wasmbuild init --language c"
    assert propose(tmp_path, "zig").language == "zig"
    with pytest.raises(UsageFailed, match="'zog' is not one"):
        propose(tmp_path, "zog")
    with pytest.raises(NoProject, match="no sources in go"):
        propose(tmp_path, "go")


def test_what_cargo_says(tmp_path: Path) -> None:
    text = (
        '[package]\nname = "My_Crate"\nversion = "1.2.3"\ndescription = "does it"\nlicense = "MIT OR Apache-2.0"\n'
        'authors = ["Ada <a@example.org>"]\nrepository = "https://example.org/r"\nhomepage = "https://example.org"\n'
    )
    assert about(tmp_path, "rust", Cargo_toml=text) == About(
        name="my-crate",
        version="1.2.3",
        description="does it",
        authors=("Ada <a@example.org>",),
        licenses="MIT OR Apache-2.0",
        source="https://example.org/r",
        homepage="https://example.org",
    )


def test_what_npm_says(tmp_path: Path) -> None:
    package = {
        "name": "@acme/tool",
        "version": "0.3.0",
        "description": "two\nlines",
        "license": "ISC",
        "author": {"name": "Ada", "email": "a@example.org"},
        "repository": {"type": "git", "url": "git+https://example.org/r.git"},
    }
    found = about(tmp_path, package_json=json.dumps(package))
    assert (found.name, found.version, found.description) == ("tool", "0.3.0", "two lines")
    assert (found.licenses, found.authors, found.source) == (
        "ISC",
        ("Ada <a@example.org>",),
        "https://example.org/r.git",
    )


def test_what_python_and_go_say(tmp_path: Path) -> None:
    pyproject = (
        '[project]\nname = "tool"\nversion = "1.0"\nlicense = { text = "MIT" }\nauthors = [{ name = "Ada" }]\n'
        '[project.urls]\nHomepage = "https://example.org"\nSource = "https://example.org/s"\n'
    )
    found = about(tmp_path, "python", pyproject_toml=pyproject)
    assert found == About(
        name="tool",
        authors=("Ada",),
        licenses="MIT",
        source="https://example.org/s",
        homepage="https://example.org",
    )
    assert about(tmp_path, "go", go_mod="module example.org/acme/tool2/v3\n\ngo 1.27\n").name == "tool2"
    assert about(tmp_path, "go").source == "https://example.org/acme/tool2"
    assert about(tmp_path, "go").licenses == "MIT"


@pytest.mark.parametrize(
    "package",
    [
        {"name": "@", "version": "1", "license": "UNLICENSED", "repository": "http://u:p@h/x", "author": 1},
        {"name": 5, "version": {}, "license": "SEE LICENSE IN X", "repository": {"url": "ssh://h/x"}, "author": []},
        {"name": "\u00e4", "description": "x" * 501, "homepage": "javascript:x"},
    ],
)
def test_what_is_not_as_it_should_be_is_not_there(tmp_path: Path, package: object) -> None:
    assert about(tmp_path, package_json=json.dumps(package)) == About()


@pytest.mark.parametrize("text", ["", "[", "[[]]", "null", "{", "[package]\nname = {workspace = true}", "[" * 9999])
def test_broken_manifests_are_not_there(tmp_path: Path, text: str) -> None:
    for name in ("Cargo_toml", "package_json", "pyproject_toml", "go_mod"):
        assert about(tmp_path, **{name: text}) == About()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(texts, texts, texts, texts, st.lists(texts, max_size=2))
def test_whatever_a_manifest_says_the_file_is_a_project(
    name: str, version: str, description: str, why: str, authors: list[str]
) -> None:
    from wasmbuild.workflows.manifests import _npm

    package = {"name": name, "version": version, "description": description, "license": why}
    found = _npm(json.dumps(package)).otherwise(About(authors=tuple(a for a in authors if a.isprintable() and a)))
    proposal = Proposal(Path("/p"), found, "c", why)
    project = parse(Path("/p"), parse_table("wasmbuild.toml", render(proposal).encode()))
    assert valid_name(project.name)
    assert valid_version(project.version)
    assert project.description == found.description


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wat(tmp_path / "hello")
    assert run(["init", str(tmp_path / "hello"), "--name", "Bad Name"]) == 2
    assert run(["init", str(tmp_path / "hello"), "--name", "other", "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["name"], document["language"]) == ("other", "wat")
    assert run(["init", str(tmp_path / "hello")]) == 2


def test_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import click.testing

    from wasmbuild.cli.init import command
    from wasmbuild.ui.console import Console

    wat(tmp_path / "hello")
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True)
    answers = "No Name\nnamed\n1.x\n2.0.0\n  a  sentence \n"
    asked = click.testing.CliRunner().invoke(command, [str(tmp_path / "hello")], input=answers, obj=Console())
    assert asked.exit_code == 0, asked.output
    project = load(tmp_path / "hello")
    assert (project.name, project.version, project.description) == ("named", "2.0.0", "a sentence")
