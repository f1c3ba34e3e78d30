"""Claim: one artifact, one digest, runs the same on every engine and every processor."""

import hashlib
import os
import platform
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from scripts import peers

from .compilers import WASM, compile_c, go
from .report import Section, Table
from .workspace import MACHINE, WASMBUILD, Missing, Workspace, cache, finished, found, required

_WAZERO = peers.Module(
    "github.com/tetratelabs/wazero/cmd/wazero", "v1.12.0", "h1:DuWcpNu/FzgEXgGBDp8J1Spc+CWOvvtvVyjKlaZopYU="
)
_FOREIGN = {"arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x"}
"""Go's names of processors, and qemu's."""

NODE = (
    "import { readFile } from 'node:fs/promises'; import { WASI } from 'node:wasi';"
    "const wasi = new WASI({ version: 'preview1', args: ['portable'], returnOnExit: true });"
    "const module = await WebAssembly.compile(await readFile(process.argv[1]));"
    "process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));"
)


@lru_cache
def wazero(architecture: str = "") -> Path:
    """The command of wazero for this processor or another, built when it is not there. Raises Missing."""
    name = f"wazero-{_WAZERO.version}{'-' if architecture else ''}{architecture}"
    kept = cache().with_name("wasmbuild-claims") / name
    if not kept.exists():
        work = kept.with_name("go")
        environment = {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOPATH": str(work),
            "GOCACHE": str(work / "objects"),
            "GOFLAGS": "-modcacherw",
            **({"GOARCH": architecture} if architecture else {}),
        }
        required([go(), "install", f"{_WAZERO.package}@{_WAZERO.version}"], seconds=900, environment=environment)
        built = work / "bin" / (f"linux_{architecture}" if architecture else "") / "wazero"
        try:
            peers.check(required([go(), "version", "-m", built]), _WAZERO)
        except peers.Unavailable as error:
            raise Missing(str(error)) from error
        built.rename(kept)
    return kept


def _emulated(machine: str, architecture: str, wasm: Path) -> list[str | Path]:
    return [found(f"qemu-{machine}-static"), wazero(architecture), "run", wasm]


def _commands(wasm: Path) -> dict[str, Callable[[], list[str | Path]]]:
    engines: dict[str, Callable[[], list[str | Path]]] = {
        f"wasmbuild run, {MACHINE}": lambda: [WASMBUILD, "run", wasm],
        f"wasmtime's own command, {MACHINE}": lambda: [found("wasmtime"), "run", wasm],
        f"node, {MACHINE}": lambda: [found("node"), "--no-warnings", "--input-type=module", "-e", NODE, wasm],
        f"wazero, {MACHINE}": lambda: [wazero(), "run", wasm],
    }
    for architecture, machine in _FOREIGN.items():
        if machine != MACHINE:
            engines[f"wazero, {architecture} under qemu"] = partial(_emulated, machine, architecture, wasm)
    return engines


_HOW = """\
A program in C does arithmetic with integers and doubles, sorts, looks at the order of bytes in its memory and \
prints it. One file is run by each engine, and must print the same bytes. Engines for other processors run under \
qemu, one of them with its bytes the other way round (s390x). The file is"""
_LIMITS = """\
This is a core module of WASI 0.1, which every engine runs. Components of WASI 0.2 run in fewer engines, and in \
none of the others here. The bits of a NaN may differ between engines, and so may what a host says: the time, the \
order of a folder, randomness. Under qemu nothing can be said about speed."""


def measure(workspace: Workspace) -> Section:
    """Run one file by every engine that is here, and compare what it prints."""
    wasm = compile_c(workspace, "portable.c", WASM, "portable.wasm")
    rows, missing = [], []
    for name, command in _commands(wasm).items():
        try:
            done = finished(command())
        except Missing as reason:
            missing.append(str(reason))
            continue
        rows.append((name, str(done.returncode), hashlib.sha256(done.stdout.encode()).hexdigest()[:16]))
    same = len({row[1:] for row in rows}) == 1 and rows[0][1] == "0"
    digest = hashlib.sha256(wasm.read_bytes()).hexdigest()
    return Section(
        "One digest, many engines",
        "What is signed and pulled is one file, for every processor and every engine that implements WASI.",
        f"{_HOW} `sha256:{digest}`.",
        f"{len(rows)} engines ran it; their output is {'the same' if same else 'not the same'}.",
        (Table(("engine and processor", "exit code", "SHA-256 of the output"), tuple(rows), figures=False),),
        _LIMITS,
        missing=tuple(missing),
        failed=() if same else ("the engines disagree",),
    )


def versions() -> dict[str, str]:
    """What took part, and its version; what is not there is left out."""
    asked: dict[str, Callable[[], list[str | Path]]] = {
        "wasmbuild": lambda: [WASMBUILD, "--version"],
        "node": lambda: [found("node"), "--version"],
        "wasmtime's own command": lambda: [found("wasmtime"), "--version"],
        "wazero": lambda: [wazero(), "version"],
        "runc": lambda: [found("runc"), "--version"],
        "crun": lambda: [found("crun"), "--version"],
        "podman": lambda: [found("podman"), "--version"],
        "qemu": lambda: [found("qemu-aarch64-static"), "--version"],
    }
    said = {"wasmtime, the library": _library(), "system": _system()}
    for name, command in asked.items():
        try:
            said[name] = required(command(), seconds=60).splitlines()[0].strip()[:80]
        except (Missing, IndexError):
            continue
    return said


def _library() -> str:
    from importlib.metadata import version

    return version("wasmtime")


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", os.name)
