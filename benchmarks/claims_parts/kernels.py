"""Claim: WebAssembly runs at nearly native speed."""

from pathlib import Path

from .compilers import FLAGS, NATIVE, SIMD, THIS_CPU, WASM, compile_c
from .report import Bars, Section, Table, times
from .workspace import WASMBUILD, Missing, Workspace, finished, median

KERNELS = {"nbody": 8, "sha256": 5, "sieve": 10, "matmul": 60, "json": 240}
"""How many rounds of each take about half a second."""

_NEAR = 1.25
"""What may be called nearly native."""

_WAYS = {
    "native": NATIVE,
    "native, this CPU": THIS_CPU,
    "Wasm": WASM,
    "Wasm with SIMD": SIMD,
}


_HOW = f"""\
Five programs in C, compiled by the pinned zig (clang) with `{" ".join(FLAGS)}` to native code for the common \
processor of this architecture, to native code for this very processor, and to WebAssembly without and with 128-bit \
SIMD, which `wasmbuild run` runs with its defaults: no time limit, no fuel. Each takes its own time around its \
work, so that no start is in it; medians, in turns. All ways must print the same checksum."""
_LIMITS = """\
A loop that native code does in SIMD (matmul) is slow without SIMD, which a project has to ask its compiler for; \
WebAssembly has no wider vectors and no instructions of one processor alone. With `--timeout` or `--fuel` the code \
has checks in it and is slower. Calls to the host (many small reads) cost more than native ones. Nothing here \
allocates while it is timed: malloc is other code natively, and programs that allocate much gain or lose by that. One \
thread is measured: guests have no others."""


def measure(workspace: Workspace) -> Section:
    """Run every kernel in every way, in turns."""
    rows, bars, ratios = [], [], {}
    for name, rounds in KERNELS.items():
        taken = _times(workspace, name, max(1, rounds // 8) if workspace.quick else rounds)
        ratios[name] = {way: taken[way] / taken["native"] for way in _WAYS}
        rows.append((name, *(f"{taken[way]:.3f} s ({times(ratios[name][way])})" for way in _WAYS)))
        bars.append(Bars(f"Kernel: {name}", "s", tuple((way, taken[way], way.startswith("Wasm")) for way in _WAYS)))
    near = [name for name, ratio in ratios.items() if ratio["Wasm"] <= _NEAR]
    far = [
        f"{name} ({times(ratio['Wasm'])}, with SIMD {times(ratio['Wasm with SIMD'])})"
        for name, ratio in ratios.items()
        if name not in near
    ]
    return Section(
        "Near-native speed",
        "The same C source, compiled by the same compiler with the same flags, runs nearly as fast as WebAssembly.",
        _HOW,
        f"Within {times(_NEAR)} of native: {', '.join(near) or 'none'}. Beyond: {', '.join(far) or 'none'}.",
        (Table(("kernel", *_WAYS), tuple(rows)),),
        _LIMITS,
        tuple(bars),
    )


def _times(workspace: Workspace, name: str, rounds: int) -> dict[str, float]:
    """Seconds of each way, the median. Raises Missing when the ways disagree about the checksum."""
    programs = {
        way: compile_c(workspace, f"{name}.c", to, f"{name}-{number}") for number, (way, to) in enumerate(_WAYS.items())
    }
    taken: dict[str, list[float]] = {way: [] for way in _WAYS}
    sums = set()
    ways = list(_WAYS)
    turns = 2 if workspace.quick else max(5, workspace.rounds // 2)
    for number in range(turns + 1):
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            seconds, checksum = _run(programs[way], rounds, guest=way.startswith("Wasm"))
            sums.add(checksum)
            if number:
                taken[way].append(seconds)
    if len(sums) != 1:
        raise Missing(f"{name}: its checksum differs: {', '.join(sorted(sums))}")
    return {way: median(values) for way, values in taken.items()}


def _run(program: Path, rounds: int, *, guest: bool) -> tuple[float, str]:
    command = [*((WASMBUILD, "run") if guest else ()), str(program), str(rounds)]
    done = finished(command)
    if done.returncode:
        raise Missing(f"{program.name}: {done.stderr.strip()[-200:]}")
    return float(done.stderr.split()[-1]), done.stdout.strip()
