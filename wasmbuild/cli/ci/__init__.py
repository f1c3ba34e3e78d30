"""``wasmbuild ci``: a file for each verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "init": "Write the file of a CI system that releases a project.",
    "check": "Find what makes the files of a CI system unsafe.",
}


@click.group(
    "ci",
    cls=LazyGroup,
    package="wasmbuild.cli.ci",
    verbs=VERBS,
    epilog="Example: wasmbuild ci init github && wasmbuild ci check",
)
def command() -> None:
    """Write and check the files by which a CI system releases a project: GitHub's workflows, GitLab's pipelines."""
