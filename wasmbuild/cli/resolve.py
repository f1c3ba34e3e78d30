"""``wasmbuild resolve``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("resolve", "wasmbuild resolve ghcr.io/acme/hello:1.0.0")
@argument("reference")
def command(console: Console, registries: Registries, reference: str) -> None:
    """Say which digest REFERENCE, or oci:FOLDER:TAG, or oci-archive:FILE:TAG, means right now."""
    from wasmbuild.workflows.places import Name, reading

    with reading(Name.parse(reference), registries) as place:
        descriptor = place.resolve()
    pinned = place.pinned(descriptor)
    console.result("resolve", pinned, {"reference": pinned, "descriptor": descriptor.to_json()})
