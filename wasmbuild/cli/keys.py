"""``wasmbuild keys``."""

from pathlib import Path

import click

from wasmbuild.cli.common import option, password, verb
from wasmbuild.ui.console import Console


@click.group("keys", epilog="Example: wasmbuild keys generate")
def command() -> None:
    """Make keys to sign with."""


@verb("generate", "wasmbuild keys generate -o release")
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="wasmbuild",
    show_default=True,
    help="Prefix of the two files: PREFIX.key and PREFIX.pub.",
)
def _generate(console: Console, output: Path) -> None:
    """Make a key pair: PREFIX.key, encrypted with a password, and PREFIX.pub. Prints the public file's path.

    The password is asked for on a terminal, or taken from WASMBUILD_KEY_PASSWORD, which may be empty.
    """
    from wasmbuild.trust.keyfiles import write_key_pair
    from wasmbuild.trust.keys import PrivateKey

    key = PrivateKey.generate()
    files = write_key_pair(output, key, password(confirm=True))
    document = {"private": str(files.private), "public": str(files.public), "fingerprint": key.public.fingerprint}
    console.result("keys generate", str(files.public), document)


command.add_command(_generate)
