"""``wasmbuild keys import``."""  # noqa: N999 - named as the verb is

from functools import partial
from pathlib import Path

from wasmbuild.cli.common import FILE, argument, password, verb
from wasmbuild.cli.keys.common import PREFIX, shown, write_pair
from wasmbuild.ui.console import Console


@verb("import", "wasmbuild keys import key.pem -o release")
@argument("key", type=FILE)
@PREFIX
def command(console: Console, key: Path, output: Path) -> None:
    """Make a key pair of the private key KEY, as generate does. Prints the public file's path.

    KEY is PKCS #8, encrypted or not, or what openssl wrote before, or a key pair's own file, to change its
    password: ECDSA on P-256 or P-384, RSA of at least 2048 bits, or Ed25519. It stays as it is. The
    password in WASMBUILD_KEY_PASSWORD opens KEY and closes PREFIX.key; a terminal is asked for both.
    """
    from wasmbuild.trust.keyfiles import read_key_file
    from wasmbuild.trust.pkcs8 import open_private_key

    opened = open_private_key(read_key_file(key), partial(password, confirm=False, of=shown(key)))
    write_pair(console, "import", opened, output, of="the new key")
