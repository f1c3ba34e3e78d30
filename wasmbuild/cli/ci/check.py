"""``wasmbuild ci check``."""

from pathlib import Path
from typing import TYPE_CHECKING

from registry.words import printable
from wasmbuild.cli.common import FILE, argument, verb
from wasmbuild.errors import ExitCode
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.ci.findings import Finding


@verb("check", "wasmbuild ci check .github/workflows/release.yml")
@argument("files", type=FILE, nargs=-1)
def command(console: Console, files: tuple[Path, ...]) -> ExitCode:
    """Find what makes FILES unsafe: workflows and actions of GitHub, pipelines of GitLab. Exit code 1 if there is any.

    Without FILES, those of the current folder and of the working tree that it is in, where they usually are. The
    comment "# wasmbuild: ignore[RULE]" on a line, or above it, lets it pass. Prints a line for each finding.
    """
    from wasmbuild.workflows.ci.check import check_files, files_of

    paths = files or files_of(Path())
    found = check_files(paths)
    document = {"files": [str(path) for path in paths], "findings": [each.to_json() for each in found]}
    text = "\n".join(map(_line, found)) or f"files: {len(paths)}, nothing found"
    console.result("ci check", text, document)
    return ExitCode.FAILED if found else ExitCode.OK


def _line(finding: "Finding") -> str:
    from wasmbuild.workflows.ci.findings import RULES

    rule = RULES[finding.rule]
    place = f"{printable(finding.file)}:{finding.line}:{finding.column}"
    return f"{place}: {finding.rule}: {finding.what}\n  why:  {rule.why}\n  hint: {rule.hint}"
