"""What the verbs of ``keys`` share."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import option, password, password_variable
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.trust.keys import PrivateKey

__all__ = ["PREFIX", "shown", "write_pair"]

PREFIX = option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="wasmbuild",
    show_default=True,
    help="Prefix of the two files: PREFIX.key and PREFIX.pub.",
)


def write_pair(console: Console, verb: str, key: "PrivateKey", output: Path, of: str = "the key") -> None:
    """Write a key pair, and print where; ``of`` is what its password is asked for as."""
    from wasmbuild.trust.keyfiles import write_key_pair

    secret = password(confirm=True, of=of)
    files = write_key_pair(output, key, secret)
    if not secret and password_variable() is None:  # an empty variable is meant; an empty answer may be a slip
        console.emit(Note("warning", f"{files.private} has an empty password: whoever reads it can sign"))
    document = {"private": str(files.private), "public": str(files.public), "fingerprint": key.public.fingerprint}
    console.result(f"keys {verb}", str(files.public), document)


def shown(key: Path) -> str:
    """A key's place as a person gave it."""
    return f"env://{'/'.join(key.parts[1:])}" if key.parts[:1] == ("env:",) else str(key)
