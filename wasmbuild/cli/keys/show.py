"""``wasmbuild keys show``."""

from functools import partial
from pathlib import Path

from wasmbuild.cli.common import FILE, argument, password, verb
from wasmbuild.cli.keys.common import shown
from wasmbuild.ui.console import Console


@verb("show", "wasmbuild keys show wasmbuild.pub")
@argument("key", type=FILE)
def command(console: Console, key: Path) -> None:
    """Say what KEY is, how it signs, its fingerprint, and which other tools verify what it signed.

    A private key needs its password. Nothing of it is shown but what its public half says.
    """
    from wasmbuild.cli.registry.common import columns
    from wasmbuild.trust.described import describe
    from wasmbuild.trust.keyfiles import read_key_file

    place = shown(key)
    found = describe(read_key_file(key), partial(password, confirm=False, of=place))
    rows = [
        ["key", place],
        ["form", found.form.value],
        ["algorithm", found.public.algorithm.value],
        ["signs", found.public.algorithm.signature],
        ["fingerprint", found.public.fingerprint],
        *([tool, said] for tool, said in found.uses.items()),
    ]
    console.result("keys show", columns(rows), {"key": place, **found.to_json()})
