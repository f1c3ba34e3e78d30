"""``wasmbuild copy``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("copy", "wasmbuild copy -r oci:dist/oci:1.0.0 ghcr.io/acme/hello:1.0.0")
@argument("source")
@argument("destination")
@option("-r", "--recursive", is_flag=True, help="Copy signatures and all else that refers to it, too.")
def command(console: Console, registries: Registries, source: str, destination: str, recursive: bool) -> None:
    """Copy an artifact from SOURCE to DESTINATION, byte for byte.

    Each is a reference, or oci:FOLDER[:TAG][@DIGEST], an OCI image layout. A destination without a
    tag takes the source's. Prints the destination by digest.
    """
    from wasmbuild.workflows.copy import copy_artifact

    copied = copy_artifact(source, destination, recursive=recursive, registries=registries, sink=console.emit)
    console.result("copy", copied.reference, copied.to_json())
