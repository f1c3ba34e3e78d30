"""``wasmbuild registry``: what an operator does to a registry of one's own, a file for each noun or verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "config": "Show the settings in force, and who said so.",
    "health": "Ask a server whether it can work.",
    "stats": "Count what the registry holds.",
    "user": "Keep accounts.",
    "token": "Keep tokens for programs.",
    "rule": "Say who may do what.",
    "quota": "Bound what repositories may hold.",
    "yank": "Say that an artifact should not be used.",
    "history": "Show what a tag has meant.",
    "retention": "Take away the tags that no rule keeps.",
    "gc": "Delete what nobody needs.",
    "scrub": "Read everything back, and find damage.",
    "backup": "Copy everything to a folder.",
    "restore": "Make an empty registry what a backup says.",
    "migrate": "Bring the database to the schema of this version.",
}


@click.group(
    "registry",
    cls=LazyGroup,
    package="wasmbuild.cli.registry",
    verbs=VERBS,
    epilog="Example: wasmbuild registry stats --data ./registry-data",
)
def command() -> None:
    """Look after a registry of one's own.

    The commands work on the registry's database and storage, whether a server of it runs or not; one
    that runs notices. They need no login: whoever can read the data may do this.
    """
