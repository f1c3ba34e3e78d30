import json
import re
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import wasmbuild.project
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidProject
from wasmbuild.project import parse
from wasmbuild.project.keys import BUILD, PROJECT, TARGET
from wasmbuild.project.schema import schema
from wasmbuild.tables import parse_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "project-file.md"
SHIPPED = Path(wasmbuild.project.__file__).with_name("wasmbuild.schema.json")
VALIDATOR = Draft202012Validator(schema())
SMALLEST = '[project]\nname = "hello"\nversion = "1.0.0"\n'


def parses(text: str) -> bool:
    try:
        parse(Path("/p"), parse_table("wasmbuild.toml", text.encode()))
    except InvalidProject:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_shipped_file_is_what_the_keys_say() -> None:
    # wasmbuild config --schema > wasmbuild/project/wasmbuild.schema.json
    assert json.loads(SHIPPED.read_text()) == schema()


def test_the_command_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--schema"]) == 0
    assert json.loads(capfd.readouterr().out) == schema()
    assert run(["config", "--schema", "--show-origin"]) == 2


FULL = """
[project]
name = "hello"
version = "1.0.0-rc.1+build.5"
description = "a\\tb"
authors = ["Ada"]

[build]
network = true
timeout = 60
memory = "2 GiB"
language = "rust"
kind = "component"
sources = ["src/**/*.rs"]
wit = "wit"
environment = { A_1 = "x" }

[target.one]
optimize = "debug"
depends = ["two"]

[target.two]
language = "custom"
command = ["make"]
outputs = ["x.wasm"]

[capabilities]
allow = ["clocks"]
imports = ["env::log"]

[registry]
repository = "r.example/x"

[workspace]
members = ["apps/*"]
"""


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST,
        FULL,
        '[workspace]\nmembers = ["a/*"]\n',
        '[workspace]\nmembers = ["a"]\n[build]\ntimeout = 5\n',
        SMALLEST + "[workspace]\n",
        SMALLEST + '[build]\nentry = "a..b/..c"\n',
    ],
)
def test_what_the_parser_takes_the_schema_takes(text: str) -> None:
    assert parses(text)
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\n" + SMALLEST,
        '[project]\nname = "a"\n',
        '[project]\nname = "A"\nversion = "1.0.0"\n',
        f'[project]\nname = "{"a" * 101}"\nversion = "1.0.0"\n',
        '[project]\nname = "a"\nversion = "1.0"\n',
        SMALLEST + 'description = "a\\u0000"\n',
        SMALLEST + 'authors = "me"\n',
        SMALLEST + "authors = [1]\n",
        SMALLEST + "[build]\noptimise = 'size'\n",
        SMALLEST + "[build]\noptimize = 'sizes'\n",
        SMALLEST + "[build]\nkind = 'app'\n",
        SMALLEST + "[build]\nnetwork = 'yes'\n",
        SMALLEST + "[build]\ntimeout = 0\n",
        SMALLEST + "[build]\ntimeout = 86401\n",
        SMALLEST + "[build]\ntimeout = true\n",
        SMALLEST + "[build]\nmemory = '2 apples'\n",
        SMALLEST + "[build]\nmemory = 2\n",
        SMALLEST + "[build]\nsources = ['../x']\n",
        SMALLEST + "[build]\nsources = ['a/..']\n",
        SMALLEST + "[build]\nsources = ['/x']\n",
        SMALLEST + "[build]\nsources = ['']\n",
        SMALLEST + "[build]\nentry = 'a\\b'\n",
        SMALLEST + "[build]\nenvironment = { 'a b' = 'x' }\n",
        SMALLEST + "[build]\nenvironment = { a = 1 }\n",
        SMALLEST + "[target.A]\n",
        SMALLEST + "[target.a]\ntimeout = 1\n",
        SMALLEST + "[target]\na = 1\n",
        SMALLEST + "[capabilities]\nallow = ['everything']\n",
        SMALLEST + "[workspace]\nmembers = ['../x']\n",
        '[workspace]\nmembers = ["a"]\n[registry]\n',
        '[workspace]\nmembers = ["a"]\n[build]\nlanguage = "c"\n',
        "[workspace]\nmembers = []\n",
        "[build]\n",
    ],
)
def test_what_the_parser_refuses_the_schema_refuses(text: str) -> None:
    assert not parses(text)
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) != []


def test_the_document_is_right() -> None:
    text = DOCUMENT.read_text()
    whole, targets, _ = re.findall(r"```toml[^\n]*\n(.*?)```", text, re.DOTALL)
    assert parses(whole)
    assert parses(SMALLEST + targets)
    missing = [
        name for name in {**PROJECT, **BUILD, **TARGET} if f"`{name}`" not in text and f"\n{name} = " not in text
    ]
    assert missing == []


words = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2FF), max_size=6)
values = st.one_of(
    words,
    st.sampled_from(["size", "command", "../a", "a/b", "2GiB", "c", "hello", "1.0.0"]),
    st.integers(-2, 90000),
    st.booleans(),
    st.lists(words, max_size=2),
    st.dictionaries(words, words, max_size=2),
)
keys = st.sampled_from([name for name in {**PROJECT, **BUILD, **TARGET} if name not in {"command", "depends"}])
tables = st.dictionaries(keys, values, max_size=3)


@given(st.fixed_dictionaries({}, optional={"build": tables, "target": st.dictionaries(words, tables, max_size=2)}))
def test_both_have_the_same_verdict(document: dict[str, object]) -> None:
    whole = {"project": {"name": "hello", "version": "1.0.0"}, **document}
    text = tomlkit.dumps(whole)
    assert parses(text) == VALIDATOR.is_valid(tomllib.loads(text))
