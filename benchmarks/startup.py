"""How long ``wasmbuild --help`` and ``wasmbuild version`` take, beside a Python that does nothing.

    python benchmarks/startup.py [RUNS]

The commands take turns, so that a busy machine is busy for all of them. The claim is: less than
80 ms more than the bare interpreter, at the median.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BUDGET_MILLISECONDS = 80
WASMBUILD = Path(sys.executable).parent / "wasmbuild"
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "wasmbuild --help": [str(WASMBUILD), "--help"],
    "wasmbuild version": [str(WASMBUILD), "version"],
}


def milliseconds(command: list[str]) -> float:
    """The wall-clock time of one process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main(runs: int) -> int:
    """Measure, print a table, and say whether the claim holds."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            value = milliseconds(command)
            if number:  # the first round fills caches
                taken[name].append(value)
    bare = statistics.median(taken["python -c pass"])
    worst = 0.0
    print(f"{'median of ' + str(runs):<20} {'ms':>8} {'beyond bare':>12}")
    for name, values in taken.items():
        median = statistics.median(values)
        worst = max(worst, median - bare)
        print(f"{name:<20} {median:>8.1f} {median - bare:>12.1f}")
    print(
        f"the budget is {BUDGET_MILLISECONDS} ms beyond bare: {'kept' if worst < BUDGET_MILLISECONDS else 'exceeded'}"
    )
    return 0 if worst < BUDGET_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
