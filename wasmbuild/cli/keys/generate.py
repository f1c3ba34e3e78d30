"""``wasmbuild keys generate``."""

from pathlib import Path

from wasmbuild.cli.common import verb
from wasmbuild.cli.keys.common import PREFIX, write_pair
from wasmbuild.ui.console import Console


@verb("generate", "wasmbuild keys generate -o release")
@PREFIX
def command(console: Console, output: Path) -> None:
    """Make a key pair: PREFIX.key, encrypted with a password, and PREFIX.pub. Prints the public file's path.

    The password is asked for on a terminal, or taken from WASMBUILD_KEY_PASSWORD, which may be empty.
    """
    from wasmbuild.trust.keys import PrivateKey

    write_pair(console, "generate", PrivateKey.generate(), output)
