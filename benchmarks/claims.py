"""What WebAssembly is said to be good for, measured on this machine: the report is ``docs/claims.md``, with a chart.

    python benchmarks/claims.py [--quick] [--rounds N] [--only NAME]... [--output FOLDER]

The same programs as artifacts and as container images: ``sizes``, ``starts``, ``memory``, ``kernels``, ``escapes``
(what a guest tries and must not be able to do), ``engines`` (one digest run by many). What is not there to compare
with is left out and named. ``--quick`` leaves out what takes minutes: fewer rounds, no Python, no image of Debian.
Ends with 1 when an escape succeeded or engines disagreed. Nothing is sent anywhere; compilers, the files of Debian
(as root) and wazero are fetched once and kept. It needs Linux.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.claims_parts import engines, escapes, kernels, sizes, starts, weights  # noqa: E402
from benchmarks.claims_parts.chart import svg  # noqa: E402
from benchmarks.claims_parts.compilers import Pair, c_pair, go_pair, python_pair  # noqa: E402
from benchmarks.claims_parts.report import Section, machine_facts, markdown  # noqa: E402
from benchmarks.claims_parts.workspace import Missing, Workspace  # noqa: E402

WORDS = """\
People say of WebAssembly that it is small, starts at once, needs little memory, runs at nearly native speed, keeps \
untrusted code in, and runs everywhere. This page is written by `make claims`, which measures that on the machine that \
it runs on, the same programs as artifacts of wasmbuild, as native programs and as containers. Where WebAssembly \
loses, it says so. Figures of another machine will differ; run it on yours. Ratios are to what stands beside them."""


def programs(workspace: Workspace, missing: list[str]) -> list[Pair]:
    """The programs that say hello, in each language that can be compiled here."""
    makers: list[Callable[[Workspace], Pair]] = [c_pair, go_pair, python_pair]
    made = []
    for maker in makers[:2] if workspace.quick else makers:
        try:
            made.append(maker(workspace))
        except Missing as reason:
            missing.append(f"{maker.__name__.partition('_')[0]}: {reason}")
    return made


def sections(workspace: Workspace, wanted: list[str]) -> tuple[list[Section], list[str]]:
    """Measure what is wanted, one after the other; and the reasons for what is not measured at all."""
    missing: list[str] = []
    pairs = programs(workspace, missing) if {"sizes", "starts"} & set(wanted) else []
    measures: dict[str, Callable[[], Section]] = {
        "sizes": lambda: sizes.measure(workspace, pairs),
        "starts": lambda: starts.measure(workspace, pairs),
        "memory": lambda: weights.measure(workspace),
        "kernels": lambda: kernels.measure(workspace),
        "escapes": lambda: escapes.measure(workspace),
        "engines": lambda: engines.measure(workspace),
    }
    found = []
    for name in wanted:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        try:
            found.append(measures[name]())
        except Missing as reason:
            missing.append(f"{name}: {reason}")
    return found, missing


def main() -> int:
    """Measure, and write the report and the chart."""
    names = ["sizes", "starts", "memory", "kernels", "escapes", "engines"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", action="append", choices=names)
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    chosen = parser.parse_args()
    rounds = chosen.rounds or (3 if chosen.quick else 15)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        measured, missing = sections(Workspace(Path(folder), rounds, chosen.quick), chosen.only or names)
        text = markdown(measured, machine_facts(before), engines.versions(), WORDS, missing)
    chart = svg([bars for section in measured for bars in section.bars], "Measured by make claims; blue is wasmbuild")
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / "claims.md").write_text(text)
    (chosen.output / "claims.svg").write_text(chart)
    for section in measured:
        print(f"{section.title}: {section.verdict}")
    failed = [reason for section in measured for reason in section.failed]
    for reason in failed:
        print(f"failed: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
