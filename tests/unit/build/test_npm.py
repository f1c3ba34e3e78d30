"""How npm is asked and what it did is checked; with npm itself this is done in tests/e2e_build."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.digest import Digest
from tests.unit.build.locks import INTEGRITY, integrity, pinned_tree
from wasmbuild.build.installed import installed_tools
from wasmbuild.build.npm import NODE, NPM
from wasmbuild.build.provision import provision
from wasmbuild.build.tool import Tool
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Event, Note, Step, ToolOutput, ignore

ALPHA = {"version": "1.0.0", "integrity": INTEGRITY}
PIN = pinned_tree({"node_modules/alpha": ALPHA})

# What stands in for node: a program that installs what it was told to, whatever the lock says.
PROGRAM = """#!{python}
import json, os, sys, pathlib
installs, code, says = json.loads({told!r})
for line in says:
    print(line, flush=True)
pathlib.Path({seen!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))
for path, entry in installs.items():
    folder = pathlib.Path(path)
    folder.mkdir(parents=True)
    version = entry.pop("on disk", entry["version"])
    folder.joinpath("package.json").write_text(json.dumps({{"version": version}}))
if installs:
    pathlib.Path("node_modules/.package-lock.json").write_text(json.dumps({{"packages": installs}}))
sys.exit(code)
"""

Node = Callable[..., Tool]


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "cache")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    def make(installs: dict[str, dict[str, Any]], code: int = 0, says: tuple[str, ...] = ("npm says",)) -> Tool:
        root = tmp_path / "node"
        (root / NODE).parent.mkdir(parents=True, exist_ok=True)
        told = json.dumps([installs, code, says])
        (root / NODE).write_text(PROGRAM.format(python=sys.executable, told=told, seen=str(tmp_path / "seen")))
        (root / NODE).chmod(0o755)
        return Tool("node", "24.0.0", Digest.of(b""), root)

    return make


def test_a_tree_arrives_whole_and_once(node: Node, caches: Caches) -> None:
    events = list[Event]()
    tool = provision(PIN, caches, events.append, node=node({"node_modules/alpha": ALPHA}))
    assert tool == Tool("alpha", "1.0.0", PIN.digest, tool_folder(PIN, caches))
    assert [path.name for path in tool.root.iterdir()] == ["node_modules"]
    # npm's own list has the addresses that everything came from.
    assert [path.name for path in (tool.root / "node_modules").iterdir()] == ["alpha"]
    assert Step("provision", "alpha 1.0.0") in events
    assert ToolOutput("npm", "npm says") in events
    assert any(isinstance(event, Note) and "fetching alpha 1.0.0 with npm" in event.text for event in events)
    assert provision(PIN, caches, ignore) == tool  # and that needs no node


def test_npm_is_told_everything_that_the_user_may_have_set_otherwise(
    node: Node, caches: Caches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/npm/")
    monkeypatch.setenv("NPM_CONFIG_CAFILE", "/authorities.pem")
    monkeypatch.setenv("NPM_CONFIG_OMIT", "optional")
    monkeypatch.setenv("npm_config_cpu", "arm64")
    monkeypatch.setenv("NODE_OPTIONS", "--require=/evil.js")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    tool = node({"node_modules/alpha": ALPHA})
    provision(PIN, caches, ignore, node=tool)
    arguments, environment, folder = json.loads((tmp_path / "seen").read_text())
    assert arguments[:2] == [str(tool.root / NPM), "install"]
    for option in ("--ignore-scripts", "--no-save", "--package-lock", "--no-audit", "--no-fund", "--include=optional"):
        assert option in arguments
    assert Path(arguments[arguments.index("--cache") + 1]).is_relative_to(caches.tools)
    assert Path(environment["TMPDIR"]).is_relative_to(caches.tools)
    assert Path(folder).is_relative_to(caches.tools)
    assert environment["NPM_CONFIG_REGISTRY"] == "http://127.0.0.1:9/npm/"
    assert environment["NPM_CONFIG_CAFILE"] == "/authorities.pem"
    assert environment["HOME"] == os.environ["HOME"]
    assert not {"NPM_CONFIG_OMIT", "npm_config_cpu", "NODE_OPTIONS", "AWS_SECRET_ACCESS_KEY"} & environment.keys()


def test_a_cache_of_npms_that_the_user_named_is_used(
    node: Node, caches: Caches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    provision(PIN, caches, ignore, node=node({"node_modules/alpha": ALPHA}))
    arguments, environment, _ = json.loads((tmp_path / "seen").read_text())
    assert "--cache" not in arguments
    assert environment["npm_config_cache"] == str(tmp_path / "npm-cache")


@pytest.mark.parametrize(
    ("installs", "said"),
    [
        ({}, "left no list of what it installed"),
        ({"node_modules/alpha": {**ALPHA, "version": "1.0.1"}}, "another version than the lock says"),
        ({"node_modules/alpha": {**ALPHA, "integrity": integrity(b"evil")}}, "another version than the lock says"),
        ({"node_modules/alpha": {**ALPHA, "on disk": "6.6.6"}}, "is not the version 1.0.0 that the lock says"),
        ({"node_modules/alpha": ALPHA, "node_modules/evil": ALPHA}, "installed node_modules/evil, which is not in"),
    ],
)
def test_what_npm_installed_is_compared_with_the_lock(
    node: Node, caches: Caches, installs: dict[str, dict[str, Any]], said: str
) -> None:
    with pytest.raises(ToolchainMissing, match=r"tried npm install alpha@1\.0\.0") as caught:
        provision(PIN, caches, ignore, node=node(installs))
    assert said in str(caught.value.cause)
    assert installed_tools(caches) == ()


def test_an_optional_package_is_missed_where_it_fits(node: Node, caches: Caches) -> None:
    here = {"node_modules/here": {**ALPHA, "optional": True, "os": [sys.platform]}}
    elsewhere = {
        "node_modules/elsewhere": {**ALPHA, "optional": True, "os": ["aix"]},
        "node_modules/not-here": {**ALPHA, "optional": True, "os": [f"!{sys.platform}"]},
        "node_modules/of-elsewhere": {**ALPHA, "optional": True},
    }
    alone = {"node_modules/alpha": ALPHA}
    assert provision(pinned_tree({**alone, **elsewhere}), caches, ignore, node=node(alone)).root.is_dir()
    with pytest.raises(ToolchainMissing) as caught:
        provision(pinned_tree({**alone, **here}), caches, ignore, node=node(alone))
    assert "npm did not install node_modules/here 1.0.0, which this machine needs" in str(caught.value.cause)
    assert provision(pinned_tree({**alone, **here}), caches, ignore, node=node({**alone, **here})).root.is_dir()


def test_another_hash_is_refused_in_words(node: Node, caches: Caches) -> None:
    says = ("npm error code EINTEGRITY", "npm error integrity checksum failed when using sha512: wanted A but got B")
    with pytest.raises(ToolchainMissing, match="what the npm registry gave has another hash") as caught:
        provision(PIN, caches, ignore, node=node({}, code=1, says=says))
    assert "wanted A but got B" in str(caught.value.cause)
    assert installed_tools(caches) == ()


def test_no_network_is_said_without_the_password_of_the_registry(node: Node, caches: Caches) -> None:
    events = list[Event]()
    says = ("npm error request to http://ada:hunter2@127.0.0.1:9/alpha failed",)
    with pytest.raises(ToolchainMissing) as caught:
        provision(PIN, caches, events.append, node=node({}, code=1, says=says))
    assert "http://****@127.0.0.1:9/alpha" in str(caught.value.cause)
    assert "NPM_CONFIG_REGISTRY" in str(caught.value.hint)
    assert "hunter2" not in f"{caught.value!r} {caught.value.cause} {events}"


def test_without_node_the_way_to_get_it_is_said(caches: Caches) -> None:
    with pytest.raises(ToolchainMissing, match="there is no node to run that") as caught:
        provision(PIN, caches, ignore)
    assert caught.value.hint == "wasmbuild toolchain install alpha"


def test_a_node_that_does_not_start(caches: Caches, tmp_path: Path) -> None:
    with pytest.raises(ToolchainMissing) as caught:
        provision(PIN, caches, ignore, node=Tool("node", "1", Digest.of(b""), tmp_path))
    assert "npm could not be started" in str(caught.value.cause)
    assert installed_tools(caches) == ()


def test_an_interrupt_leaves_no_half_tree(node: Node, caches: Caches) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, ToolOutput):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provision(PIN, caches, interrupt, node=node({"node_modules/alpha": ALPHA}))
    assert installed_tools(caches) == ()


def test_offline_nothing_is_tried(node: Node, caches: Caches) -> None:
    with pytest.raises(ToolchainMissing, match="may not be fetched"):
        provision(PIN, caches, ignore, node=node({"node_modules/alpha": ALPHA}), offline=True)
    assert not caches.tools.exists()


def test_the_stand_in_is_a_program(node: Node, tmp_path: Path) -> None:
    tool = node({}, code=3)
    assert subprocess.run([tool.root / NODE], cwd=tmp_path, check=False, capture_output=True).returncode == 3
