"""``wasmbuild push``."""

import os
from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, FOLDER, argument, option, password, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("push", "wasmbuild push ghcr.io/acme/hello:1.0.0 --sign --key wasmbuild.key")
@argument("reference")
@argument("file", type=FILE, required=False)
@option("--sign", is_flag=True, help="Sign the artifact before it is tagged.")
@option("--key", type=FILE, help="The private key to sign with.")
@option("-C", "--project", type=FOLDER, default=".", show_default=True, help="The project to build and push.")
def command(
    console: Console,
    registries: Registries,
    reference: str,
    file: Path | None,
    sign: bool,
    key: Path | None,
    project: Path,
) -> None:
    """Build the project and push it to REFERENCE; or push FILE, which is WebAssembly already.

    Prints the reference by digest, and nothing else.
    """
    from registry.reference import Reference
    from wasmbuild.caches import Caches
    from wasmbuild.trust.keyfiles import read_key_file
    from wasmbuild.trust.keys import PrivateKey
    from wasmbuild.workflows.build import build, pack_file
    from wasmbuild.workflows.push import prepare, push

    if sign != (key is not None):
        raise UsageFailed("--sign and --key go together", hint="wasmbuild push REFERENCE --sign --key wasmbuild.key")
    source = None if file is None else pack_file(file, os.environ)
    signer = None if key is None else PrivateKey.load(read_key_file(key), password(confirm=False))
    destination = prepare(Reference.parse(reference), registries)
    if source is None:
        source = build(project, sink=console.emit, caches=Caches.of_user(), environment=os.environ).packed
    pushed = push(source, destination, key=signer, sink=console.emit, environment=os.environ)
    console.result("push", str(pushed.reference), pushed.to_json())
