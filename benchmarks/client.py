"""Our client, and ``oras`` and ``crane`` where they are to be had, against the same registry, ours.

    python benchmarks/client.py [--rounds N] [--only NAME]... [--json FILE]

Each is a process, from its start to its end; the clients take turns, and each round begins with
another one. Every push has content of its own and a repository of its own; every pull an empty
folder and an empty cache; every copy a repository of its own. Registry, content and results are on
one disk, which is synced before each run. The registry is new in each round.

``wasmbuild`` is the whole command; ``wasmbuild, warm`` is the same command in a process that has
imported all modules that an earlier run had loaded at its end: from the command line's parsing to its
exit code, and nothing else taken out. The others' programs start in a few milliseconds, which are in
their times. What is compared is what a person would type: one file is pushed and pulled by ``push``
and ``pull`` (by crane, which has no such thing, as a layout), several by copying a layout. A recursive
copy is something that crane does not do.

The peak of memory is that of the client's process, by ``wait4``; it cannot be below that of this
script. Not measured: TLS, logins, a network, another registry than ours, and the server itself,
whose work is in every client's time.
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
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmbuild-interop" / "bin"
OURS, WARM = "wasmbuild", "wasmbuild, warm"
CLIENTS = (OURS, WARM, "oras", "crane")
RUN_SECONDS = 600
WARMED = """
import importlib, json, sys, time
from pathlib import Path
known, result, *arguments = sys.argv[1:]
for name in json.loads(Path(known).read_text()) if Path(known).exists() else []:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
from wasmbuild.cli.main import run
began = time.perf_counter()
code = run(arguments)
Path(result).write_text(str(time.perf_counter() - began))
if not Path(known).exists():
    Path(known).write_text(json.dumps([name for name in sys.modules if name != "__main__"]))
sys.exit(code)
"""


@dataclass(frozen=True)
class Run:
    """Where one run finds its content, and where it puts it: a source and a fresh destination."""

    content: Path
    source: str
    target: str
    folder: Path


Command = Callable[[Run], list[str]]


@dataclass(frozen=True)
class Scenario:
    """One thing to move: how it is made (the arguments of ``content.py``), and who moves it how."""

    name: str
    content: tuple[str, str]
    seeded: bool
    commands: dict[str, Command]


@dataclass(frozen=True)
class Sample:
    """What one run took: seconds, and bytes at the peak."""

    seconds: float
    peak: int


PUSH_FILE: dict[str, Command] = {
    OURS: lambda run: ["push", run.target, f"{run.content}/module.wasm", "--sbom", "none"],
    "oras": lambda run: ["push", "--plain-http", "--disable-path-validation", run.target, f"{run.content}/module.wasm"],
    "crane": lambda run: ["push", f"{run.content}/oci", run.target],
}
PULL_FILE: dict[str, Command] = {
    OURS: lambda run: ["pull", run.source, "-o", f"{run.folder}/module.wasm"],
    "oras": lambda run: ["pull", "--plain-http", "-o", f"{run.folder}/out", run.source],
    "crane": lambda run: ["pull", "--format", "oci", run.source, f"{run.folder}/out"],
}
PUSH_LAYOUT: dict[str, Command] = {
    OURS: lambda run: ["copy", f"oci:{run.content}/oci:v1", run.target],
    "oras": lambda run: ["cp", "--from-oci-layout", "--to-plain-http", f"{run.content}/oci:v1", run.target],
    "crane": lambda run: ["push", f"{run.content}/oci", run.target],
}
PULL_LAYOUT: dict[str, Command] = {
    OURS: lambda run: ["copy", run.source, f"oci:{run.folder}/out:v1"],
    "oras": lambda run: ["cp", "--from-plain-http", "--to-oci-layout", run.source, f"{run.folder}/out:v1"],
    "crane": lambda run: ["pull", "--format", "oci", run.source, f"{run.folder}/out"],
}
COPY: dict[str, Command] = {
    OURS: lambda run: ["copy", "-r", run.source, run.target],
    "oras": lambda run: ["cp", "-r", "--from-plain-http", "--to-plain-http", run.source, run.target],
}
SCENARIOS = (
    Scenario("push-1x1MB", ("file", "1"), False, PUSH_FILE),
    Scenario("pull-1x1MB", ("file", "1"), True, PULL_FILE),
    Scenario("push-1x500MB", ("file", "500"), False, PUSH_FILE),
    Scenario("pull-1x500MB", ("file", "500"), True, PULL_FILE),
    Scenario("push-50x1MB", ("index", "50"), False, PUSH_LAYOUT),
    Scenario("pull-50x1MB", ("index", "50"), True, PULL_LAYOUT),
    Scenario("copy-200-signed", ("signed", "200"), True, COPY),
)


def find(client: str) -> str | None:
    """The path of a client's program; None when there is none."""
    if client in (OURS, WARM):
        return WASMBUILD
    return shutil.which(client, path=f"{PEERS}{os.pathsep}{os.environ['PATH']}")


@contextmanager
def registry(data: Path) -> Iterator[str]:
    """Our registry in the background; its address."""
    with (data.parent / "log").open("w") as log:
        command = [WASMBUILD, "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit("the registry did not start:\n" + (data.parent / "log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(30)


def make(scenario: Scenario, folder: Path) -> Path:
    """New content."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run([sys.executable, HERE / "content.py", *scenario.content, folder], check=True)
    return folder


def measure(command: list[str], folder: Path) -> Sample:
    """Run a process to its end, in an environment without anybody's settings.

    Raises SystemExit when it fails.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WASMBUILD_", "ORAS_"))}
    environment = kept | {"WASMBUILD_CACHE_DIR": str(folder / "cache"), "DOCKER_CONFIG": str(folder / "config")}
    log = folder / "output"
    os.sync()
    with log.open("w") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:3])} … ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    return Sample(seconds, usage.ru_maxrss * 1024)


def one(client: str, scenario: Scenario, run: Run, modules: Path) -> Sample:
    """One run of one client."""
    run.folder.mkdir()
    arguments = scenario.commands[OURS if client == WARM else client](run)
    try:
        if client != WARM:
            return measure([find(client) or client, *arguments], run.folder)
        result = run.folder / "seconds"
        sample = measure([sys.executable, "-c", WARMED, str(modules), str(result), *arguments], run.folder)
        return Sample(float(result.read_text()), sample.peak)
    finally:
        shutil.rmtree(run.folder)


def round_of(scenario: Scenario, clients: list[str], folder: Path, modules: Path) -> Iterator[tuple[str, Sample]]:
    """Every client once, against a new registry."""
    data = folder / "data"
    with registry(data) as address:
        source = f"{address}/bench/source:v1"
        content = make(scenario, folder / "content")
        layout = f"oci:{content}/oci:v1"
        subprocess.run(
            [WASMBUILD, "copy", "-r", "--progress", "quiet", layout, source], check=True, stdout=subprocess.DEVNULL
        )
        for client in clients:
            if not scenario.seeded:
                make(scenario, content)
            target = f"{address}/bench/{uuid.uuid4().hex}:v1"
            yield client, one(client, scenario, Run(content, source, target, folder / "run"), modules)
    shutil.rmtree(data)


def samples_of(scenario: Scenario, rounds: int) -> dict[str, list[Sample]]:
    """All runs of one scenario; a first one of each client is not counted."""
    clients = [client for client in CLIENTS if (client in scenario.commands or client == WARM) and find(client)]
    taken: dict[str, list[Sample]] = {client: [] for client in clients}
    with tempfile.TemporaryDirectory(prefix="wasmbuild-bench-") as temporary:
        for number in range(rounds + 1):
            turn = number % len(clients)
            order = clients[turn:] + clients[:turn]
            for client, sample in round_of(scenario, order, Path(temporary), Path(temporary) / "modules"):
                if number:
                    taken[client].append(sample)
    return taken


def show(scenario: Scenario, taken: dict[str, list[Sample]]) -> None:
    """The lines of a table."""
    medians = {client: statistics.median(sample.seconds for sample in samples) for client, samples in taken.items()}
    for client, samples in taken.items():
        seconds = [sample.seconds for sample in samples]
        ratio = f"{medians[client] / medians['oras']:8.2f}" if "oras" in medians else " " * 8
        peak = max(sample.peak for sample in samples) / 1e6
        print(
            f"{scenario.name:<16} {client:<16} {medians[client] * 1000:>9.0f} {min(seconds) * 1000:>9.0f}"
            f" {max(seconds) * 1000:>9.0f} {ratio} {peak:>8.0f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each client that are counted")
    parser.add_argument("--only", action="append", choices=[each.name for each in SCENARIOS], metavar="NAME")
    parser.add_argument("--json", type=Path, help="write every run to this file, too")
    options = parser.parse_args()
    for client in CLIENTS:
        if find(client) is None:
            print(f"{client} is not here; make interop gets it")
    print(f"{'':<16} {'':<16} {'median ms':>9} {'min':>9} {'max':>9} {'x oras':>8} {'peak MB':>8}", flush=True)
    results = {}
    for scenario in SCENARIOS:
        if options.only is None or scenario.name in options.only:
            taken = samples_of(scenario, options.rounds)
            show(scenario, taken)
            results[scenario.name] = {client: [asdict(each) for each in samples] for client, samples in taken.items()}
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
