"""What a build costs beyond its compiler: nothing to do, one line edited, a fresh clone, many targets, memory.

    python benchmarks/build.py [--rounds N] [--only NAME]... [--json FILE]

Every figure stands beside what it is compared with, measured in the same round: whole processes, in turns.

``no-op``: ``wasmbuild build`` of a C project with 10,000 other files, built before; beside it the same
interpreter, which imports the modules that this command had loaded at its end and calls ``stat`` for each
file, and ``git status``. ``edit``: one line of a C project of 20 files changed; beside it the same command line
of the compiler, with its own cache as warm. ``clone``: a Go program that takes seconds to compile, in a fresh
copy with an empty cache and a registry that has the result; beside it the same without that cache, compilers
installed in both. ``workspace``: 20 targets in C, compiled with ``--jobs 2`` and ``--jobs 1``, other caches
being empty but for the compiler's own. Modules of Python are compiled, as after an installation. The peak of
memory of ours is that of our process, without those it starts.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
OURS = """
import resource, sys
from wasmbuild.cli.entry import main
try:
    main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
BUILD = [sys.executable, "-c", OURS, "build"]
FILES, TARGETS, SOURCES = 10_000, 20, 20
RUN_SECONDS = 900
LOADED = """
import json, sys
from wasmbuild.cli.main import run
code = run(["build", sys.argv[1]])
print(json.dumps([name for name in sys.modules if name != "__main__"]), file=sys.stderr)
sys.exit(code)
"""
FLOOR = """
import importlib, json, os, sys
for name in json.loads(open(sys.argv[1]).read()):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
for folder, below, names in os.walk(sys.argv[2]):
    below[:] = [name for name in below if name not in (".git", "dist")]
    for name in names:
        os.stat(folder + "/" + name)
"""
PROJECT = '[project]\nname = "bench"\nversion = "1.0.0"\n'
GO = """package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"text/template"
)

func main() {
	page, _ := template.New("page").Parse("{{.}}")
	data, _ := json.Marshal(http.Header{"a": {"b"}})
	fmt.Println(page != nil, sha256.Sum256(data))
}
"""


@dataclass(frozen=True)
class Figure:
    """One command's times in seconds, and the peak of its own memory in MB."""

    scenario: str
    name: str
    seconds: list[float]
    memory: float

    @property
    def median(self) -> float:
        """The median of its times."""
        return statistics.median(self.seconds)


def timed(command: list[str], folder: Path, **variables: str) -> tuple[float, float]:
    """Run a command; its seconds, and the peak of its memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} failed: {said.decode(errors='replace')[-2000:]}")
    words = said.split()
    own = int(words[-1]) if words[-2:-1] == [b"peak"] else used.ru_maxrss  # the other counts children, too
    return seconds, own / 1024


def measured(scenario: str, rounds: int, runs: dict[str, Callable[[], tuple[float, float]]]) -> list[Figure]:
    """Let the runs take turns, each round beginning with another one."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            times[name].append(runs[name]())
    return [
        Figure(scenario, name, [seconds for seconds, _ in found], max(memory for _, memory in found))
        for name, found in times.items()
    ]


def c_project(folder: Path, sources: int) -> Path:
    """A project of some C files, each with a function, and one that calls them."""
    (folder / "src").mkdir(parents=True)
    (folder / "wasmbuild.toml").write_text(PROJECT)
    for number in range(sources):
        (folder / "src" / f"f{number}.c").write_text(f"int f{number}(int x) {{ return x * {number + 3}; }}\n")
    declared = "".join(f"int f{number}(int);\n" for number in range(sources))
    called = " + ".join(f"f{number}(c)" for number in range(sources))
    (folder / "src" / "main.c").write_text(
        f"{declared}int main(int c, char **v) {{ return ({called}) & 1 ? 0 : 0; }}\n"
    )
    return folder


def no_op(place: Path, rounds: int) -> list[Figure]:
    """Nothing to do among many files."""
    project = c_project(place / "project", 1)
    for number in range(FILES):
        file = project / "data" / f"d{number % 200}" / f"f{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    timed(BUILD, project)
    time.sleep(3)  # what was written a moment ago is not trusted
    timed(BUILD, project)
    modules = place / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(project)], capture_output=True, text=True, check=True, timeout=RUN_SECONDS
    )
    modules.write_text(done.stderr.splitlines()[-1])
    return measured(
        "no-op",
        rounds,
        {
            "wasmbuild build": lambda: timed(BUILD, project),
            "imports and stat": lambda: timed([sys.executable, "-c", FLOOR, str(modules), str(project)], project),
            "git status": lambda: timed(["git", "status", "--short"], project),
        },
    )


def edit(place: Path, rounds: int) -> list[Figure]:
    """One line changed."""
    ours, bare = c_project(place / "ours", SOURCES), c_project(place / "bare", SOURCES)
    timed(BUILD, ours)
    zig = next(Path(cache()).glob("tools/ziglang-*/ziglang/zig"))
    command = [str(zig), "cc", "-target", "wasm32-wasi", "-Os", "-s", "-o", "bench.wasm"]
    command += sorted(str(path.relative_to(bare)) for path in bare.glob("src/*.c"))
    variables = {"ZIG_GLOBAL_CACHE_DIR": f"{cache()}/zig/libraries", "ZIG_LOCAL_CACHE_DIR": f"{cache()}/zig/objects"}
    timed(command, bare, **variables)
    count = 0

    def changed(folder: Path) -> Path:
        nonlocal count
        count += 1
        (folder / "src" / "f0.c").write_text(f"int f0(int x) {{ return x * {time.time_ns()}u % {count + 7}; }}\n")
        return folder

    return measured(
        "edit",
        rounds,
        {
            "wasmbuild build": lambda: timed(BUILD, changed(ours)),
            "zig cc": lambda: timed(command, changed(bare), **variables),
        },
    )


def clone(place: Path, rounds: int) -> list[Figure]:
    """A fresh copy, from a registry's cache and without it."""
    original = place / "original"
    original.mkdir()
    (original / "wasmbuild.toml").write_text(PROJECT)
    (original / "go.mod").write_text("module bench\n\ngo 1.25\n")
    (original / "main.go").write_text(GO)
    with registry(place / "registry") as address:
        shared = f"oci://{address}/cache"
        timed([*BUILD, "--cache-to", shared], original)

        def fresh(*arguments: str) -> tuple[float, float]:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                copy, own = Path(folder, "copy"), Path(folder, "cache")
                shutil.copytree(original, copy, ignore=shutil.ignore_patterns("dist"))
                own.mkdir()
                (own / "tools").symlink_to(f"{cache()}/tools")
                return timed([*BUILD, *arguments], copy, WASMBUILD_CACHE_DIR=str(own))

        return measured(
            "clone",
            rounds,
            {"from a registry": lambda: fresh("--cache-from", shared), "compiled": fresh},
        )


def workspace(place: Path, rounds: int) -> list[Figure]:
    """Many targets, one or two at a time."""
    project = place / "project"
    (project / "src").mkdir(parents=True)
    targets = "".join(f'[target.t{each}]\nsources = ["src/t{each}.c"]\n' for each in range(TARGETS))
    (project / "wasmbuild.toml").write_text(PROJECT + targets)

    def build(jobs: int) -> tuple[float, float]:
        for each in range(TARGETS):
            (project / "src" / f"t{each}.c").write_text(
                f'#include <stdio.h>\nint main(void) {{ printf("{time.time_ns()}\\n"); return 0; }}\n'
            )
        return timed([*BUILD, "--jobs", str(jobs)], project)

    build(2)
    return measured("workspace", rounds, {"two jobs": lambda: build(2), "one job": lambda: build(1)})


def cache() -> str:
    """The user's cache folder."""
    from wasmbuild.caches import Caches

    return str(Caches.of_user().root)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A registry of ours; its address."""
    command = [WASMBUILD, "serve", "--listen", "127.0.0.1:0", "--data", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().removeprefix("http://")
    finally:
        process.terminate()
        process.wait(30)


SCENARIOS = {"no-op": no_op, "edit": edit, "clone": clone, "workspace": workspace}


def main() -> int:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", choices=list(SCENARIOS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    compiled = tempfile.TemporaryDirectory(prefix="bench-")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = compiled.name
    for name in arguments.only or list(SCENARIOS):
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            figures += SCENARIOS[name](Path(place), arguments.rounds)
    compiled.cleanup()
    print("| | | median ms | min ms | ratio | peak MB |\n| --- | --- | --- | --- | --- | --- |")
    for name in dict.fromkeys(figure.scenario for figure in figures):
        first, *_ = own = [figure for figure in figures if figure.scenario == name]
        for figure in own:
            ratio = first.median / figure.median
            print(
                f"| {name} | {figure.name} | {figure.median * 1000:.0f} | {min(figure.seconds) * 1000:.0f} "
                f"| {ratio:.2f} | {figure.memory:.0f} |"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
