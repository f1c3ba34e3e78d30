import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from registry.errors import StorageFailed
from tests.cli.test_terminal import Terminal
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidProject, TargetExists, ToolFailed, UnknownTemplate, UsageFailed
from wasmbuild.project import load, make_name, valid_name
from wasmbuild.workflows import template_repository, template_sources
from wasmbuild.workflows import templates as module
from wasmbuild.workflows.new import new, snake_name
from wasmbuild.workflows.template_repository import check_url
from wasmbuild.workflows.templates import choose, templates, templates_root


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
        assert load(tmp_path / template.id).name == "my-app"
        assert not any(b"{{name" in file.read_bytes() for file in files)
        assert "template.toml" not in [file.name for file in files]


def test_no_template_lets_a_private_key_be_committed(tmp_path: Path) -> None:
    """``wasmbuild keys generate`` writes one into the current folder."""
    for template in templates():
        new(template.id, tmp_path / template.id, name="my-app")
        ignored = PathSpec.from_lines("gitignore", (tmp_path / template.id / ".gitignore").read_text().splitlines())
        assert ignored.match_file("wasmbuild.key"), template.id
        assert not ignored.match_file("wasmbuild.pub"), template.id


def test_each_folder_of_templates_is_one() -> None:
    folders = [path for path in templates_root().iterdir() if path.is_dir() and path.name != "ci"]
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
    assert names(tmp_path) == [".gitignore", "README.md", "src", "tests", "wasmbuild.toml"]


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


@pytest.mark.parametrize("template", ["", ".", "..", "nowhere/at/all", "/etc", "README.md", "c-cli/src", "\0/"])
def test_what_is_no_template_is_refused(tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(templates_root())
    with pytest.raises(UnknownTemplate):
        new(template, tmp_path / "hello", name="hello")
    assert names(tmp_path) == []


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


# A matrix of languages and kinds.


def test_the_matrix_is_whole() -> None:
    languages = "c cpp zig rust go assemblyscript javascript python wat"
    wanted = {f"{language}-cli" for language in languages.split()}
    wanted |= {f"{language}-library" for language in ("c", "rust", "go")}
    wanted |= {f"http-{language}" for language in ("javascript", "python", "rust")}
    assert {template.id for template in templates()} == wanted | {"thumbnailer", "markdown"}


def test_each_template_says_how_it_is_tested_and_fits_what_it_says() -> None:
    for template in templates():
        tests = template.root / "tests"
        assert len(list(tests.glob("input.*"))) == len(list(tests.glob("expected.*"))) == 1
        readme = (template.root / "README.md").read_text()
        assert readme.startswith("# {{name}}\n")
        assert "wasmbuild build" in readme
        assert "tests/expected." in readme
        build = tomllib.loads((template.root / "wasmbuild.toml").read_text())["build"]
        assert build["language"] == template.language
        assert build.get("kind", "command") == ("library" if template.kind in {"library", "http"} else "command")
        assert template.tags


def test_no_lock_of_a_template_leaves_a_package_without_its_hash() -> None:
    for lock in templates_root().glob("*/Cargo.lock"):
        packages = tomllib.loads(lock.read_text())["package"]
        assert all(re.fullmatch("[0-9a-f]{64}", each["checksum"]) for each in packages if "source" in each)
    for module_file in templates_root().glob("*/go.mod"):
        needed = re.findall(r"^(?:require )?\t?(\S+) (v\S+)", module_file.read_text(), re.MULTILINE)
        sums = (module_file.parent / "go.sum").read_text() if needed else ""
        assert all(f"{name} {version} h1:" in sums for name, version in needed)


@pytest.mark.parametrize(
    ("language", "kind", "found"),
    [
        ("go", None, ["go-cli"]),
        ("go", "library", ["go-library"]),
        ("go", "program", ["markdown", "thumbnailer"]),
        (None, "http", ["http-javascript", "http-python", "http-rust"]),
    ],
)
def test_language_and_kind_choose(language: str | None, kind: str | None, found: list[str]) -> None:
    assert [template.id for template in choose(language, kind)] == found
    assert len(choose(None, None)) == len(templates())


@pytest.mark.parametrize(
    ("language", "kind", "said"),
    [("pyton", None, "did you mean python?"), ("go", "librari", "did you mean library?"), ("wat", "http", None)],
)
def test_a_choice_of_nothing_says_what_there_is(language: str, kind: str | None, said: str | None) -> None:
    with pytest.raises(UsageFailed) as caught:
        choose(language, kind)
    assert caught.value.cause is not None
    assert caught.value.hint == said


@given(st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True))
def test_a_snake_name_is_an_identifier(name: str) -> None:
    snake = snake_name(name)
    assert snake.isidentifier()
    assert snake.lstrip("_").replace("_", "") == re.sub("[._-]", "", name)


@given(st.text(max_size=40))
def test_every_folder_has_a_name_for_its_project(folder: str) -> None:
    assert valid_name(make_name(folder))


# Folders of others.


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A template that somebody else wrote."""
    root = tmp_path / "theirs"
    (root / ".config").mkdir(parents=True)
    (root / "wasmbuild.toml").write_text('# Ours.\n[project]\nname = "theirs" # theirs\nversion = "0.1.0"\n')
    (root / ".config" / "main").write_text("{{name}} {{name_snake}}")
    (root / "script").write_text("")
    (root / "script").chmod(0o755)
    return root


def test_a_folder_becomes_a_project_with_its_own_name(tmp_path: Path, theirs: Path) -> None:
    (theirs / ".git").mkdir()
    (theirs / ".git" / "config").write_text("")
    (theirs / "dist").mkdir()
    (theirs / "dist" / "theirs.wasm").write_bytes(b"")
    new(str(theirs), tmp_path / "mine", name="mine-too")
    assert load(tmp_path / "mine").name == "mine-too"
    assert "# Ours." in (tmp_path / "mine" / "wasmbuild.toml").read_text()
    assert (tmp_path / "mine" / ".config" / "main").read_text() == "mine-too mine_too"
    assert os.access(tmp_path / "mine" / "script", os.X_OK)
    assert names(tmp_path / "mine") == [".config", "script", "wasmbuild.toml"]


def test_a_name_that_is_no_text_is_replaced(tmp_path: Path, theirs: Path) -> None:
    (theirs / "wasmbuild.toml").write_text('[project]\nname = { a = 1 }\nversion = "0.1.0"\n')
    new(str(theirs), tmp_path / "mine", name="mine")
    assert load(tmp_path / "mine").name == "mine"


def test_a_subfolder_of_a_folder(tmp_path: Path) -> None:
    new(str(templates_root()), tmp_path / "mine", name="mine", subfolder="go-cli")
    assert (tmp_path / "mine" / "go.mod").read_text().startswith("module example.com/mine\n")


@pytest.mark.parametrize("subfolder", ["../theirs", "/etc", "a\\b", "a\nb"])
def test_a_subfolder_stays_inside(tmp_path: Path, theirs: Path, subfolder: str) -> None:
    with pytest.raises(UsageFailed):
        new(str(theirs), tmp_path / "mine", name="mine", subfolder=subfolder)


def test_a_subfolder_is_not_for_our_own(tmp_path: Path) -> None:
    with pytest.raises(UsageFailed):
        new("c-cli", tmp_path / "mine", name="mine", subfolder="src")


def test_a_subfolder_that_is_a_link_out_is_refused(tmp_path: Path, theirs: Path) -> None:
    (theirs / "out").symlink_to(templates_root() / "c-cli")
    with pytest.raises(UnknownTemplate):
        new(str(theirs), tmp_path / "mine", name="mine", subfolder="out")


def spoil(root: Path, fault: str) -> None:
    match fault:
        case "link out":
            (root / "link").symlink_to("/etc/passwd")
        case "link up":
            (root / "link").symlink_to("../secret")
            (root.parent / "secret").write_text("secret")
        case "dangling":
            (root / "link").symlink_to("nowhere")
        case "circle":
            (root / "link").symlink_to("link")
        case "link to a folder":
            (root / "link").symlink_to(".config")
        case "description is a link":
            (root / "template.toml").symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(root / "pipe")
        case "too many":
            for count in range(template_sources.MAX_FILES):
                (root / str(count)).write_text("")
        case "too large":
            with (root / "large").open("wb") as file:
                file.truncate(template_sources.MAX_BYTES + 1)
        case "too deep":
            (root / "/".join("d" * 20)).mkdir(parents=True)
        case "two of a name":
            (root / "{{name}}").write_text("")
            (root / "mine").write_text("")


FAULTS = [
    *("link out", "link up", "dangling", "circle", "link to a folder", "pipe", "too many", "too large", "too deep"),
    *("two of a name",),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_trusted_is_refused_whole(tmp_path: Path, theirs: Path, fault: str) -> None:
    spoil(theirs, fault)
    before = names(tmp_path)
    with pytest.raises(UnknownTemplate) as caught:
        new(str(theirs), tmp_path / "mine", name="mine")
    assert caught.value.cause
    assert names(tmp_path) == before


def test_a_description_that_is_a_link_is_not_read(tmp_path: Path, theirs: Path) -> None:
    spoil(theirs, "description is a link")
    new(str(theirs), tmp_path / "mine", name="mine")
    assert names(tmp_path / "mine") == [".config", "script", "wasmbuild.toml"]


def test_a_link_inside_becomes_what_it_names(tmp_path: Path, theirs: Path) -> None:
    (theirs / "link").symlink_to("script")
    new(str(theirs), tmp_path / "mine", name="mine")
    assert not (tmp_path / "mine" / "link").is_symlink()
    assert (tmp_path / "mine" / "link").read_text() == ""


def test_a_malformed_description_is_an_error(tmp_path: Path, theirs: Path) -> None:
    (theirs / "template.toml").write_text('id = "theirs"\ndescription = "theirs"\nlangauge = "c"\n')
    with pytest.raises(InvalidProject) as caught:
        new(str(theirs), tmp_path / "mine", name="mine")
    assert caught.value.hint == "did you mean language?"


# Repositories of git.

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path, theirs: Path) -> str:
    """The URL of a repository that holds the template; a tag and a second commit are there as well."""
    commit(theirs)
    return theirs.as_uri()


def commit(root: Path) -> None:
    author = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
    committer = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}
    env = {**os.environ, **author, **committer, "GIT_CONFIG_GLOBAL": os.devnull}
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)


@needs_git
@pytest.mark.parametrize("nested", [False, True])
def test_a_repository_becomes_a_project(tmp_path: Path, theirs: Path, nested: bool) -> None:
    root = theirs
    if nested:
        root = tmp_path / "many"
        (root / "a").mkdir(parents=True)
        theirs.rename(root / "a" / "theirs")
    commit(root)
    before = names(tmp_path)
    new(f"{root.as_uri()}#a/theirs" if nested else root.as_uri(), tmp_path / "mine", name="mine")
    assert names(tmp_path) == sorted([*before, "mine"])
    assert names(tmp_path / "mine") == [".config", "script", "wasmbuild.toml"]
    assert load(tmp_path / "mine").name == "mine"
    assert os.access(tmp_path / "mine" / "script", os.X_OK)
    assert (tmp_path / "mine" / ".config" / "main").read_text() == "mine mine"


@needs_git
def test_no_hook_no_filter_and_no_submodule_of_anybody_has_a_say(
    tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = tmp_path / "touched"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{touched}'\n")
        (hooks / name).chmod(0o755)
    (theirs / ".gitattributes").write_text("script filter=evil\n")
    commit(theirs)
    (tmp_path / "config").write_text(
        f'[core]\nhooksPath = {hooks}\n[filter "evil"]\nsmudge = touch {touched}\nclean = cat\nrequired = true\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(tmp_path / "config", tmp_path / ".gitconfig")
    new(theirs.as_uri(), tmp_path / "mine", name="mine")
    assert not touched.exists()


@needs_git
@pytest.mark.parametrize(
    "fault", ["link out", "link up", "dangling", "circle", "link to a folder", "too many", "too large"]
)
def test_a_repository_that_cannot_be_trusted_is_refused_whole(tmp_path: Path, theirs: Path, fault: str) -> None:
    spoil(theirs, fault)
    commit(theirs)
    before = names(tmp_path)
    with pytest.raises(UnknownTemplate) as caught:
        new(theirs.as_uri(), tmp_path / "mine", name="mine")
    assert caught.value.cause
    assert names(tmp_path) == before


@needs_git
def test_a_link_inside_a_repository_becomes_what_it_names(tmp_path: Path, theirs: Path) -> None:
    (theirs / ".config" / "link").symlink_to("../wasmbuild.toml")
    commit(theirs)
    new(theirs.as_uri(), tmp_path / "mine", name="mine")
    assert not (tmp_path / "mine" / ".config" / "link").is_symlink()
    assert "theirs" in (tmp_path / "mine" / ".config" / "link").read_text()


@needs_git
@pytest.mark.parametrize("broken", ["nowhere", "empty", "no such subfolder"])
def test_a_repository_that_cannot_be_fetched_says_what_git_says(tmp_path: Path, theirs: Path, broken: str) -> None:
    url = (tmp_path / "nowhere").as_uri()
    if broken == "empty":
        subprocess.run(["git", "init", "-q", tmp_path / "nowhere"], check=True)
    if broken == "no such subfolder":
        commit(theirs)
        url = f"{theirs.as_uri()}#nowhere"
    with pytest.raises(UnknownTemplate) as caught:
        new(url, tmp_path / "mine", name="mine")
    assert caught.value.cause
    assert not (tmp_path / "mine").exists()


@needs_git
def test_a_repository_that_is_too_slow_is_given_up(
    tmp_path: Path, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_repository, "_SECONDS", 0)
    with pytest.raises(ToolFailed):
        new(repository, tmp_path / "mine", name="mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/a.git", "git://example.com/a", "ext::sh -c true", "ftp://example.com/a"),
        *("https://me:secret@example.com/a.git", "https://secret@example.com/a.git", "ssh://me:secret@example.com/a"),
        *("https://[/a.git", "https://example.com/a\n.git"),
    ],
)
def test_urls_that_are_not_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageFailed) as caught:
        new(url, tmp_path / "mine", name="mine")
    shown = f"{caught.value} {caught.value.cause} {caught.value.hint}"
    assert "secret" not in shown
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["https://example.com/a.git", "git@example.com:a/b.git", "ssh://git@example.com/a", "file:///a"]
)
def test_urls_that_are_fetched(url: str) -> None:
    check_url(url)


# The command.


def said(capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> tuple[str, str]:
    assert run(["new", *words]) == expect
    return capsys.readouterr()


def test_the_list_has_every_template_with_its_description(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, "--list")
    assert [line.split("  ")[0] for line in out.splitlines()] == [template.id for template in templates()]
    assert all(template.description in out for template in templates())
    narrowed, _ = said(capsys, "--list", "--kind", "http", "--format", "json")
    document = json.loads(narrowed)
    assert document["schemaVersion"] == 1
    assert [each["language"] for each in document["templates"]] == ["javascript", "python", "rust"]
    assert all(each["description"] and each["tags"] for each in document["templates"])


def test_a_language_is_enough(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, _ = said(capsys, "--language", "zig", str(tmp_path / "hello"))
    assert out == f"{tmp_path / 'hello'}\n"
    assert (tmp_path / "hello" / "src" / "main.zig").is_file()


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["hello"], "wat-cli"),
        (["--kind", "http", "hello"], "http-rust"),
        (["--template", "c-cli"], "FOLDER"),
        (["--template", "c-cli", "--language", "c", "hello"], "--template says it all"),
        (["--list", "hello"], "--list makes nothing"),
    ],
)
def test_without_a_terminal_nothing_is_asked(
    capsys: pytest.CaptureFixture[str], words: list[str], known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, err = said(capsys, *words, expect=2)
    assert known in err
    assert names(tmp_path) == []


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    with Terminal("new", cwd=tmp_path) as terminal:
        terminal.expect("thumbnailer ")
        terminal.expect("Template:")
        terminal.type("wat\n")
        terminal.expect("is not one of")
        terminal.type("wat-cli\n")
        terminal.expect("Folder:")
        terminal.type("hello\n")
        assert terminal.end() == 0
    assert (tmp_path / "hello" / "src" / "main.wat").is_file()
