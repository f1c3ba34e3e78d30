"""What all measurements share: a folder, the programs found on PATH, commands with a time limit, turns."""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from wasmbuild.caches import Caches

PROGRAMS = Path(__file__).with_name("programs")
WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
MACHINE = platform.machine()
_SHOWN = 300
_PATH = re.compile(r"(?<![\w.])/(?:[\w.+@-]+/)+[\w.+@-]*")


class Missing(Exception):
    """Something could not be measured here; says what and why, in words for the report."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder for everything that is made, how many rounds to measure, and whether to be quick."""

    folder: Path
    rounds: int
    quick: bool

    def below(self, name: str) -> Path:
        """A new, empty folder."""
        made = self.folder / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        return made


def clean(text: str) -> str:
    """Words of a program for the report: one line, short, without paths and names of this machine."""
    words = " ".join(text.replace(platform.node() or "\0", "this machine").split())
    words = _PATH.sub(lambda found: "…/" + found[0].rstrip("/").rpartition("/")[2], words)
    return words if len(words) <= _SHOWN else words[:_SHOWN] + " …"


def found(name: str) -> str:
    """The path of a program. Raises Missing when it is not on PATH."""
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name}: not on PATH")
    return path


def finished(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    seconds: float = 600,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code. Raises Missing when it does not start or end."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {clean(str(error))}") from error


def required(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    seconds: float = 600,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What a command prints. Raises Missing with its own words when it fails."""
    done = finished(command, folder=folder, seconds=seconds, environment=environment)
    if done.returncode:
        raise Missing(f"{Path(command[0]).name}: {clean(done.stderr or done.stdout or str(done.returncode))}")
    return done.stdout


def seconds_of(
    command: Sequence[str | Path], expected: str | None = None, environment: Mapping[str, str] = MappingProxyType({})
) -> float:
    """The wall-clock time of one whole process. Raises Missing when it fails or prints something else."""
    began = time.perf_counter()
    printed = required(command, environment=environment)
    taken = time.perf_counter() - began
    if expected is not None and printed != expected:
        raise Missing(f"{Path(command[0]).name}: it printed {clean(printed)!r} and not {expected!r}")
    return taken


def in_turns(rounds: int, runs: dict[str, Callable[[], float]]) -> tuple[dict[str, list[float]], list[str]]:
    """Let the runs take turns, each round beginning with another one; what cannot run is left out, with its reason.

    The first try of each is not counted: it fills the caches of the system.
    """
    able: dict[str, Callable[[], float]] = {}
    reasons = []
    for name, run in runs.items():
        try:
            run()
        except Missing as missing:
            reasons.append(f"{name}: {missing}")
        else:
            able[name] = run
    times: dict[str, list[float]] = {name: [] for name in able}
    names = list(able)
    for number in range(rounds):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            times[name].append(able[name]())
    return times, reasons


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def cache() -> Path:
    """Where wasmbuild keeps the compilers that it pins."""
    return Caches.of_user().root


def layout_bytes(layout: Path) -> int:
    """The bytes that a client pulls of the one artifact in an OCI image layout: manifest, config and layers."""
    index = json.loads((layout / "index.json").read_bytes())
    described = index["manifests"][0]
    manifest = json.loads((layout / "blobs" / described["digest"].replace(":", "/")).read_bytes())
    parts = [manifest["config"], *manifest["layers"]]
    return int(described["size"]) + sum(int(part["size"]) for part in parts)
