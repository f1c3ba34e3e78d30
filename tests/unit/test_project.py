import contextlib
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidProject, NoProject
from wasmbuild.project import Project, Target, make_name, valid_name, valid_version
from wasmbuild.tables import MAX_DOCUMENT, parse_table

SMALLEST = '[project]\nname = "hello"\nversion = "1.0.0"\n'


def parse(text: str | bytes) -> Project:
    data = text.encode() if isinstance(text, str) else text
    return Project.parse(Path("/p"), parse_table("wasmbuild.toml", data))


def refused(text: str | bytes) -> InvalidProject:
    with pytest.raises(InvalidProject) as caught:
        parse(text)
    return caught.value


def test_the_smallest_project() -> None:
    assert parse(SMALLEST) == Project(Path("/p"), "hello", "1.0.0", Target("hello"))


def test_a_full_project(tmp_path: Path) -> None:
    tmp_path.joinpath("wasmbuild.toml").write_text(
        SMALLEST + 'description = "d"\nauthors = ["Ada <ada@example.org>"]\nlicenses = "MIT"\n'
        'source = "https://example.org/s"\nhomepage = "https://example.org"\n'
        '[build]\nlanguage = "c"\nsources = ["src/**/*.c"]\noptimize = "speed"\nflags = ["-DX=1"]\n'
    )
    project = Project.load(tmp_path)
    assert project.target == Target("hello", "c", ("src/**/*.c",), "speed", ("-DX=1",))
    assert (project.description, project.authors, project.licenses) == ("d", ("Ada <ada@example.org>",), "MIT")
    assert (project.source, project.homepage) == ("https://example.org/s", "https://example.org")


def test_no_project_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(NoProject) as caught:
        Project.load(tmp_path)
    assert caught.value.hint == "wasmbuild new --template c-cli hello"


@pytest.mark.parametrize("root", ["missing", "wasmbuild.toml"])
def test_a_folder_that_is_not_one(tmp_path: Path, root: str) -> None:
    tmp_path.joinpath("wasmbuild.toml").write_text(SMALLEST)
    with pytest.raises(NoProject):
        Project.load(tmp_path / root)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_project_file_that_is_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "wasmbuild.toml")
    with pytest.raises(InvalidProject, match="is not a file"):
        Project.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (SMALLEST + "[build]\noptimise = 'size'\n", "line 5: [build] optimise", "did you mean optimize?"),
        (SMALLEST + "[biuld]\n", "line 4: biuld", "did you mean build?"),
        (SMALLEST + "zzz = 1\n", "line 4: [project] zzz", "known here: authors"),
        ("[build]\nzzz = 1\n" + SMALLEST, "line 2: [build] zzz", "known here: flags"),
    ],
)
def test_unknown_keys_are_errors_with_a_place_and_a_guess(text: str, place: str, hint: str) -> None:
    error = refused(text)
    assert place in error.what
    assert error.hint is not None
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "[project] name is missing"),
        ('[project]\nname = "a"\n', "line 1: [project] version is missing"),
        ('[project]\nname = ""\n', "line 2: [project] name is empty"),
        ("[project]\nname = 1\n", "line 2: [project] name must be a string, not a number"),
        ("[project]\nname = true\n", "must be a string, not true or false"),
        ("[project]\nname = 2020-01-01\n", "must be a string, not a date"),
        ('project = "x"\n', "project must be a table, not a string"),
        ("[[project]]\n", "line 1: project must be a table, not a list"),
        (SMALLEST + 'authors = "me"\n', "authors must be a list of strings, not a string"),
        (SMALLEST + "authors = [1]\n", "authors must be a string, not a number"),
        (SMALLEST + 'description = "a\\u0000b"\n', "description has a control character"),
        (SMALLEST + "[build]\nflags = {}\n", "flags must be a list of strings, not a table"),
        ('[project]\nname = "Hello"\nversion = "1.0.0"\n', "name must be lower-case"),
        (f'[project]\nname = "{"a" * 101}"\nversion = "1.0.0"\n', "at most 100"),
        ('[project]\nname = "a"\nversion = "1.0"\n', "line 3: [project] version is not a semantic version"),
        (SMALLEST + '[build]\noptimize = "sizes"\n', "optimize is not one of size, speed, debug"),
        (SMALLEST + '[build]\nsources = ["../x.c"]\n', "not a path inside the project"),
        (SMALLEST + '[build]\nsources = ["/etc/x.c"]\n', "not a path inside the project"),
        (SMALLEST + '[build]\nsources = [""]\n', "not a path inside the project"),
        ("[project\n", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        (b"\xff", "is not UTF-8"),
        (b"#" * (MAX_DOCUMENT + 1), "is larger than"),
        ("a = " + "9" * 5000, "cannot be read"),
    ],
)
def test_what_breaks_a_rule_is_named(text: str | bytes, said: str) -> None:
    error = refused(text)
    assert said in str(error)
    assert "wasmbuild.toml" in error.what


def test_a_bad_name_comes_with_a_good_one() -> None:
    assert refused('[project]\nname = "My Tool"\nversion = "1.0.0"\n').hint == "for example my-tool"


@pytest.mark.parametrize("name", ["a", "a-b", "a.b_c", "0", "a" * 100])
def test_valid_names(name: str) -> None:
    assert valid_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "A", "a/b", "..", "a b", "ä", "a\n"])
def test_invalid_names(name: str) -> None:
    assert not valid_name(name)


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0-0a.b-c+build.01", "1.0.0+1"])
def test_valid_versions(version: str) -> None:
    assert valid_version(version)


@pytest.mark.parametrize(
    "version", ["1", "1.0", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0 ", "1.0.0+", "1.0.0\n"]
)
def test_invalid_versions(version: str) -> None:
    assert not valid_version(version)


@given(st.text(max_size=300))
def test_any_text_becomes_a_valid_name(text: str) -> None:
    assert valid_name(make_name(text))


def test_a_valid_name_stays() -> None:
    assert make_name("a-b1") == "a-b1"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_project_or_a_failure(data: bytes) -> None:
    with pytest.raises(InvalidProject):
        parse(data)


values = st.recursive(
    st.text(max_size=8) | st.integers(-9, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(
    ["project", "build", "name", "version", "authors", "sources", "flags", "optimize", "language", "x.y", "'"]
)


@given(st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=4), max_size=4))
def test_any_toml_is_a_project_or_a_failure(document: dict[str, object]) -> None:
    text = tomlkit.dumps(document)
    tomllib.loads(text)
    with contextlib.suppress(InvalidProject):
        assert valid_name(parse(text).name)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.lists(texts, max_size=4), texts, st.sampled_from(["size", "speed", "debug"]))
def test_what_is_written_is_what_is_read(flags: list[str], description: str, optimize: str) -> None:
    document = {
        "project": {"name": "a", "version": "1.0.0", "description": description, "authors": flags},
        "build": {"flags": flags, "optimize": optimize},
    }
    project = parse(tomlkit.dumps(document))
    assert project.description == description
    assert project.authors == project.target.flags == tuple(flags)
    assert project.target.optimize == optimize
