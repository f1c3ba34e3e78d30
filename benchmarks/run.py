"""How long a warm ``wasmbuild run`` takes, beside the interpreter that it needs, containers and other engines.

    python benchmarks/run.py [GUEST.wasm [NATIVE]] [--runs RUNS]

GUEST.wasm is a command that ends by itself, such as a hello in C; without it, one that only prints is
made. NATIVE is the same program, statically linked for this machine: with it, runc and crun run it in a
bundle that is prepared before, where they are on PATH and this is root. ``wasmtime`` is measured where it
is on PATH. The commands take turns, so that a busy machine is busy for all of them. The claims: at the
median, no more than 1.3 times an interpreter that imports only click and wasmtime, and no slower than
runc; within one process, at most 0.3 ms for an instance and its call.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

RATIO = 1.3
CALL_MILLISECONDS = 0.3
WASMBUILD = Path(sys.executable).parent / "wasmbuild"
BASE = "python -c 'import click, wasmtime'"
OURS = "wasmbuild run"
HELLO = """(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00") (data (i32.const 16) "hello\\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


def bundle(folder: Path, native: Path, runtime: str) -> list[str]:
    """A command that runs the program in a container of this runtime, with everything prepared."""
    root = folder / runtime
    (root / "rootfs").mkdir(parents=True)
    shutil.copy(native, root / "rootfs" / "hello")
    (root / "rootfs" / "hello").chmod(0o755)
    subprocess.run([runtime, "spec"], cwd=root, check=True, timeout=30)
    config = json.loads((root / "config.json").read_text())
    config["process"]["args"] = ["/hello"]
    config["process"]["terminal"] = False
    (root / "config.json").write_text(json.dumps(config))
    return [runtime, "run", "--bundle", str(root), f"wasmbuild-benchmark-{os.getpid()}"]


def commands(guest: Path, native: Path | None, folder: Path) -> Iterator[tuple[str, list[str] | str]]:
    """What is measured, or why it is not."""
    yield "python -c pass", [sys.executable, "-c", "pass"]
    yield BASE, [sys.executable, "-c", "import click, wasmtime"]
    yield OURS, [str(WASMBUILD), "run", str(guest)]
    yield "native", [str(native)] if native else "no native program was given"
    for runtime in ("runc", "crun"):
        if native is None or shutil.which(runtime) is None:
            yield f"{runtime} run", "no native program was given" if native is None else "not on PATH"
        else:
            yield f"{runtime} run", bundle(folder, native, runtime)
    yield "wasmtime run", ["wasmtime", "run", str(guest)] if shutil.which("wasmtime") else "not on PATH"


def milliseconds(command: list[str]) -> float:
    """The wall-clock time of one process.

    A wait with a time limit looks at growing intervals, up to 50 ms, whether the process has ended; this one
    is woken, and something else ends what takes too long.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        watch = threading.Timer(60, process.kill)
        watch.start()
        code = process.wait()
        taken = (time.perf_counter() - began) * 1000
        watch.cancel()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return taken


def measured(every: dict[str, list[str] | str], runs: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Times of what could be measured, and why the rest could not."""
    taken: dict[str, list[float]] = {}
    failed = {name: command for name, command in every.items() if isinstance(command, str)}
    for number in range(runs + 1):
        for name, command in every.items():
            if isinstance(command, str) or name in failed:
                continue
            try:
                value = milliseconds(command)
            except (OSError, subprocess.SubprocessError) as error:
                failed[name] = str(error).splitlines()[0][:100]
                taken.pop(name, None)
                continue
            if number:  # the first round fills caches
                taken.setdefault(name, []).append(value)
    return taken, failed


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What a guest in this process prints is not shown."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def call_milliseconds(guest: Path, runs: int) -> float:
    """An instance and its call, in a process that has the code already."""
    import wasmtime

    from wasmbuild.run import core
    from wasmbuild.run.deciding.grants import NOTHING
    from wasmbuild.run.engine import new_engine
    from wasmbuild.run.guest import Guest
    from wasmbuild.run.limits import GuestLimits
    from wasmbuild.run.memory import StoreLimits
    from wasmbuild.run.program import Program

    program, limits = Program.open(guest), GuestLimits()
    engine = new_engine()
    module = wasmtime.Module(engine, program.wasm)
    what = Guest(program, ["hello"], NOTHING, frozenset(), limits)
    taken = []
    with silence():
        for _ in range(runs * 10):
            began = time.perf_counter()
            core.run_module(engine, module, what, StoreLimits(program, limits))
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def report(taken: dict[str, list[float]], failed: dict[str, str], call: float, runs: int) -> bool:
    """Print a table; whether the claims hold."""
    base, ours = statistics.median(taken[BASE]), statistics.median(taken[OURS])
    print(f"{'median of ' + str(runs):<36} {'ms':>8} {'least':>8} {'ratio':>7}")
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"{name:<36} {median:>8.1f} {min(values):>8.1f} {median / base:>7.2f}")
    for name, why in failed.items():
        print(f"{name:<36} not measured: {why}")
    print(f"{'instance and call in one process':<36} {call:>8.3f}")
    kept = {
        f"at most {RATIO} times {BASE}": ours <= RATIO * base,
        f"at most {CALL_MILLISECONDS} ms for an instance and its call": call <= CALL_MILLISECONDS,
    }
    if "runc run" in taken:
        kept["no slower than runc"] = ours <= statistics.median(taken["runc run"])
    for claim, holds in kept.items():
        print(f"{claim}: {'kept' if holds else 'missed'}")
    return all(kept.values())


def main() -> int:
    """Measure, print a table, and say whether the claims hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("guest", nargs="?", type=Path)
    parser.add_argument("native", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["WASMBUILD_CACHE_DIR"] = str(folder / "cache")
        guest = given.guest
        if guest is None:
            from wasmtime import wat2wasm

            guest = folder / "hello.wasm"
            guest.write_bytes(wat2wasm(HELLO))
        taken, failed = measured(dict(commands(guest, given.native, folder)), given.runs)
        call = call_milliseconds(guest, given.runs)
    return 0 if report(taken, failed, call, given.runs) else 1


if __name__ == "__main__":
    sys.exit(main())
