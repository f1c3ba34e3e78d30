"""``optimize``: Binaryen on a module, or on each module of a component.

A component's modules keep their exports, and import at most what they imported: what surrounds them stays
valid, and is checked to be. Nothing gets larger. Not here: how Binaryen is called
(``wasmbuild.toolchains.binaries``), and optimising within a build (``wasmbuild.toolchains.finish``).
"""

from dataclasses import dataclass

from wasmbuild.build.action import Action
from wasmbuild.errors import InvalidWasm, ToolFailed
from wasmbuild.events import Note, step
from wasmbuild.project import Optimize
from wasmbuild.toolchains.binaries import NOT_OPTIMIZED
from wasmbuild.toolchains.binaries import optimize as optimizer
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.editing.nested import core_modules, with_core_modules
from wasmbuild.wasm.examine import examine
from wasmbuild.workflows.validating import validate_wasm
from wasmbuild.workflows.wasmtools import INPUT, refused
from wasmbuild.workflows.workbench import Workbench

__all__ = ["Optimized", "optimize"]

_SECONDS = 900.0
_OUTPUT = "optimized.wasm"


@dataclass(frozen=True, slots=True)
class Optimized:
    """What became of a file: its bytes, its size before, and how many modules there are in it and got smaller."""

    wasm: bytes
    before: int
    modules: int
    smaller: int


def optimize(wasm: bytes, name: str, level: Optimize, bench: Workbench) -> Optimized:
    """Make a module, or the modules of a component, smaller or faster; ``name`` is what people know it by.

    Raises InvalidWasm for what is not valid, or uses what Binaryen cannot write; ToolchainMissing, ToolFailed.
    """
    binary = read(wasm)
    if any(section.name == "signature" for section in binary.sections):
        bench.sink(Note("warning", f"{name} has a signature in itself, which does not hold for other bytes: sign last"))
    validate_wasm(wasm, caches=bench.caches, sink=bench.sink)
    if binary.kind == "module":
        with step(bench.sink, "optimize", name):
            made = _module(wasm, level, bench)
        found = Optimized(made, len(wasm), 1, int(made != wasm))
    else:
        found = _component(wasm, name, level, bench)
    if found.wasm != wasm:
        _check(found.wasm, bench)
    return found


def _component(wasm: bytes, name: str, level: Optimize, bench: Workbench) -> Optimized:
    found = core_modules(wasm)
    made: dict[bytes, bytes] = {}
    for number, module in enumerate(found.values(), 1):
        if module not in made:
            # Binaryen takes minutes for an interpreter: each of its modules is told of.
            with step(bench.sink, "optimize", f"{name}, module {number} of {len(found)} ({len(module):,} bytes)"):
                made[module] = _module(module, level, bench)
    changed = {path: made[old] for path, old in found.items() if made[old] != old}
    return Optimized(with_core_modules(wasm, changed), len(wasm), len(found), len(changed))


def _module(module: bytes, level: Optimize, bench: Workbench) -> bytes:
    """The module as Binaryen writes it, or as it was when that is not smaller."""
    features = _features(module)
    action = Action(
        name="optimize", tool="wasm-opt", argv=optimizer(level, features, INPUT, _OUTPUT), outputs=(_OUTPUT,)
    )
    worked = bench.perform(action, {INPUT: module}, seconds=_SECONDS)
    if worked.refusal is not None:
        raise refused("Binaryen does not optimise this", worked.refusal)
    made = worked.files[_OUTPUT]
    return made if len(made) < len(module) else module


def _features(module: bytes) -> frozenset[str]:
    """The features that a module declares and uses. Raises InvalidWasm for those that Binaryen cannot write."""
    part = examine(module, deep=True).outermost
    features = part.declared | (part.used or frozenset())
    unwritable = sorted(features & NOT_OPTIMIZED)
    if unwritable:
        raise InvalidWasm(
            "Binaryen cannot optimise this so that engines take it", cause=f"it uses {', '.join(unwritable)}"
        )
    return features


def _check(made: bytes, bench: Workbench) -> None:
    try:
        validate_wasm(made, caches=bench.caches, sink=bench.sink)
    except InvalidWasm as error:
        raise ToolFailed("what Binaryen wrote is not valid, and is thrown away", cause=error.cause) from error
