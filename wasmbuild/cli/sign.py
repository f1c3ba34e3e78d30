"""``wasmbuild sign``."""

import os
from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, password, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("sign", "wasmbuild sign ghcr.io/acme/hello@sha256:… --key wasmbuild.key")
@argument("reference")
@option("--key", type=FILE, required=True, help="The private key to sign with.")
def command(console: Console, registries: Registries, reference: str, key: Path) -> None:
    """Sign the artifact that REFERENCE means now. Prints the reference by digest."""
    from wasmbuild.trust.keyfiles import read_key_file
    from wasmbuild.trust.keys import PrivateKey
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.sign import sign_remote

    asked = in_registry(reference, "sign")
    signer = PrivateKey.load(read_key_file(key), password(confirm=False))
    signed = sign_remote(asked, signer, registries=registries, sink=console.emit, environment=os.environ)
    console.result("sign", str(signed.reference), signed.to_json())
