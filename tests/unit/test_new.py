import tomllib
from pathlib import Path

import pytest

from registry.errors import StorageFailed
from wasmbuild.errors import TargetExists, UnknownTemplate, UsageFailed
from wasmbuild.project import Project
from wasmbuild.workflows import new as module
from wasmbuild.workflows.new import new, templates, templates_root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_template_says_what_it_is_and_becomes_a_project(tmp_path: Path) -> None:
    found = templates()
    assert "c-cli" in [template.id for template in found]
    for template in found:
        assert template.description
        files = new(template.id, tmp_path / template.id, name="my-app")
        assert files == sorted(files)
        assert {file for file in (tmp_path / template.id).rglob("*") if file.is_file()} == set(files)
        assert Project.load(tmp_path / template.id).name == "my-app"
        assert not any("{{" in file.read_text() for file in files)
        assert "template.toml" not in [file.name for file in files]


def test_each_folder_of_templates_is_one() -> None:
    folders = [path for path in templates_root().iterdir() if path.is_dir()]
    assert sorted(path.name for path in folders) == [template.id for template in templates()]
    for folder in folders:
        tomllib.loads((folder / "template.toml").read_text())


def test_the_ignore_file_gets_its_dot(tmp_path: Path) -> None:
    files = new("c-cli", tmp_path / "hello", name="hello")
    assert tmp_path / "hello" / ".gitignore" in files
    assert not (tmp_path / "hello" / "gitignore").exists()


def test_parents_are_made_and_nothing_else_stays(tmp_path: Path) -> None:
    new("c-cli", tmp_path / "a" / "b", name="b")
    assert names(tmp_path / "a") == ["b"]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 != 0


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    new("c-cli", Path(), name="hello")
    assert tmp_path.stat().st_ino == before
    assert names(tmp_path) == [".gitignore", "README.md", "src", "wasmbuild.toml"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_stays(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "hello"
    if kind == "folder":
        target.mkdir()
        (target / "mine").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExists):
        new("c-cli", target, name="hello")
    assert names(tmp_path) == ["hello"]
    assert kind != "folder" or names(target) == ["mine"]


def test_an_unknown_template_comes_with_a_guess_and_the_list(tmp_path: Path) -> None:
    with pytest.raises(UnknownTemplate) as caught:
        new("c-cly", tmp_path / "hello", name="hello")
    assert caught.value.hint == "did you mean c-cli?"
    assert caught.value.cause is not None
    assert "c-cli" in caught.value.cause
    assert names(tmp_path) == []


@pytest.mark.parametrize("template", ["", "..", "../templates/c-cli", "/etc"])
def test_a_template_is_not_a_path(tmp_path: Path, template: str) -> None:
    with pytest.raises(UnknownTemplate):
        new(template, tmp_path / "hello", name="hello")


@pytest.mark.parametrize("name", ["", "Hello", "a/b", '"', "a b", "a" * 101])
def test_an_invalid_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageFailed) as caught:
        new("c-cli", tmp_path / "hello", name=name)
    assert caught.value.hint is not None
    assert names(tmp_path) == []


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        new("c-cli", tmp_path / "file" / "hello", name="hello")


def test_names_in_file_names_and_bytes_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "templates" / "odd"
    (template / "{{name}}").mkdir(parents=True)
    (template / "template.toml").write_text('id = "odd"\ndescription = "odd"\n')
    (template / "{{name}}" / "{{name}}.c").write_text("{{name}}")
    (template / "picture").write_bytes(b"\xff{{name}}")
    (template / "script").write_text("")
    (template / "script").chmod(0o555)
    monkeypatch.setattr(module, "templates_root", lambda: tmp_path / "templates")
    new("odd", tmp_path / "out", name="x")
    assert (tmp_path / "out" / "x" / "x.c").read_text() == "x"
    assert (tmp_path / "out" / "picture").read_bytes() == b"\xff{{name}}"
    assert (tmp_path / "out" / "script").stat().st_mode & 0o700 == 0o700
