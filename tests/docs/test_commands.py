"""Every command that the documents show runs, prints what they say, and every sample is what it says it is.

The pages with compilers are played in tests/e2e_build, those with programs of others in tests/interop.
"""

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from registry.server.config.toml import load_config
from tests.cli.test_terminal import Terminal
from tests.docs.blocks import PAGES, Block, blocks_of, commands_of, prose_of, text_of
from tests.docs.pages import MAIN, ONE_KEY, TABLE, Page, authorities, not_run, page_of
from tests.docs.playing import like, playable, playing
from wasmbuild.cli.run import BEFORE
from wasmbuild.cli.run import command as run_command
from wasmbuild.configuration import read_settings
from wasmbuild.project.parsing import parse
from wasmbuild.run.deciding.policy import read_policy
from wasmbuild.tables import parse_table
from wasmbuild.trust import read_trust_policy
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.admission import open_admission
from wasmbuild.workflows.templates import read_template

COMMAND = re.compile(
    r"^(\$ )?(sudo )?(wasmbuild|oras|crane|cosign|notation|curl|make|docker|podman|kubectl|pip|python3?|systemctl) ",
    re.MULTILINE,
)
KINDS = ("console", "sh", "toml", "json", "python", "js", "yaml", "http", "ini", "dockerfile", "c", "text", "")


@pytest.mark.parametrize("name", [name for name in PAGES if playable(name) and page_of(name).where == MAIN])
def test_the_page_is_what_happens(name, tmp_path, capfd, request, monkeypatch):
    page = page_of(name)
    if page.compilers:
        request.getfixturevalue("private_cache")
    else:
        monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with playing(name, page, tmp_path / "work", capfd) as player:
        player.play(name, page)


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_in_blocks_that_are_run(name):
    for block in blocks_of(name):
        assert block.language in KINDS, f"{block}: {block.language}"
        if block.language in ("console", "sh"):
            assert block.title or list(commands_of(block)), block
        elif block.language != "yaml":
            assert not COMMAND.search(block.text), f"{block}: commands are in a block console or sh"
    indented = re.findall(r"^    .+$", prose_of(name), re.MULTILINE)
    assert [line for line in indented if COMMAND.search(line.strip())] == []


def _given_to_the_program(line: str) -> set[str]:
    """The options of run that a command line has behind the artifact, where they are the program's."""
    words = shlex.split(line, comments=True)
    places = [place for place in range(len(words)) if words[place : place + 2] == ["wasmbuild", "run"]]
    found: set[str] = set()
    for place in places:
        context = run_command.make_context("run", words[place + 2 :], resilient_parsing=True)
        arguments = context.params["arguments"]
        if arguments[:1] != ("--",):
            found |= {word.partition("=")[0] for word in arguments} & set(BEFORE)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_options_of_run_stand_before_the_artifact(name):
    for block in blocks_of(name):
        if block.language in ("console", "sh"):
            for command in commands_of(block):
                assert not _given_to_the_program(command.line), f"{block}: {command.line}"


def test_an_option_behind_the_artifact_is_found():
    assert _given_to_the_program("wasmbuild run ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub") == {"--key"}
    assert not _given_to_the_program("wasmbuild run --key wasmbuild.pub ghcr.io/acme/hello:1.0.0 -- --key x")


def test_what_is_not_run_is_little_and_has_a_reason():
    left_out = not_run()
    assert len(left_out) <= 60, "\n".join(left_out)
    for name, page in TABLE.items():
        shown = "\n".join(line for line in left_out if line.startswith(name))
        for pattern, why in page.elsewhere.items():
            assert why in shown, f"{name}: nothing is like {pattern}"
    assert set(TABLE) <= set(PAGES)


def _project(path: Path) -> object:
    text = path.read_text()
    head = "" if "[project]" in text else '[project]\nname = "hello"\nversion = "0.1.0"\n'
    return parse(path.parent, parse_table(path.name, f"{head}{text}".encode()))


def _settings(path: Path) -> object:
    needs = {} if path.read_text().startswith("data") else {"data": (str(path.parent), "--data")}
    return load_config(path, {}, needs)


def _template(path: Path) -> object:
    (path.parent / "wasmbuild.toml").write_text('[project]\nname = "{{name}}"\nversion = "0.1.0"\n')
    return read_template(path.parent)


PARSERS: dict[str, Callable[[Path], object]] = {
    "wasmbuild.toml": _project,
    "registry.toml": _settings,
    "config.toml": read_settings,
    "admission.toml": open_admission,
    "trust.toml": read_trust_policy,
    "trust-policy.toml": read_trust_policy,
    "policy.toml": lambda path: read_policy(path, {"HOME": "/home/ada", "TOKEN": "-"}),
    "template.toml": _template,
    "pyproject.toml": lambda path: tomllib.loads(path.read_text()),
    "/etc/containerd/config.toml": lambda path: tomllib.loads(path.read_text()),
}
"""Who reads a file of that name: the code that reads it for users."""


@pytest.fixture(scope="session")
def named_files(tmp_path_factory):
    """What the samples name: keys, a certificate, a trusted root, folders."""
    folder = tmp_path_factory.mktemp("named")
    public = PrivateKey.generate().public.pem
    for name in ("release.pub", "spare.pub", "team.pub", "wasmbuild.pub"):
        (folder / name).write_bytes(public)
    authorities(folder)
    (folder / "trust.toml").write_text(ONE_KEY)
    (folder / "hook").write_text("a secret\n")
    (folder / "data").mkdir()
    return folder


SAMPLES = [block for name in PAGES for block in blocks_of(name) if block.language == "toml"]


@pytest.mark.parametrize("block", SAMPLES, ids=str)
def test_settings_are_those_that_are_read(block, named_files, tmp_path):
    shutil.copytree(named_files, tmp_path, dirs_exist_ok=True)
    name = block.title if block.title in PARSERS else Path(block.title).name
    assert name in PARSERS, f"{block}: its title says whose file it is"
    path = tmp_path / Path(name).name
    path.write_text(block.text.replace("/srv/out", str(tmp_path)).replace("/run/secrets", str(tmp_path)))
    PARSERS[name](path)


@pytest.mark.parametrize(
    "block", [block for name in PAGES for block in blocks_of(name) if block.language in ("json", "yaml")], ids=str
)
def test_json_is_json_and_yaml_is_yaml(block):
    (json.loads if block.language == "json" else lambda text: list(yaml.safe_load_all(text)))(block.text)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a…\n", "abc\n", True),
        ("a…\n", "abc\nd\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a\n", "b\n", False),
        ("", "b\n", False),
        ("…\n", "", True),
    ],
)
def test_what_is_left_open_may_be_anything(shown, printed, same):
    assert like(shown, printed) == same


def test_figures_of_the_explanation_are_those_that_were_measured():
    measured = text_of("docs/claims.md")
    rows = re.findall(r"^\| it .*\|$", text_of("docs/explanation/why-wasm.md"), re.MULTILINE)[1:]
    assert len(rows) == 6
    for figure in re.findall(r"\d[\d,.]*(?: ×| ms| MB| of \d+| engines)", "\n".join(row.split("|")[2] for row in rows)):
        assert figure in measured, figure


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "$ echo this\nthat\n"),
        ("console", "$ wasmbuild version --format json\n{}\n"),
        ("console", "$ wasmbuild resolve registry.example.com/acme/hello:1\nregistry.example.com/acme/hello@…\n"),
        ("console", "$ wasmbuild version\nerror[WB101]: …\n"),
        ("sh", "false\n"),
        ("sh", "wasmbuild inspect missing.wasm\n"),
        ("sh", "wasmbuild versions\n"),
    ],
)
def test_a_page_that_says_what_does_not_happen_is_found(language, text, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = Page(hosts=("registry.example.com",))
    with (
        playing("docs/run-limits.md", page, tmp_path / "work", capfd) as player,
        pytest.raises(AssertionError, match=r"page\.md:1"),
    ):
        player.play_block(Block("page.md", 1, language, "", text), page)


def test_a_sample_of_another_outcome_is_found(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "docs/languages.md"
    page = replace(page_of(name), holds=("TestGrain.files == {}",))
    with (
        playing(name, page, tmp_path / "work", capfd) as player,
        pytest.raises(AssertionError, match=r"languages\.md: TestGrain"),
    ):
        player.play(name, page)


def test_a_dialogue_without_a_command_is_refused():
    with pytest.raises(ValueError, match=r"page\.md:1: the first line"):
        list(commands_of(Block("page.md", 1, "console", "", "wasmbuild build\n")))


def test_new_asks_on_a_terminal_which_template(tmp_path):
    with Terminal("new", "hello", cwd=tmp_path) as terminal:
        terminal.expect("Template")
        terminal.type("wat-cli\n")
        assert terminal.end() == 0
    assert (tmp_path / "hello" / "src" / "main.wat").is_file()
