"""Claim: many instances need little memory."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .compilers import NATIVE, WASM, compile_c
from .containers import bundle, filled, remove
from .report import Bars, Section, Table, sized
from .workspace import WASMBUILD, Missing, Workspace, clean, found

COUNT = 50
_READY_SECONDS = 120
_ONE = "1 guest in one process"
_MANY_INSIDE = f"{COUNT} guests in one process"
_PROCESSES = f"{COUNT} processes of wasmbuild run"
_NATIVE = f"{COUNT} native processes"
_CONTAINERS = f"{COUNT} containers by runc"
_MANY = Path(__file__).with_name("many.py")


@dataclass(frozen=True, slots=True)
class _Weight:
    """Bytes of memory: resident with what is shared counted for each (RSS), and with it counted once (PSS)."""

    rss: int
    pss: int


_HOW = """\
A program in C fills 1 MiB and sleeps. When all of them said that they are ready, the sums of `Rss` and `Pss` in \
`/proc/*/smaps_rollup` are taken, of every process that belongs to it; `Pss` counts a page that several share once. In \
one process they run by the library, a thread for each guest. Containers are started detached, by runc."""
_LIMITS = """\
A process of `wasmbuild run` carries Python and the engine, and weighs more than a native process or a container of \
it: density needs guests in one process, and a small C program is as small natively. The kernel's own memory \
(namespaces, cgroups, page tables) is not counted, nor the supervisor that docker or podman keep beside each \
container. A guest's memory grows and is not given back before it ends."""


def measure(workspace: Workspace) -> Section:
    """Start many of the same program in each way, and weigh them while all of them wait."""
    wasm = compile_c(workspace, "waiter.c", WASM, "waiter.wasm", "-Os", "-s")
    native = compile_c(workspace, "waiter.c", NATIVE, "waiter", "-Os", "-s")
    inside = [sys.executable, str(_MANY), str(wasm)]
    ways: dict[str, Callable[[], _Weight]] = {
        _ONE: lambda: _weighed([[*inside, "1"]], 1),
        _MANY_INSIDE: lambda: _weighed([[*inside, str(COUNT)]], COUNT),
        _PROCESSES: lambda: _weighed([[WASMBUILD, "run", str(wasm)]] * COUNT, COUNT),
        _NATIVE: lambda: _weighed([[str(native)]] * COUNT, COUNT),
        _CONTAINERS: lambda: _contained(workspace, native),
    }
    weights, missing = {}, []
    for name, way in ways.items():
        try:
            weights[name] = way()
        except Missing as reason:
            missing.append(f"{name}: {reason}")
    bars = tuple((name, weight.pss / 1e6, name not in {_NATIVE, _CONTAINERS}) for name, weight in weights.items())
    return Section(
        f"Memory of {COUNT} instances",
        "Instances share their code and their engine, so that a further one costs little more than its own data.",
        _HOW,
        _verdict(weights),
        (Table(("instances", "sum of PSS", "sum of RSS", "PSS for each"), tuple(_rows(weights))),),
        _LIMITS,
        (Bars(f"Memory of {COUNT} instances (PSS)", "MB", bars),),
        tuple(missing),
    )


def _verdict(weights: dict[str, _Weight]) -> str:
    """What each further instance costs, in a sentence."""
    if not {_ONE, _MANY_INSIDE} <= weights.keys():
        return "The guests could not be weighed."
    further = (weights[_MANY_INSIDE].pss - weights[_ONE].pss) / (COUNT - 1)
    others = [
        f"{sized(weights[name].pss)} for {name}" for name in (_CONTAINERS, _NATIVE, _PROCESSES) if name in weights
    ]
    return (
        f"A guest beside another costs {sized(further)}, of which a megabyte is its own data; {_MANY_INSIDE} weigh "
        f"{sized(weights[_MANY_INSIDE].pss)} with everything, against {', '.join(others)}."
    )


def _rows(weights: dict[str, _Weight]) -> Iterator[tuple[str, ...]]:
    for name, weight in weights.items():
        yield name, sized(weight.pss), sized(weight.rss), sized(weight.pss / _count(name))


def _count(name: str) -> int:
    return int(name.split(maxsplit=1)[0])


@contextmanager
def _started(commands: Sequence[Sequence[str]]) -> Iterator[tuple[list[subprocess.Popen[bytes]], int]]:
    """Start processes that share the writing end of a pipe; the reading end comes with them."""
    reading, writing = os.pipe()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE)
            processes.append(process)  # one by one: what was started is ended whatever happens
        os.close(writing)
        yield processes, reading
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()
        os.close(reading)


def _await(reading: int, count: int, processes: Sequence[subprocess.Popen[bytes]] = ()) -> None:
    """Wait until all of them said that they are ready. Raises Missing."""
    text, until = b"", time.monotonic() + _READY_SECONDS
    while text.count(b"ready") < count:
        able, _, _ = select.select([reading], [], [], max(0, until - time.monotonic()))
        more = os.read(reading, 65536) if able else b""
        if not more:
            said = next((p.stderr.read(400) for p in processes if p.poll() is not None and p.stderr), b"")
            raise Missing(
                f"only {text.count(b'ready')} of {count} became ready: {clean(said.decode(errors='replace'))}"
            )
        text += more
    time.sleep(0.3)


def _weighed(commands: Sequence[Sequence[str]], count: int) -> _Weight:
    with _started(commands) as (processes, reading):
        _await(reading, count, processes)
        return _sum(process.pid for process in processes)


def _sum(processes: Iterator[int]) -> _Weight:
    rss = pss = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError as error:
            raise Missing(f"smaps_rollup: {error.strerror}") from error
        found_here = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines()[1:]}
        rss, pss = rss + found_here["Rss"], pss + found_here["Pss"]
    return _Weight(rss, pss)


def _contained(workspace: Workspace, native: Path) -> _Weight:
    """The same in containers of their own, which share the file of the program."""
    runc = found("runc")
    if os.geteuid() != 0:
        raise Missing("runc: starting containers needs root here")
    folder = workspace.below("weights")
    filled(folder / "rootfs", (str(native),), None)
    bundle(folder, ("/program",))
    names = [f"claims-{os.getpid()}-{number}" for number in range(COUNT)]
    reading, writing = os.pipe()
    started: list[str] = []
    try:
        pids = [_detached(runc, folder, name, writing, started) for name in names]
        os.close(writing)
        _await(reading, COUNT)
        return _sum(iter(pids))
    finally:
        os.close(reading)
        for name in started:
            remove(runc, name)


def _detached(runc: str, folder: Path, name: str, writing: int, started: list[str]) -> int:
    """Start one container; the process that is its first. Raises Missing."""
    pid = folder / f"{name}.pid"
    started.append(name)
    command = [runc, "run", "--detach", "--bundle", str(folder), "--pid-file", str(pid), name]
    with (folder / "said").open("wb") as said:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=said, timeout=60, check=False)
    if done.returncode:
        raise Missing(f"runc: {clean((folder / 'said').read_text(errors='replace'))}")
    return int(json.loads(pid.read_text()))
