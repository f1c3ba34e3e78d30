"""``wasmbuild keys``: a file for each verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "generate": "Make a key pair.",
    "import": "Make a key pair of a private key that is there.",
    "export": "Write a key for other tools.",
    "certificate": "Write a certificate for a key, for Notation.",
    "show": "Say what a key is, and who can use it.",
    "list": "List the key pairs of a folder.",
}


@click.group(
    "keys",
    cls=LazyGroup,
    package="wasmbuild.cli.keys",
    verbs=VERBS,
    epilog="Example: wasmbuild keys generate -o release",
)
def command() -> None:
    """Make keys to sign with, and look at them.

    Passwords are asked for on a terminal, or taken from WASMBUILD_KEY_PASSWORD or else COSIGN_PASSWORD, which
    may be empty. Wherever a key is taken, env://NAME takes it from the variable NAME.
    """
