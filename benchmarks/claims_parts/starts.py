"""Claim: a program starts faster than its container."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import wasmtime

from .compilers import Pair
from .containers import able, bundle, debian, filled
from .engines import NODE
from .engines import wazero as built_wazero
from .report import Bars, Section, Table, milliseconds, times
from .workspace import WASMBUILD, Missing, Workspace, found, in_turns, median, required, seconds_of

_CALLS = 1000
OURS = "wasmbuild run"


@dataclass(frozen=True, slots=True)
class _Times:
    language: str
    warm: dict[str, float]
    cold: dict[str, float]


_HOW = f"""\
Whole processes, from the call to the end of a program that prints `hello`, in turns; medians. Warm: everything was \
run before, the compiled code is in wasmbuild's cache, and the bundle of the container is prepared. Cold: for \
WebAssembly with an empty cache, so that it is compiled; for containers with the image's files unpacked first. \
Pulling is in neither. In one process: a compiled module is instantiated anew and called, {_CALLS} times."""
_LIMITS = """\
Most of `wasmbuild run` is the start of Python and of the engine's library, which a server that keeps running pays \
once. A Python component carries an interpreter, which is compiled for seconds on its first run, and starts later than \
a native Python ever after. A container runtime is measured here without the daemon, the network and the layers of a \
file system that are around it in use."""


def measure(workspace: Workspace, pairs: list[Pair]) -> Section:
    """Start each program in each way, in turns."""
    missing: list[str] = []
    taken = [_measured(workspace, pair, missing) for pair in pairs]
    inside = _in_process(pairs[0].wasm)
    columns = list(dict.fromkeys(name for each in taken for name in (*each.warm, *each.cold)))
    rows = tuple(
        (name, *(f"{_shown(each.warm.get(name))} / {_shown(each.cold.get(name))}" for each in taken))
        for name in columns
    )
    return Section(
        "Cold and warm start",
        "A guest needs no file system, no namespaces and no process of its own, so it starts faster than a container.",
        _HOW,
        _verdict(taken, inside),
        (
            Table(("start, warm / cold", *(each.language for each in taken)), rows),
            Table(("in one process", "each"), (("instantiate and call, C hello", milliseconds(inside)),)),
        ),
        _LIMITS,
        tuple(_bars(each) for each in taken),
        tuple(dict.fromkeys(missing)),
    )


def _bars(each: _Times) -> Bars:
    values = tuple((name, seconds * 1000, name == OURS) for name, seconds in each.warm.items())
    return Bars(f"Warm start: {each.language} hello", "ms", values)


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else milliseconds(seconds)


def _verdict(taken: list[_Times], inside: float) -> str:
    said = [
        f"{each.language}: a warm start takes {times(each.warm[OURS] / each.warm[other])} what {other} takes"
        for each in taken
        for other in ("native", "runc run", "crun run", "podman run")
        if other in each.warm
    ]
    lost = [each.language for each in taken if each.warm[OURS] > each.warm.get("runc run", each.warm[OURS])]
    word = f"As whole processes, the claim does not hold here for {', '.join(lost)}. " if lost else ""
    return (
        f"{word}{'; '.join(said)}. Inside a process, where nothing but the guest starts, it is {milliseconds(inside)}."
    )


def _measured(workspace: Workspace, pair: Pair, missing: list[str]) -> _Times:
    warm = {**_warm(pair), **_other_engines(workspace, pair)}
    base, root = None, workspace.below(f"start-{pair.language}") / "rootfs"
    cold: dict[str, Callable[[], float]] = {OURS: lambda: _cold(pair)}
    try:
        base = None if pair.language != "Python" else debian("python3-minimal")
        filled(root, pair.native, base)
        if base is not None:
            _python_program(root)
        commands, reasons = able(root)
        missing += reasons
        for name, command in commands.items():
            warm[name] = partial(seconds_of, command, pair.output)
        if "runc run" in commands:
            cold["runc run"] = lambda: _cold_container(workspace, pair)
    except Missing as reason:
        missing.append(f"{pair.language} in a container: {reason}")
    taken, reasons = in_turns(workspace.rounds, warm)
    slow = pair.language != "C"
    first, more = in_turns(3 if slow or workspace.quick else workspace.rounds, cold)
    missing += [f"{pair.language} hello, {reason}" for reason in (*reasons, *more)]
    return _Times(
        pair.language,
        {name: median(values) for name, values in taken.items()},
        {name: median(values) for name, values in first.items()},
    )


def _python_program(root: Path) -> None:
    """The program of the image: a script for its interpreter."""
    (root / "program").write_text("#!/usr/bin/python3 -S\nprint('hello')\n")
    (root / "program").chmod(0o755)


def _warm(pair: Pair) -> dict[str, Callable[[], float]]:
    ours = [WASMBUILD, "run", str(pair.wasm)]
    return {
        "native": lambda: seconds_of(pair.native, pair.output),
        OURS: lambda: seconds_of(ours, pair.output),
        "python -c 'import click, wasmtime'": lambda: seconds_of([sys.executable, "-c", "import click, wasmtime"]),
    }


def _other_engines(workspace: Workspace, pair: Pair) -> dict[str, Callable[[], float]]:
    """Other engines, each with its own cache of compiled code where it has one."""

    def wasmtime_command() -> float:
        return seconds_of([found("wasmtime"), "run", "-C", "cache=y", pair.wasm], pair.output)

    def node() -> float:
        command = [found("node"), "--no-warnings", "--input-type=module", "-e", NODE, str(pair.wasm)]
        return seconds_of(command, pair.output)

    def wazero() -> float:
        folder = workspace.folder / "wazero-cache"
        return seconds_of([built_wazero(), "run", f"-cachedir={folder}", pair.wasm], pair.output)

    engines = {"wasmtime's own command": wasmtime_command}
    if pair.language == "Python":
        return engines  # the others run no components
    return {**engines, "node": node, "wazero": wazero}


def _cold(pair: Pair) -> float:
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        return seconds_of([WASMBUILD, "run", str(pair.wasm)], pair.output, {"WASMBUILD_CACHE_DIR": folder})


def _cold_container(workspace: Workspace, pair: Pair) -> float:
    """Unpack what is in the layers, and run it."""
    folder = workspace.below("cold")
    packed = workspace.folder / f"cold-{pair.language}.tar"
    if not packed.exists():
        source = workspace.folder / f"start-{pair.language}" / "rootfs"
        required([found("tar"), "-C", source, "-cf", packed, "."])
    bundle(folder, ("/program",))
    (folder / "rootfs").mkdir()
    began = time.perf_counter()
    required([found("tar"), "-C", folder / "rootfs", "-xf", packed])
    taken = time.perf_counter() - began
    try:
        return taken + seconds_of([found("runc"), "run", "--bundle", str(folder), "claims-cold"], pair.output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_process(wasm: Path) -> float:
    """Seconds to instantiate a compiled module anew and call its start, by the engine that we use."""
    engine = wasmtime.Engine()
    module = wasmtime.Module.from_file(engine, str(wasm))
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    prepared = linker.instantiate_pre(module) if hasattr(linker, "instantiate_pre") else None
    taken = []
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        for _ in range(_CALLS):
            began = time.perf_counter()
            store = wasmtime.Store(engine)
            wasi = wasmtime.WasiConfig()
            wasi.stdout_file = f"{folder}/out"
            store.set_wasi(wasi)
            instance = prepared.instantiate(store) if prepared else linker.instantiate(store, module)
            start = instance.exports(store)["_start"]
            assert isinstance(start, wasmtime.Func)
            start(store)
            store.close()
            taken.append(time.perf_counter() - began)
    return median(taken)
