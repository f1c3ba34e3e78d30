"""``wasmbuild component``: modules and components, one made of the other, a file for each verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "new": "Make a component of a core module.",
    "unbundle": "Take the core modules out of a component.",
    "wit": "Show the WIT of a component.",
}


@click.group(
    "component",
    cls=LazyGroup,
    package="wasmbuild.cli.component",
    verbs=VERBS,
    epilog="Example: wasmbuild component wit dist/hello.wasm",
)
def command() -> None:
    """Make components, take them apart, and read their interfaces."""
