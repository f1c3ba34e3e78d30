"""``wasmbuild keys certificate``."""

from pathlib import Path

import click

from wasmbuild.cli.common import OUTPUT, option, verb
from wasmbuild.cli.signing import key_option, signatory
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

_DAYS = 90
_MOST_DAYS = 3650


@verb("certificate", "wasmbuild keys certificate --key wasmbuild.key -o wasmbuild.crt")
@key_option(required=True)
@option("-o", "--output", type=OUTPUT, required=True, help="The file to write; it must not be there yet.")
@option("--subject", metavar="NAME", help="Who signs: 'C=…,ST=…,O=…,CN=…'. [default: a name for development]")
@option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    default=_DAYS,
    show_default=True,
    help="How long it is valid, from now.",
)
def command(console: Console, key: str, output: Path, subject: str | None, days: int) -> None:
    """Write a certificate for the key itself, which sign needs for Notation. Prints the file's path.

    The key signs it, and nobody else vouches for it: it is for development, and for those who trust this one
    certificate. It is its own chain, and its own certificate authority.
    """
    from wasmbuild.trust import clock
    from wasmbuild.trust.keyfiles import write_public_file
    from wasmbuild.trust.notation.development import DEFAULT_SUBJECT, make_certificate, parse_subject

    name = parse_subject(subject or DEFAULT_SUBJECT)
    signer = signatory(key)
    begins = clock.now().replace(microsecond=0)
    write_public_file(output, make_certificate(signer, name, begins, days))
    console.emit(Note("info", f"valid for {days} days, and vouched for by nobody but this key"))
    document = {"file": str(output), "fingerprint": signer.public.fingerprint, "subject": name.rfc4514_string()}
    console.result("keys certificate", str(output), document)
