"""``wasmbuild keys export``."""

from functools import cache, partial
from pathlib import Path

from wasmbuild.cli.common import FILE, OUTPUT, argument, option, password, verb
from wasmbuild.cli.keys.common import shown
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("export", "wasmbuild keys export wasmbuild.key --pkcs8 -o key.pem")
@argument("key", type=FILE)
@option("--pkcs8", is_flag=True, help="Write the private key as PKCS #8, which openssl and most others read.")
@option("--public", is_flag=True, help="Write the public half.")
@option("--unencrypted", is_flag=True, help="Write PKCS #8 without a password: who has the file can sign.")
@option("-o", "--output", type=OUTPUT, required=True, help="The file to write; it must not be there yet.")
def command(console: Console, key: Path, *, pkcs8: bool, public: bool, unencrypted: bool, output: Path) -> None:
    """Write the private key KEY, or its public half, to a file for other tools. Prints the file's path.

    PKCS #8 is encrypted with the password of KEY, unless --unencrypted is given. The file is for its owner alone.
    """
    from wasmbuild.trust.keyfiles import read_key_file, write_private_file
    from wasmbuild.trust.pkcs8 import open_private_key

    if pkcs8 == public or (public and unencrypted):
        raise UsageFailed(
            "what is written is either --pkcs8, which may be --unencrypted, or --public",
            hint=f"wasmbuild keys export {shown(key)} --pkcs8 -o key.pem",
        )
    ask = cache(partial(password, confirm=False, of=shown(key)))
    opened = open_private_key(read_key_file(key), ask)
    write_private_file(output, opened.public.pem if public else opened.pkcs8(None if unencrypted else ask()))
    if unencrypted:
        console.emit(Note("warning", f"{output} has no password: whoever reads it can sign"))
    console.result("keys export", str(output), {"file": str(output), "fingerprint": opened.public.fingerprint})
