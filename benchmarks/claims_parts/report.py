"""What comes of the measurements, as Markdown: sections with tables, what they do not show, what could not be measured.

Not here: the chart (``chart``).
"""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .workspace import MACHINE

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first column is a name, the others are figures or words."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: bool = True


@dataclass(frozen=True, slots=True)
class Bars:
    """A group of the chart: labelled values of one unit; those of ours are marked."""

    title: str
    unit: str
    values: tuple[tuple[str, float, bool], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One claim: what it says, how it was measured, what came out, and what that does not show.

    ``verdict`` is a sentence about this run's figures, computed from them. ``missing`` could not be measured;
    ``failed`` was, and must not be so.
    """

    title: str
    claim: str
    how: str
    verdict: str
    tables: tuple[Table, ...]
    limits: str
    bars: tuple[Bars, ...] = ()
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def machine_facts(load_before: float) -> tuple[tuple[str, str], ...]:
    """What counts of this machine: nothing that tells one from another of its kind.

    Its load (processes that run or wait, the mean of a minute) says whether the figures can be trusted.
    """
    return (
        ("processor", f"{_cpu()}, {MACHINE}"),
        ("cores that may be used", str(len(os.sched_getaffinity(0)))),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release().split('-')[0]}"),
        ("load before and after", f"{load_before:.1f} and {os.getloadavg()[0]:.1f}"),
        ("Python", platform.python_version()),
        ("date", datetime.now(tz=UTC).date().isoformat()),
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "cpu model"}:
            return value.strip()
    return "unknown"


def markdown(
    sections: list[Section], facts: tuple[tuple[str, str], ...], versions: dict[str, str], words: str, other: list[str]
) -> str:
    """The whole report; ``other`` is what is not measured at all, with its reasons."""
    lines = [
        "# The claims, measured",
        "",
        words,
        "",
        "![The figures below, as bars](claims.svg)",
        "",
        *_table(Table(("machine", ""), facts, figures=False)),
        "",
        *_table(Table(("program", "version"), tuple(sorted(versions.items())), figures=False)),
    ]
    for section in sections:
        lines += _section(section)
    missing = [f"- {_cell(reason)}" for reason in other]
    missing += [f"- {section.title}: {_cell(reason)}" for section in sections for reason in section.missing]
    lines += ["", "## What could not be measured", "", *(missing or ["Nothing: everything was there."])]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> list[str]:
    lines = ["", f"## {section.title}", "", section.claim, "", f"**In this run.** {section.verdict}"]
    for table in section.tables:
        lines += ["", *_table(table)]
    lines += ["", *(f"- **Failed:** {_cell(reason)}" for reason in section.failed)] if section.failed else []
    return [*lines, "", f"**How.** {section.how}", "", f"**What it does not show.** {section.limits}"]


def _table(table: Table) -> list[str]:
    rule = ["---", *(["---:"] * (len(table.header) - 1) if table.figures else ["---"] * (len(table.header) - 1))]
    rows = [table.header, tuple(rule), *table.rows]
    return ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(text: str) -> str:
    """Text that can stand in a cell: no line ends, no bars, no markup of its own."""
    shown = " ".join(text.split())
    return shown.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def times(ratio: float) -> str:
    """How many times as much."""
    return f"{ratio:.2f} {TIMES}" if ratio < 10 else f"{ratio:,.0f} {TIMES}"


def milliseconds(seconds: float) -> str:
    """A time, in milliseconds, with as many digits as make sense."""
    value = seconds * 1000
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def sized(count: float) -> str:
    """A number of bytes, in kB or MB (powers of ten, as registries show them)."""
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"
