"""``wasmbuild verify``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("verify", "wasmbuild verify ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub")
@argument("reference")
@option("--key", type=FILE, required=True, help="The public key that must have signed it.")
def command(console: Console, registries: Registries, reference: str, key: Path) -> None:
    """Check that REFERENCE is signed by KEY. Prints the reference by digest; ends with 4 if it is not.

    Bundles and the .sig tag are looked at; --format json has each signature, and why it does not hold.
    """
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.verify import load_public_key, verify_remote

    asked = in_registry(reference, "verify")
    verified = verify_remote(asked, load_public_key(key), registries=registries, sink=console.emit)
    console.result("verify", str(verified.reference), verified.to_json())
