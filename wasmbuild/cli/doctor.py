"""``wasmbuild doctor``."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.client.registries import Registries
from wasmbuild.cli.building import setting
from wasmbuild.cli.common import FOLDER, argument, option, registry_verb
from wasmbuild.errors import ExitCode
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.doctor import Diagnosis

_MARKS = {"ok": "✓", "later": "-", "problem": "!"}
_HINTED = {"languages": ("problem",)}
"""Where fewer hints are shown than elsewhere: most people need few of the languages."""


@registry_verb("doctor", "wasmbuild doctor")
@argument("folder", type=FOLDER, default=".")
@option("--online", is_flag=True, help="Ask the package index, too, whether it is there.")
@option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "namespaces", "none"]),
    default="auto",
    show_default=True,
    help="The sandbox to look at.",
)
def command(console: Console, registries: Registries, folder: Path, online: bool, sandbox: str) -> ExitCode:
    """Say what this machine has to build the project in FOLDER with, what is missing, and what mends it.

    ✓ is there, - comes when it is needed, ! wants attention. Ends with 7 when the project cannot be built here.
    """
    from wasmbuild.workflows.doctor import diagnose

    found = diagnose(folder, setting(console, registries), online=online, sandbox=sandbox)
    document = {
        "buildable": found.buildable,
        "checks": [
            {"section": each.section, "name": each.name, "state": each.mark, "text": each.text, "hint": each.hint}
            for each in found.checks
        ],
    }
    console.result("doctor", "\n".join(_lines(found)), document)
    return ExitCode.OK if found.buildable else ExitCode.TOOLCHAIN


def _lines(found: "Diagnosis") -> list[str]:
    lines: list[str] = []
    for section, checks in groupby(found.checks, key=lambda check: check.section):
        lines.append(section)
        for check in checks:
            lines.append(f"  {_MARKS[check.mark]} {check.name}: {check.text}")
            if check.hint and check.mark in _HINTED.get(section, ("later", "problem")):
                lines.append(f"      {check.hint}")
    return lines
