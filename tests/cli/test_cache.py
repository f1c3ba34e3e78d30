"""``wasmbuild cache``."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.contract.results import put
from wasmbuild.build.cache.folder import FolderStore
from wasmbuild.build.cache.parts import ACTIONS
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.cli.cache import VERBS, command
from wasmbuild.errors import UsageFailed


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A cache with a result in it, and a compiler's cache that was not used for months."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(folder))
    put(ActionCache(FolderStore(folder / ACTIONS, private=True), name="local", shared=False), tmp_path, b"w" * 10_000)
    (folder / "zig").mkdir()
    (folder / "zig" / "o").write_bytes(b"z" * 5000)
    for path in (folder / "zig" / "o", folder / "zig"):
        os.utime(path, (10**9, 10**9))
    return folder


def run(*arguments: str):
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def test_stats_say_what_there_is(folder):
    lines = run("stats").stdout.splitlines()
    assert lines[0] == str(folder)
    assert lines[1].split() == ["part", "things", "size", "oldest", "last", "used"]
    assert lines[3].split() == ["zig", "1", "5.0", "kB", "2001-09-09", "01:46:40", "2001-09-09", "01:46:40"]
    assert lines[4].split()[:2] == ["all", "2"]


def test_stats_as_a_document(folder):
    document = json.loads(run("stats", "--format", "json").stdout)
    assert document["command"] == "cache stats"
    zig = {
        "name": "zig",
        "things": 1,
        "bytes": 5000,
        "oldest": "2001-09-09T01:46:40Z",
        "lastUsed": "2001-09-09T01:46:40Z",
    }
    assert document["parts"][1] == zig
    assert document["bytes"] == sum(part["bytes"] for part in document["parts"])


def test_prune_takes_what_is_old(folder):
    result = run("prune")
    assert result.stdout.split() == ["zig", "1", "5.0", "kB"]
    assert result.return_value == 0
    assert not (folder / "zig").exists()
    assert run("prune").return_value == 3


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--older-than", "1w"], {"actions"}),
        (["--max-size", "1KB"], set()),
        (["--max-size", "1GiB"], {"actions", "zig"}),
        (["--max-size", "12kb"], {"actions"}),
        (["--all"], set()),
        (["--older-than", "20000w"], {"actions", "zig"}),
    ],
)
def test_prune_takes_what_it_is_told(folder, arguments, left):
    run("prune", *arguments)
    there = {part["name"] for part in json.loads(run("stats", "--format", "json").stdout)["parts"] if part["things"]}
    assert there == left


def test_prune_as_a_document(folder):
    document = json.loads(run("prune", "--format", "json").stdout)
    assert document["removed"] == {"zig": {"things": 1, "bytes": 5000}}
    assert json.loads(run("prune", "--format", "json").stdout)["removed"] == {}


def test_options_that_contradict_each_other(folder):
    with pytest.raises(UsageFailed):
        run("prune", "--all", "--older-than", "1d")


@pytest.mark.parametrize("arguments", [["--max-size", "5 parsec"], ["--max-size", "-1"], ["--older-than", "GB"]])
def test_quantities_that_are_none(folder, arguments):
    with pytest.raises(Exception, match="write it as"):
        run("prune", *arguments)


def test_every_verb_says_in_the_table_what_it_says_itself():
    for name, said in VERBS.items():
        help_text = run(name, "--help").stdout
        assert said.rstrip(".") in " ".join(help_text.split())
