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
from wasmbuild.project import Project, Settings, Target, infer, load, make_name, valid_name, valid_version
from wasmbuild.project import parse as parse_project
from wasmbuild.project.keys import TABLES
from wasmbuild.tables import MAX_DOCUMENT, parse_table

SMALLEST = '[project]\nname = "hello"\nversion = "1.0.0"\n'


def parse(text: str | bytes) -> Project:
    data = text.encode() if isinstance(text, str) else text
    return parse_project(Path("/p"), parse_table("wasmbuild.toml", data))


def refused(text: str | bytes) -> InvalidProject:
    with pytest.raises(InvalidProject) as caught:
        parse(text)
    return caught.value


def test_the_smallest_project() -> None:
    assert parse(SMALLEST) == Project(Path("/p"), "hello", "1.0.0", (Target("hello"),))


def test_a_full_project(tmp_path: Path) -> None:
    tmp_path.joinpath("wasmbuild.toml").write_text(
        SMALLEST + 'description = "d"\nauthors = ["Ada <ada@example.org>"]\nlicenses = "MIT"\n'
        'source = "https://example.org/s"\nhomepage = "https://example.org"\n'
        '[build]\nlanguage = "c"\nsources = ["src/**/*.c"]\noptimize = "speed"\nflags = ["-DX=1"]\n'
    )
    project = load(tmp_path)
    expected = Target("hello", language="c", sources=("src/**/*.c",), optimize="speed", flags=("-DX=1",))
    assert project.targets == (expected,)
    assert (project.description, project.authors, project.licenses) == ("d", ("Ada <ada@example.org>",), "MIT")
    assert (project.source, project.homepage) == ("https://example.org/s", "https://example.org")


def test_targets_have_what_build_says_unless_they_say_otherwise() -> None:
    project = parse(
        SMALLEST + "[build]\nlanguage = 'c'\noptimize = 'speed'\nflags = ['-a']\nmemory = '512MiB'\ntimeout = 9\n"
        "[target.one]\noptimize = 'debug'\ndepends = ['two']\n[target.two]\nkind = 'component'\n"
    )
    one = Target("one", language="c", optimize="debug", flags=("-a",), depends=("two",))
    two = Target("two", language="c", optimize="speed", flags=("-a",), component=True)
    assert project.targets == (one, two)
    assert project.settings == Settings(timeout=9, memory=512 * 2**20)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("2 GiB", 2 * 2**30), ("3kB", 3000), ("4MB", 4_000_000), ("5 B", 5)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse(SMALLEST + f"[build]\nmemory = '{text}'\n").settings.memory == size


def test_the_rest_of_a_project() -> None:
    project = parse(
        SMALLEST + "[build]\nnetwork = true\nmetadata = false\nenvironment = { B = '2', A = '1' }\n"
        "[registry]\nrepository = 'r.example/x'\n[workspace]\nmembers = ['apps/*']\n[capabilities]\n"
    )
    assert project.settings == Settings(network=True, metadata=False)
    assert project.targets[0].environment == (("A", "1"), ("B", "2"))
    assert (project.repository, project.members) == ("r.example/x", ("apps/*",))
    assert project.capabilities is not None
    assert project.capabilities.allow == frozenset()
    assert parse(SMALLEST).capabilities is None


def test_what_a_project_says_about_itself() -> None:
    project = parse(SMALLEST + 'authors = ["A", "B"]\nhomepage = "https://x.example"\n')
    assert project.about == {"version": "1.0.0", "authors": "A, B", "url": "https://x.example"}
    assert infer(Path("/some/My Folder"), "c").about == {}
    assert infer(Path("/some/My Folder"), "c").name == "my-folder"


def test_a_file_that_is_only_a_workspace() -> None:
    project = parse("[workspace]\nmembers = ['apps/*']\n[build]\ntimeout = 5\n")
    assert (project.targets, project.members, project.settings.timeout) == ((), ("apps/*",), 5)


def test_no_project_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(NoProject) as caught:
        load(tmp_path)
    assert caught.value.hint == "wasmbuild new --template c-cli hello"


@pytest.mark.parametrize("root", ["missing", "wasmbuild.toml"])
def test_a_folder_that_is_not_one(tmp_path: Path, root: str) -> None:
    tmp_path.joinpath("wasmbuild.toml").write_text(SMALLEST)
    with pytest.raises(NoProject) as caught:
        load(tmp_path / root)
    problem = "is not there" if root == "missing" else "is not a folder"
    assert caught.value.cause == f"{tmp_path / root} {problem}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (SMALLEST + '[workspace]\nmembers = ["../*"]\n', 'for example members = ["apps/*"]'),
        (SMALLEST + '[build]\nsources = ["/x.c"]\n', 'for example sources = ["src/*.c"]'),
        (SMALLEST + '[build]\nentry = "../x.c"\n', 'for example entry = "src/main.c"'),
    ],
)
def test_a_path_that_leads_out_has_an_example_of_its_key(text: str, hint: str) -> None:
    with pytest.raises(InvalidProject, match="not a path inside the project") as caught:
        parse(text)
    assert caught.value.hint == hint


def test_every_key_that_is_a_path_has_an_example() -> None:
    keys = {name: key for _, table in TABLES.values() for name, key in table.items()}
    assert [name for name, key in keys.items() if key.shape in {"path", "paths"} and not key.examples] == []


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_project_file_that_is_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "wasmbuild.toml")
    with pytest.raises(InvalidProject, match="is not a file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (SMALLEST + "[build]\noptimise = 'size'\n", "line 5, column 1: [build] optimise", "did you mean optimize?"),
        (SMALLEST + "[biuld]\n", "line 4, column 1: biuld", "did you mean build?"),
        (SMALLEST + "zzz = 1\n", "line 4, column 1: [project] zzz", "known here: authors"),
        ("[build]\nzzz = 1\n" + SMALLEST, "line 2, column 1: [build] zzz", "known here: command"),
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
        ('[project]\nname = "a"\n', "line 1, column 1: [project] version is missing"),
        ('[project]\nname = ""\n', "line 2, column 1: [project] name is empty"),
        ("[project]\nname = 1\n", "line 2, column 1: [project] name must be a string, not a number"),
        ("[project]\nname = true\n", "must be a string, not true or false"),
        ("[project]\nname = 2020-01-01\n", "must be a string, not a date"),
        ('project = "x"\n', "project must be a table, not a string"),
        ("[[project]]\n", "line 1, column 1: project must be a table, not a list"),
        (SMALLEST + 'authors = "me"\n', "authors must be a list of strings, not a string"),
        (SMALLEST + "authors = [1]\n", "authors must be a string, not a number"),
        (SMALLEST + 'description = "a\\u0000b"\n', "description has a control character"),
        (SMALLEST + "[build]\nflags = {}\n", "flags must be a list of strings, not a table"),
        ('[project]\nname = "Hello"\nversion = "1.0.0"\n', "name must be lower-case"),
        (f'[project]\nname = "{"a" * 101}"\nversion = "1.0.0"\n', "at most 100"),
        ('[project]\nname = "a"\nversion = "1.0"\n', "line 3, column 1: [project] version is not a semantic version"),
        (SMALLEST + '[build]\noptimize = "sizes"\n', "optimize is not one of size, speed, debug"),
        (SMALLEST + '[build]\nsources = ["../x.c"]\n', "not a path inside the project"),
        (SMALLEST + '[build]\nsources = ["/etc/x.c"]\n', "not a path inside the project"),
        (SMALLEST + '[build]\nsources = [""]\n', "not a path inside the project"),
        (SMALLEST + "[build]\nentry = '../x.c'\n", "not a path inside the project"),
        (SMALLEST + "[build]\n  timeout = 0\n", "line 5, column 3: [build] timeout must be from 1 to 86400 seconds"),
        (SMALLEST + "[build]\nmemory = '0'\n", "memory cannot be '0'"),
        (SMALLEST + "[build]\nmemory = '9999999 GiB'\n", "memory cannot be"),
        (
            SMALLEST + "[build]\nenvironment = { 'a b' = 'x' }\n",
            "line 5, column 17: [build.environment] a b is not the",
        ),
        (SMALLEST + "[build]\ncommand = ['make']\n", "command is for the language custom"),
        (SMALLEST + "[target.a]\ntimeout = 1\n", "line 5, column 1: [target.a] timeout is not a key"),
        (SMALLEST + "[target.A]\n", "line 4, column 1: [target] A must be lower-case"),
        (SMALLEST + "[target.a]\ndepends = ['a']\n", "[target.a] depends names a itself"),
        (SMALLEST + "".join(f"[target.t{number}]\n" for number in range(501)), "has 501 targets, at most 500"),
        (SMALLEST + "[capabilities]\nallow = ['clock']\n", "line 5, column 1: [capabilities] allow has 'clock'"),
        (SMALLEST + "[registry]\nrepo = 'x'\n", "[registry] repo is not a key"),
        ("[workspace]\nmembers = ['a']\n[registry]\n", "line 3, column 1: registry needs [project] beside it"),
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
KEYS = """project build target capabilities registry workspace members allow depends memory timeout environment
    command kind component entry name version authors sources flags optimize language x.y '"""
keys = st.sampled_from(KEYS.split())


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
    assert project.authors == project.targets[0].flags == tuple(flags)
    assert project.targets[0].optimize == optimize


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('git_tag = "v1"', "names no version"),
        ('tags = ["latest"]', "which every release needs"),
        ('tags = ["{version}", "{patch}"]', "placeholders are"),
        ('git_tag = "{minor}/v{version}"', "no other placeholder"),
        ('tags = ["{version}-{version}"]', "no other placeholder"),
        ('targets = ["helo"]', "which is none"),
    ],
)
def test_rules_of_a_release_that_would_find_no_version(rules: str, said: str) -> None:
    """A pattern that fits nothing would let every tag of git pass."""
    failure = refused(f'[project]\nname = "hello"\nversion = "1.0.0"\n[release]\n{rules}\n')
    assert said in f"{failure.what} {failure.cause} {failure.hint}"
